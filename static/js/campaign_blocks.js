// The blocks of a campaign: each shows the fields of its kind alone, and they move by buttons, by dragging or by a
// number. Without this script all fields are there, and the numbers give the order.

const group = document.getElementById("blocks-group");
const said = document.getElementById("block-said");
const tools = document.getElementById("block-tools");

const parent = group.querySelector(".inline-related").parentElement;
const rows = () => [...parent.querySelectorAll(":scope > .inline-related:not(.empty-form)")];
const field = (row, name) => row.querySelector(`[name$="-${name}"]`);
const position = (row) => field(row, "position");
const index = (row) => Number(row.id.split("-").pop());

const shows = (row) => JSON.parse(field(row, "kind").dataset.shows);
const names = (row) => new Set(Object.values(shows(row)).flat());

function showFields(row) {
  const shown = shows(row)[field(row, "kind").value];
  for (const name of names(row)) row.querySelector(`.form-row.field-${name}`).hidden = !shown.includes(name);
}

function label(row, place) {
  const kind = field(row, "kind");
  row.querySelector(".inline_label").textContent = `${place} · ${kind.selectedOptions[0].text}`;
}

function number() {
  const all = rows();
  all.forEach((row, place) => {
    position(row).value = place + 1;
    label(row, place + 1);
    row.querySelector('[data-move="-1"]').disabled = place === 0;
    row.querySelector('[data-move="1"]').disabled = place === all.length - 1;
  });
}

// The rows in this order, before what follows them: the empty one, the link to add another.
function arrange(sorted) {
  const end = rows().at(-1)?.nextSibling;
  for (const row of sorted) parent.insertBefore(row, end ?? null);
}

function place(row, at) {
  const others = rows().filter((other) => other !== row);
  others.splice(at, 0, row);
  arrange(others);
  number();
}

function tell(row) {
  const all = rows();
  said.textContent = said.dataset.place.replace("{place}", all.indexOf(row) + 1).replace("{all}", all.length);
}

function move(row, button) {
  place(row, Math.max(0, rows().indexOf(row) + Number(button.dataset.move)));
  (button.disabled ? row.querySelector("[data-move]:not(:disabled)") : button)?.focus();
  row.scrollIntoView({ block: "nearest" });
  tell(row);
}

function equip(row) {
  row.querySelector("h3").append(tools.content.cloneNode(true));
  row.querySelectorAll("[data-move]").forEach((button) => button.addEventListener("click", () => move(row, button)));
  field(row, "kind").addEventListener("change", () => (showFields(row), label(row, rows().indexOf(row) + 1)));
  position(row).addEventListener("change", () => {
    place(row, Math.max(0, (Number(position(row).value) || rows().length) - 1));
    position(row).focus();
    tell(row);
  });
  row.querySelector(".block-handle").addEventListener("dragstart", (event) => {
    event.dataTransfer.setData("text/plain", "");
    event.dataTransfer.setDragImage(row, 0, 0);
    event.dataTransfer.effectAllowed = "move";
    row.classList.add("is-dragged");
  });
  row.querySelector(".block-handle").addEventListener("dragend", () => {
    row.classList.remove("is-dragged");
    number();
  });
  showFields(row);
}

parent.addEventListener("dragover", (event) => {
  const dragged = parent.querySelector(":scope > .is-dragged");
  const over = event.target.closest?.(".inline-related:not(.empty-form)");
  if (!dragged || !over) return;
  event.preventDefault();
  if (over === dragged) return;
  const { top, height } = over.getBoundingClientRect();
  parent.insertBefore(dragged, event.clientY < top + height / 2 ? over : over.nextSibling);
});
parent.addEventListener("drop", (event) => {
  if (parent.querySelector(":scope > .is-dragged")) event.preventDefault();
});

document.addEventListener("formset:added", ({ target, detail }) => {
  if (detail.formsetName !== "blocks") return;
  equip(target);
  number();
  field(target, "kind").focus();
});

// Django numbers the rows that are left anew, by where they stand; those that are stored have to come first there.
document.addEventListener("formset:removed", ({ detail }) => {
  if (detail.formsetName !== "blocks") return;
  const order = rows();
  arrange([...order].sort((one, other) => index(one) - index(other)));
  queueMicrotask(() => {
    arrange(order);
    number();
    // The editor is named by the label, whose id has changed.
    for (const row of order) {
      const named = row.querySelector(".field-text label").id;
      if (named) row.querySelector(".ProseMirror[role=textbox]")?.setAttribute("aria-labelledby", named);
    }
  });
});

// The empty block at the end is for those without a script; here a link adds one. After a mistake elsewhere on the form
// the last one may have been written.
const total = document.getElementById("id_blocks-TOTAL_FORMS");
const blank = rows().at(-1);
if (blank && rows().length > 1 && !blank.classList.contains("has_original") && !blank.querySelector(".errorlist")) {
  if ([...names(blank)].every((name) => !field(blank, name).value)) {
    blank.remove();
    total.value = Number(total.value) - 1;
  }
}

rows().forEach(equip);
arrange(rows().sort((one, other) => (position(one).value || Infinity) - (position(other).value || Infinity)));
number();
