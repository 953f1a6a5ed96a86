// The editor gives its text box no name: it gets that of the field's label, as soon as it is there.
function name(box) {
  const label = box.closest(".form-row")?.querySelector("label");
  if (!label || box.hasAttribute("aria-labelledby")) return;
  label.id ||= `${label.htmlFor}_label`;
  box.setAttribute("aria-labelledby", label.id);
  box.setAttribute("aria-multiline", "true");
}

function nameAll() {
  document.querySelectorAll(".ProseMirror[role=textbox]").forEach(name);
}

new MutationObserver(nameAll).observe(document.body, { childList: true, subtree: true });
nameAll();
