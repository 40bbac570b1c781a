// GridBar: the buttons above a grid that label, confirm and choose its pictures, as its keys do.
import { button, make } from "./dom.js";
import { number } from "./wording.js";

const FIRST = "Click pictures, then the class they show:";
const MORE = "Ctrl or Shift for several. Keys: arrows, 1 to 9 label, Enter confirms, space opens.";

export class GridBar {
  /** `act` has choose(slot), pick(), all(), whole(), confirm(), unpin(), undo() and redo(). */
  constructor(act) {
    this.act = act;
    const made = (text, title, action) => button("pls-bar-button", title, text, action);
    this.classes = make("span", "pls-bar-classes", { role: "group", "aria-label": "The chosen pictures show" });
    this.other = made("Other class …", "Find a class by a few letters (C)", act.pick);
    this.all = made("Choose all", "Choose every picture that is shown (A)", act.all);
    this.whole = made("", "Choose every picture of this list, on all its pages (Shift and A)", act.whole);
    this.undo = made("Undo", "Take back the last correction (Z)", act.undo);
    this.redo = made("Redo", "Make the correction again (Y)", act.redo);
    this.node = make("div", "pls-bar", {},
      make("div", "pls-bar-row", {}, make("span", "pls-faint", {}, FIRST), this.classes, this.other),
      make("div", "pls-bar-row", {}, this.all, this.whole,
        made("Confirm", "The chosen pictures show what they are labelled as (Enter)", act.confirm),
        made("Let the loop decide", "Take the fixed labels of the chosen pictures away (0)", act.unpin),
        this.undo, this.redo, make("span", "pls-faint", {}, MORE)));
  }

  /** Offer these classes: [{slot, name, colour, key}]; those without a key are found by letters. */
  offer(classes) {
    const keyed = classes.filter(({ key }) => key);
    this.classes.replaceChildren(...keyed.map(({ slot, name, colour, key }) => {
      const choice = button("pls-bar-button", `The chosen pictures show: ${name}`, `${key}  ${name}`, () => this.act.choose(slot));
      choice.style.borderLeft = `4px solid ${colour}`;
      return choice;
    }));
    this.other.hidden = keyed.length === classes.length;
  }

  /** Show what can be done: `listed` pictures are in the list, `shown` of them on this page. */
  show({ listed, shown, canUndo, canRedo }) {
    this.all.textContent = listed > shown ? "Choose page" : "Choose all";
    this.all.setAttribute("aria-label", `${this.all.textContent}: ${this.all.title}`);
    this.whole.hidden = listed <= shown;
    this.whole.textContent = `Choose all ${number(listed)}`;
    this.whole.setAttribute("aria-label", `${this.whole.textContent}: ${this.whole.title}`);
    this.undo.disabled = !canUndo;
    this.redo.disabled = !canRedo;
  }
}
