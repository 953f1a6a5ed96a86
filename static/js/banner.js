// The film in the banner: starts by itself only where nobody asked for stillness or for less data,
// and always has a button to stop it (WCAG 2.2.2).

const stillness = matchMedia("(prefers-reduced-motion: reduce)");

for (const banner of document.querySelectorAll("[data-banner]")) {
  const film = banner.querySelector("video");
  const button = banner.querySelector("button");

  const show = () => {
    button.setAttribute("aria-label", film.paused ? button.dataset.play : button.dataset.pause);
    button.classList.toggle("paused", film.paused);
  };

  film.controls = false;
  button.hidden = false;
  film.addEventListener("play", show);
  film.addEventListener("pause", show);
  button.addEventListener("click", () => (film.paused ? film.play() : film.pause()));
  stillness.addEventListener("change", () => stillness.matches && film.pause());
  show();

  // A browser may refuse to start it: then the button says "Play", which is right.
  if (!stillness.matches && !navigator.connection?.saveData) film.play().catch(show);
}
