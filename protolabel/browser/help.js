// Help: a sheet over the map that explains mouse, touch and keys.
import { button, icon, make } from "./dom.js";

const GESTURES = [
  ["Drag", "move the map; on a touch screen sideways, or with two fingers"],
  ["Wheel, + and −", "zoom"],
  ["0, double click", "show everything"],
  ["L, Shift and drag", "draw a lasso around images"],
  ["Click", "select an image; with Shift, add it"],
  ["Tap", "show the picture of an image; tap again to select it"],
  ["← →, Home, End", "go through the iterations"],
  ["Space", "play the iterations"],
  ["Esc", "clear the selection, leave the lasso"],
];
const LABELLING = [
  ["1 to 9", "label the selected images as the first to ninth class"],
  ["Z, Y", "take the last correction back; make it again"],
];

export class Help {
  /** `closed()` is called when a person closes the sheet. */
  constructor(closed) {
    this.closed = closed;
    this.list = make("dl");
    this.close = button("pl-tool", "Close (Escape)", icon("close"), () => this.toggle(false));
    this.node = make("div", "pl-help", { role: "dialog", "aria-label": "Mouse and keys", hidden: "" },
      make("div", "pl-help-title", {}, make("b", "", {}, "Mouse and keys"), this.close), this.list);
  }

  get shown() {
    return !this.node.hidden;
  }

  offer(labelling) {
    if (labelling === this.labelling) return;
    this.labelling = labelling;
    this.list.replaceChildren(...[...GESTURES, ...(labelling ? LABELLING : [])].flatMap(([keys, what]) =>
      [make("dt", "", {}, keys), make("dd", "", {}, what)]));
  }

  toggle(shown = !this.shown) {
    this.node.hidden = !shown;
    if (shown) this.close.focus();
    else this.closed();
  }
}
