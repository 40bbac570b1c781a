// Selection: the selected images, and the bar that counts and relabels them.
import { countOf } from "./bytes.js";
import { button, icon, make } from "./dom.js";
import { counted, number } from "./wording.js";

const ASK = "Label as …";
const NONE = [];

export class Selection {
  /** `act` has clear(), relabel(class) and undo(). */
  constructor(act) {
    this.flags = null; // a byte for each image, or null for none selected
    this.text = make("span");
    this.chip = button("pl-chip", "Clear the selection (Escape)", this.text, act.clear);
    this.chip.append(icon("close"));
    this.menu = make("select", "pl-relabel", { "aria-label": "Label the selected images as" });
    this.menu.addEventListener("change", () => act.relabel(Number(this.menu.value)));
    this.done = make("span", "pl-done", { role: "status" });
    this.undo = button("", "Take the last correction back (Z)", "Undo", act.undo);
    this.node = make("div", "pl-selection", {}, this.chip, this.menu, this.done, this.undo);
    this.offer(NONE);
    this.report("");
  }

  /** Offer these classes as labels, with their number keys; none if nothing listens for labels. */
  offer(names = NONE, keys = NONE) {
    if (names === this.names && keys === this.keys) return;
    [this.names, this.keys] = [names, keys];
    const options = names.map((name, c) => make("option", "", { value: String(c) }, keys[c] ? `${keys[c]}  ${name}` : name));
    this.menu.replaceChildren(make("option", "", { value: "" }, ASK), ...options);
    this.menu.hidden = !names.length || !this.flags;
  }

  show(flags) {
    const count = flags ? countOf(flags) : 0;
    this.flags = count ? flags : null;
    this.chip.hidden = !count;
    this.menu.hidden = !count || !this.names.length;
    this.menu.value = "";
    this.text.textContent = `${number(count)} selected`;
    this.chip.setAttribute("aria-label", `${this.text.textContent}: ${this.chip.title}`);
    if (count) this.report("");
    return count;
  }

  /** Report what happened to the images, with an undo button; an empty text hides it. */
  report(text) {
    this.done.textContent = text;
    this.done.hidden = this.undo.hidden = !text;
  }

  reportLabelled(count, name) {
    this.report(`${counted(count, "image")} labelled ${name}`);
  }

  /** Flags with one image toggled (`add`) or alone; null if the click hit no image. */
  clicked(i, n, add) {
    if (i < 0 && add) return null;
    const flags = add && this.flags ? this.flags.slice() : new Uint8Array(n);
    if (i >= 0) flags[i] = add ? 1 - flags[i] : 1;
    return flags;
  }

  /** Flags combined with the current selection. */
  joined(flags) {
    return this.flags ? flags.map((flag, i) => flag | this.flags[i]) : flags;
  }
}
