// The menu of narrow screens opens and closes by itself, being a <details>. Escape closes it too, and whoever was in it
// by keyboard stands on its button again.

const menu = document.querySelector(".site-menu");

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu.open = false;
});
