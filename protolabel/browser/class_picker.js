// ClassPicker: a field that finds a class among many by a few letters. Enter takes the first found.
import { make } from "./dom.js";
import { matching } from "./wording.js";

const MOST = 12; // classes that are listed at a time

export class ClassPicker {
  /** `act` has choose(slot) and closed(). */
  constructor(act) {
    this.act = act;
    this.classes = [];
    this.at = 0;
    this.field = make("input", "pls-pick-field", {
      type: "text", placeholder: "Label as …", role: "combobox", "aria-label": "Label as: type a part of a class name",
      "aria-expanded": "true", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false",
    });
    this.list = make("div", "pls-pick-list", { role: "listbox", "aria-label": "Classes" });
    this.list.id = `pls-pick-${Math.random().toString(36).slice(2)}`;
    this.field.setAttribute("aria-controls", this.list.id);
    this.node = make("div", "pls-pick", { "data-lm-suppress-shortcuts": "true" }, this.field, this.list);
    this.field.addEventListener("input", () => this.find());
    this.node.addEventListener("keydown", (event) => this.keyDown(event));
    this.node.addEventListener("focusout", (event) => {
      if (!this.node.contains(event.relatedTarget)) this.node.remove();
    });
  }

  /** The classes to choose from: [{slot, name, colour, key}]. */
  offer(classes) {
    this.classes = classes;
    this.names = classes.map(({ name }) => name);
    if (this.node.isConnected) this.find();
  }

  /** Open it in a place, under a tile of it. */
  open(place, tile) {
    if (!this.classes.length) return;
    place.append(this.node);
    this.node.style.top = tile ? `${tile.offsetTop + tile.offsetHeight}px` : "";
    this.node.style.left = tile ? `${Math.max(0, Math.min(tile.offsetLeft, place.clientWidth - this.node.offsetWidth - 8))}px` : "";
    this.field.value = "";
    this.find();
    this.field.focus();
  }

  close() {
    this.act.closed(); // takes the focus, and with it the field from the page
  }

  find() {
    this.at = 0;
    this.found = matching(this.names, this.field.value);
    const shown = this.found.slice(0, MOST);
    this.list.replaceChildren(...shown.map((c, i) => {
      const { name, colour, key } = this.classes[c];
      const dot = make("span", "pls-dot");
      dot.style.setProperty("--colour", colour);
      const line = make("div", "pls-pick-line", { role: "option", id: `${this.list.id}-${i}`, title: name },
        dot, make("span", "", {}, name), make("span", "pls-note", {}, key ? String(key) : ""));
      line.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
      line.addEventListener("click", () => this.take(i));
      return line;
    }));
    const rest = this.found.length - shown.length;
    if (!shown.length) this.list.append(make("div", "pls-faint", {}, "No class is called so."));
    if (rest > 0) this.list.append(make("div", "pls-faint", {}, `and ${rest} more: type on`));
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((line, i) => line.role === "option" && line.setAttribute("aria-selected", String(i === this.at)));
    if (this.found.length) this.field.setAttribute("aria-activedescendant", `${this.list.id}-${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  take(i) {
    if (this.found[i] === undefined) return;
    const { slot } = this.classes[this.found[i]];
    this.close();
    this.act.choose(slot);
  }

  keyDown(event) {
    event.stopPropagation(); // here keys are letters
    const last = Math.min(this.found.length, MOST) - 1;
    const actions = {
      Escape: () => this.close(),
      Enter: () => this.take(this.at),
      ArrowDown: () => (this.at = Math.min(last, this.at + 1)),
      ArrowUp: () => (this.at = Math.max(0, this.at - 1)),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    this.mark();
  }

  dispose() {
    this.node.remove();
  }
}
