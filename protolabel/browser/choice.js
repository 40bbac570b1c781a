// Choice: which pictures of a grid are selected, and which has the keyboard focus. Independent of
// the page. Pictures are identified by id, so selection and focus survive new pictures and orders.

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

  /** The pictures that are selected, as they are shown. */
  get picked() {
    return this.ids.filter((id) => this.chosen.has(id));
  }

  /** The pictures a key applies to: those selected, else the one with the focus. */
  get targets() {
    return this.chosen.size ? this.picked : this.ids.slice(this.at, this.at + 1);
  }

  /** Whether the picture at a place is chosen, and no other. */
  isAlone(place) {
    return this.chosen.size === 1 && this.chosen.has(this.ids[place]);
  }

  /** Choose these and no others. */
  choose(ids) {
    this.chosen = new Set(ids);
  }

  chooseAll() {
    this.choose(this.ids);
  }

  /** Select only the picture at an index, or all from the anchor to it (`range`). */
  moveTo(place, range) {
    this.at = Math.max(0, Math.min(this.ids.length - 1, place));
    if (!range) this.anchor = this.at;
    const [from, to] = [Math.min(this.at, this.anchor), Math.max(this.at, this.anchor)];
    this.choose(this.ids.slice(from, to + 1));
  }

  /** Toggle the picture at an index in the selection. */
  turn(place) {
    const id = this.ids[place];
    if (id === undefined) return;
    [this.at, this.anchor] = [place, place];
    if (!this.chosen.delete(id)) this.chosen.add(id);
  }

  /** Whether an action applies to the last picture alone. */
  get atEnd() {
    return this.targets.length === 1 && this.targets[0] === this.ids.at(-1);
  }

  /** Clear the selection while the next page is loading. */
  leave() {
    this.choose([]);
    [this.at, this.anchor] = [this.ids.length, this.ids.length];
  }

  /** After an answer about one picture, select the next; after several, clear the selection. */
  advance() {
    if (this.targets.length === 1) this.moveTo(this.ids.indexOf(this.targets[0]) + 1, false);
    else this.choose([]);
  }
}
