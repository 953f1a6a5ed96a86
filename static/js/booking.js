// A choice that htmx has fetched: the focus goes to the heading of what is new there, and a screen reader hears how
// many times are free, wherever it reads just then. Without this script, or without any, links open the page anew.

const said = document.getElementById("said");

document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (detail.target?.id !== "choosing") return;
  const times = document.getElementById("times");
  const heading = document.getElementById(detail.requestConfig.elt.dataset.focus ?? "times") ?? times;
  heading.focus();
  said.textContent = times.textContent.trim();
});
