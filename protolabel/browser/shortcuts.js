// What the panels need of the page beside their widgets: keys, and names for every field.
//
// Keys without Ctrl, Cmd or Alt belong to the focused panel. Notebook 7 handles keys first: an
// arrow would leave the cell, and x would cut it. Both it and JupyterLab ignore keys on elements
// with this attribute; shortcuts with Ctrl, such as Ctrl+S, still reach the notebook.
//
// ipywidgets gives sliders, colours and fields without a description no name that a screen reader
// could say; they get that of their label, else of their tooltip. It shows no tooltip of a widget
// that has a description, it calls a button that bears a sign like the sign, and its folded parts
// open by mouse only.

const FIELDS = ["input", "select", "textarea", ".noUi-handle", '[role="progressbar"]', ".progress"]
  .map((field) => `.pls-panel ${field}`).join(", ");
const FOLDED = ".pls-panel .jupyter-widget-Collapse-header";
const LIVE = ".pls-live > .widget-html-content"; // what a screen reader says when it changes
const QUIET_MS = 150;

function claim({ target, ctrlKey, metaKey, altKey }) {
  if (!target.closest?.(".pls-panel, .pls-studio")) return;
  target.toggleAttribute("data-lm-suppress-shortcuts", !(ctrlKey || metaKey || altKey));
}

/** Enter in a field presses the button beside it, with all that is written. */
function enter(event) {
  const field = event.target.closest?.(".pls-enters input");
  if (!field || event.key !== "Enter" || event.isComposing || event.defaultPrevented) return;
  event.preventDefault(); // other studios on the page listen as well
  field.dispatchEvent(new Event("change", { bubbles: true })); // so that its widget knows the text
  field.closest(".widget-hbox")?.querySelector(".pls-page-button")?.click();
}

function nameFields() {
  for (const field of document.querySelectorAll(FIELDS)) {
    if (field.hasAttribute("aria-label") || field.hasAttribute("aria-labelledby")) continue;
    const widget = field.closest(".jupyter-widgets") ?? field;
    const label = widget.querySelector(".widget-label")?.textContent.trim();
    const title = field.title || widget.title || widget.querySelector("[title]")?.title;
    const isHandle = field.classList.contains("noUi-handle");
    if (field.labels?.length && label && !isHandle) continue; // the page says it already
    const part = field.classList.contains("noUi-handle-upper") && widget.querySelector(".noUi-handle-lower + *, .noUi-origin + .noUi-origin")
      ? ", upper end" : "";
    const name = `${label || title || (field.matches(".progress, [role=progressbar]") ? "Progress" : "")}${part}`;
    if (name) field.setAttribute("aria-label", name);
    if (field.matches(".progress")) field.setAttribute("role", "progressbar");
  }
}

/** A tooltip shows wherever the pointer is over a widget. */
function showTips(tips) {
  for (const [mark, text] of Object.entries(tips))
    for (const widget of document.getElementsByClassName(mark))
      for (const node of [widget, ...widget.querySelectorAll("[title]")]) node.title = text;
}

/** A button with a sign for a text is called by what it does. */
function nameButtons() {
  for (const button of document.querySelectorAll(".pls-panel .jupyter-button")) {
    const hasWords = /\p{L}/u.test(button.textContent); // a text may come later, and go again
    if (hasWords && button.ariaLabel === button.title) button.removeAttribute("aria-label");
    else if (!hasWords && button.title) button.setAttribute("aria-label", button.title);
  }
}

function markFolded() {
  for (const header of document.querySelectorAll(FOLDED)) {
    header.setAttribute("role", "button");
    header.tabIndex = 0;
    header.querySelector("i")?.setAttribute("aria-hidden", "true"); // the caret
    header.setAttribute("aria-expanded", String(header.parentElement.classList.contains("jupyter-widget-Collapse-open")));
  }
}

/** Enter and space open what a click opens. */
function unfold(event) {
  if (!["Enter", " "].includes(event.key) || !event.target.matches?.(FOLDED) || event.defaultPrevented) return;
  event.preventDefault();
  event.target.click();
}

function tend(tips) {
  nameFields();
  showTips(tips);
  nameButtons();
  markFolded();
  for (const strip of document.querySelectorAll("img.pls-strip:not([alt])")) strip.alt = "Pictures of this group";
  for (const line of document.querySelectorAll(LIVE)) line.setAttribute("role", "status");
}

function initialize({ model }) {
  window.addEventListener("keydown", claim, true); // before the notebook, which listens on the document
  window.addEventListener("keydown", enter, true);
  window.addEventListener("keydown", unfold, true);
  let waiting = 0;
  const watcher = new MutationObserver(() => {
    waiting ||= setTimeout(() => {
      waiting = 0;
      tend(model.get("tips"));
    }, QUIET_MS);
  });
  watcher.observe(document.body, { childList: true, subtree: true });
  window.addEventListener("click", markFolded);
  return () => {
    window.removeEventListener("keydown", claim, true);
    window.removeEventListener("keydown", enter, true);
    window.removeEventListener("keydown", unfold, true);
    window.removeEventListener("click", markFolded);
    watcher.disconnect();
    clearTimeout(waiting);
  };
}

export default { initialize };
