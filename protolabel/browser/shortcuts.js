// Keys without Ctrl, Cmd or Alt belong to what has the focus in a panel. Notebook 7 hears keys
// first: an arrow would leave the cell, and x would cut it. It passes over a target with this
// attribute, as JupyterLab does; shortcuts with Ctrl, such as Ctrl+S, stay the notebook's.

function claim({ target, ctrlKey, metaKey, altKey }) {
  if (!target.closest?.(".pls-panel, .pls-studio")) return;
  target.toggleAttribute("data-lm-suppress-shortcuts", !(ctrlKey || metaKey || altKey));
}

function initialize() {
  window.addEventListener("keydown", claim, true); // before the notebook, which hears the document
  return () => window.removeEventListener("keydown", claim, true);
}

export default { initialize };
