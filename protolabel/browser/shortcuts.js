// Keys without Ctrl, Cmd or Alt go to the focused element of a panel. Notebook 7 handles keys first:
// an arrow would leave the cell, and x would cut it. Like JupyterLab, it ignores keys on an element
// with this attribute. Shortcuts with Ctrl, such as Ctrl+S, stay with the notebook.

function claim({ target, ctrlKey, metaKey, altKey }) {
  if (!target.closest?.(".pls-panel, .pls-studio")) return;
  target.toggleAttribute("data-lm-suppress-shortcuts", !(ctrlKey || metaKey || altKey));
}

function initialize() {
  window.addEventListener("keydown", claim, true); // before the notebook, which hears the document
  return () => window.removeEventListener("keydown", claim, true);
}

export default { initialize };
