// What a phase occupies is called as its row is, while it is being typed; without this, after the next save.
for (const row of document.querySelectorAll("[data-need]")) {
  const name = row.querySelector("input[type=text]");
  const labels = document.querySelectorAll(`[data-named-by="${row.dataset.need}"]`);
  const before = labels[0]?.textContent;
  name?.addEventListener("input", () => {
    for (const label of labels) label.textContent = name.value.trim() || before;
  });
}
