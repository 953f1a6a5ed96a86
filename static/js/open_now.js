// "Open until 5 p.m." from the printed hours and the location's own clock. Without this script nothing is shown.
// data-hours: Monday to Sunday, each a list of [opens, closes] in minutes from midnight.
// data-closed: first/last days of closures, as 2026-12-24/2026-12-26, with spaces between them.

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** Weekday (0 is Monday), ISO date and minutes from midnight, on the wall clock of `zone`. */
function clock(zone, instant) {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", weekday: "short",
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  });
  const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
  return {
    day: DAYS.indexOf(part.weekday),
    date: `${part.year}-${part.month}-${part.day}`,
    minutes: Number(part.hour) * 60 + Number(part.minute),
  };
}

/** Minutes from midnight in the words of the page: "5 p.m.", "8:30 a.m.". */
function spoken(minutes) {
  const time = new Date(Date.UTC(2000, 0, 1, 0, minutes));
  const options = { timeZone: "UTC", hour: "numeric", minute: minutes % 60 ? "2-digit" : undefined };
  return time.toLocaleTimeString(document.documentElement.lang, options).replace("AM", "a.m.").replace("PM", "p.m.");
}

function show(element, instant) {
  const { zone, hours, closed, openWords, closedWords } = element.dataset;
  const now = clock(zone, instant);
  const isClosure = closed.split(" ").filter(Boolean).some((span) => {
    const [first, last] = span.split("/");
    return first <= now.date && now.date <= last;
  });
  const current = JSON.parse(hours)[now.day].find(([opens, closes]) => opens <= now.minutes && now.minutes < closes);
  const isOpen = current !== undefined && !isClosure;
  element.textContent = isOpen ? openWords.replace("{time}", spoken(current[1])) : closedWords;
  element.classList.toggle("is-open", isOpen);
  element.hidden = false;
}

for (const element of document.querySelectorAll("[data-open-now]")) {
  show(element, new Date());
  setInterval(() => show(element, new Date()), 60_000);
}
