// Choice: which pictures of a grid are chosen, and at which one the keyboard is. It knows no page.
// Pictures are known by their ids, so they stay chosen and in focus when others come or the order
// changes.

export class Choice {
  constructor() {
    this.ids = []; // as they are shown, place by place
    this.at = 0; // the place of the keyboard
    this.anchor = 0; // where a range begins
    this.chosen = new Set();
  }

  /** Other pictures are shown, or the same in another order. */
  show(ids) {
    const [here, anchor] = [this.ids[this.at], this.ids[this.anchor]];
    const place = (id, before) => {
      const found = ids.indexOf(id);
      return found >= 0 ? found : Math.max(0, Math.min(ids.length - 1, before));
    };
    this.ids = ids;
    [this.at, this.anchor] = [place(here, this.at), place(anchor, this.anchor)];
    const shown = new Set(ids);
    for (const id of this.chosen) if (!shown.has(id)) this.chosen.delete(id);
  }

  /** What an action is about: the chosen pictures, else the one at the keyboard. */
  get targets() {
    return this.chosen.size ? this.ids.filter((id) => this.chosen.has(id)) : this.ids.slice(this.at, this.at + 1);
  }

  /** Choose these and no others. */
  choose(ids) {
    this.chosen = new Set(ids);
  }

  chooseAll() {
    this.choose(this.ids);
  }

  /** Choose the picture at a place alone, or all from the anchor to it (`range`). */
  moveTo(place, range) {
    this.at = Math.max(0, Math.min(this.ids.length - 1, place));
    if (!range) this.anchor = this.at;
    const [from, to] = [Math.min(this.at, this.anchor), Math.max(this.at, this.anchor)];
    this.choose(this.ids.slice(from, to + 1));
  }

  /** Choose the picture at a place, or let go of it, beside the others. */
  turn(place) {
    const id = this.ids[place];
    if (id === undefined) return;
    [this.at, this.anchor] = [place, place];
    if (!this.chosen.delete(id)) this.chosen.add(id);
  }

  /** Whether an action is about the last picture alone. */
  get atEnd() {
    return this.targets.length === 1 && this.targets[0] === this.ids.at(-1);
  }

  /** No picture is up: the next ones are on their way. */
  leave() {
    this.choose([]);
    [this.at, this.anchor] = [this.ids.length, this.ids.length];
  }

  /** After an answer about one picture the next one is up; several are let go. */
  advance() {
    if (this.targets.length === 1) this.moveTo(this.ids.indexOf(this.targets[0]) + 1, false);
    else this.choose([]);
  }
}
