// A letter is shown in full length: the frame takes the height of what is in it. Without this script it scrolls.
function fit(frame) {
  const page = frame.contentDocument?.documentElement;
  if (!page) return;
  frame.style.blockSize = "";
  frame.style.blockSize = `${page.scrollHeight}px`;
}

for (const frame of document.querySelectorAll("iframe.letter")) {
  frame.addEventListener("load", () => fit(frame));
  if (frame.contentDocument?.readyState === "complete") fit(frame);
}
