// Before a held time runs out it says so: politely with two minutes to go, urgently with less than one. Escape or the
// button keeps it; nothing moves, and the focus stays where it is. Without this script the page names the time, and
// the button sends the form to be kept.

const POLITE = 120, URGENT = 50; // seconds; WCAG 2.2, 2.2.1 wants 20 at least
const bar = document.querySelector("[data-hold]");
const button = bar.querySelector("[data-keep]");
const politely = bar.querySelector("[data-polite-place]");
const urgently = bar.querySelector("[data-assertive-place]");
let endsAt = Date.now() + Number(bar.dataset.secondsLeft) * 1000; // by this clock, right or wrong
let stage = Number(bar.dataset.secondsLeft) > 0 ? "kept" : "ended";

const secondsLeft = () => Math.round((endsAt - Date.now()) / 1000);

function stageOf(left) {
  if (left <= 0) return "ended";
  if (left <= URGENT) return "urgent";
  return left <= POLITE ? "polite" : "kept";
}

function tick() {
  const left = secondsLeft();
  const next = stageOf(left);
  if (next === stage) return;
  stage = next;
  bar.classList.toggle("is-ending", stage === "polite" || stage === "urgent");
  bar.classList.toggle("is-ended", stage === "ended");
  politely.textContent = stage === "polite" ? bar.dataset.polite.replace("{minutes}", Math.ceil(left / 60)) : "";
  urgently.textContent = stage === "urgent" ? bar.dataset.assertive : stage === "ended" ? bar.dataset.ended : "";
}

async function keep() {
  const { form, formAction: action } = button;
  const answer = await fetch(action, {
    method: "POST", body: new FormData(form, button), headers: { Accept: "application/json" }, redirect: "error",
  });
  if (!answer.ok) throw new Error(answer.status);
  const { seconds_left: left, until, may_keep: mayKeep } = await answer.json();
  endsAt = Date.now() + left * 1000;
  for (const place of document.querySelectorAll("[data-until]")) place.textContent = until;
  tick();
  politely.textContent = bar.dataset.kept.replace("{until}", until);
  button.hidden = !mayKeep;
}

// What is no answer to a script, a page says: the browser sends the form as it would without one.
const kept = () => keep().catch(() => button.form.requestSubmit(button));

button?.addEventListener("click", (event) => {
  event.preventDefault();
  kept();
});

document.addEventListener("keydown", (event) => {
  const isEnding = stage === "polite" || stage === "urgent";
  if (event.key === "Escape" && isEnding && button && !button.hidden && !event.isComposing) kept();
});

setInterval(tick, 1000);
tick();
