/* Only a script can open the browser's own window for printing; without one the button stays hidden. */
for (const button of document.querySelectorAll("[data-prints]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
