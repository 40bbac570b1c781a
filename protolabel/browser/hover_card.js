// HoverCard: the picture and the facts of the image under the pointer. Owns the hovered index,
// the atlas of thumbnails, and the pictures received from the kernel.
import { typed } from "./bytes.js";
import { css } from "./colours.js";
import { make } from "./dom.js";
import { fileName, percent } from "./wording.js";

const SIDE = 128; // of the picture in CSS pixels
const MOST_PICTURES = 300;
const REST_MS = 80; // that the pointer rests before the kernel hears of it
const GAP = 16; // between an image and its card

export class HoverCard {
  /** `act` has tell(index), ask(index) for a sharp picture, and redraw(). */
  constructor(act) {
    this.act = act;
    this.index = -1;
    this.atlas = null;
    this.pictures = new Map(); // index -> {picture, caption}, or null while it is asked for
    this.canvas = make("canvas");
    this.facts = make("div", "pl-facts");
    this.node = make("div", "pl-card", { hidden: "", "aria-hidden": "true" }, this.canvas, this.facts);
  }

  /** Show another image, -1 for none; return whether it changed. */
  turn(i) {
    if (i === this.index) return false;
    this.index = i;
    this.node.hidden = i < 0;
    clearTimeout(this.clock);
    this.clock = setTimeout(() => {
      this.act.tell(i);
      if (i >= 0) this.ask(i); // a tile of the atlas is small
    }, REST_MS);
    if (i >= 0 && !this.atlas) this.ask(i);
    return true;
  }

  ask(i) {
    if (this.pictures.has(i)) return;
    if (this.pictures.size > MOST_PICTURES) this.pictures.delete(this.pictures.keys().next().value);
    this.pictures.set(i, null);
    this.act.ask(i);
  }

  /** Receive a picture from the kernel. */
  async receive(message, buffers) {
    const i = message?.thumb;
    if (!Number.isInteger(i)) return;
    const bytes = typed(buffers?.[0], Uint8Array);
    const picture = bytes.length ? await decoded(new Blob([bytes])) : null;
    this.pictures.set(i, { picture, caption: String(message.caption ?? "") });
    if (i === this.index) this.act.redraw();
  }

  async readAtlas(value) {
    const bytes = typed(value, Uint8Array);
    this.atlas = null;
    if (!bytes.length) return;
    this.atlas = await decoded(new Blob([bytes], { type: "image/jpeg" }));
    this.act.redraw();
  }

  forget() {
    this.pictures.clear();
    this.turn(-1);
  }

  fill({ data, step, palette, captions, tile, ratio }) {
    const i = this.index;
    const caption = captions?.[i] ?? this.pictures.get(i)?.caption ?? "";
    this.facts.replaceChildren(
      ...factsOf(data, i, step, palette),
      make("div", "", {}, caption ? fileName(caption) : `image ${i}`));
    const sent = this.pictures.get(i)?.picture;
    const source = sent ?? this.atlas;
    this.canvas.hidden = !source;
    if (source) this.drawPicture(source, sent ? middleSquare(sent) : tileOf(this.atlas, i, tile), ratio);
  }

  /** The square [left, top, side] of a source, in as many pixels as the screen has. */
  drawPicture(source, [left, top, side], ratio) {
    this.canvas.width = this.canvas.height = Math.round(SIDE * ratio);
    const g = this.canvas.getContext("2d");
    g.imageSmoothingQuality = "high";
    g.drawImage(source, left, top, side, side, 0, 0, this.canvas.width, this.canvas.height);
  }

  place(spot, view) {
    const [left, top] = beside(spot, [this.node.offsetWidth, this.node.offsetHeight], [view.width, view.height]);
    this.node.style.transform = `translate(${left}px, ${top}px)`;
  }

  dispose() {
    clearTimeout(this.clock);
  }
}

/** Position of a box beside a point within an area: right or left, else below or above. */
export function beside([x, y], [w, h], [width, height]) {
  const within = (at, size, room) => Math.max(4, Math.min(room - size - 4, at));
  if (x + GAP + w <= width) return [x + GAP, within(y - h / 2, h, height)];
  if (x - GAP - w >= 0) return [x - GAP - w, within(y - h / 2, h, height)];
  const below = y + GAP + h <= height ? y + GAP : y - GAP - h;
  return [within(x - w / 2, w, width), within(below, h, height)];
}

export function middleSquare({ width, height }) {
  const side = Math.min(width, height);
  return [(width - side) / 2, (height - side) / 2, side];
}

export function tileOf({ width }, i, side) {
  const columns = Math.floor(width / side);
  return [(i % columns) * side, Math.floor(i / columns) * side, side];
}

/** A picture, or null if it is damaged or the browser is short of memory. */
async function decoded(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    return null;
  }
}

function factsOf(data, i, step, palette) {
  if (!data.steps) return [];
  const label = data.at(data.labels, step)[i];
  const first = data.labels[i];
  const swatch = make("span", "pl-swatch");
  swatch.style.background = css(palette[label]);
  const facts = [];
  const agreement = data.agreementAt(step);
  const pinned = data.pins.includes(i);
  if (agreement && !pinned && !data.unfit?.[i]) facts.push(`agreement ${percent(agreement[i] / 255)}`);
  if (first !== label) facts.push(`zero-shot: ${data.names[first] ?? ""}`);
  if (data.unfit?.[i]) facts.push("set aside: none of these");
  if (pinned) facts.push("fixed by you");
  return [
    make("div", "pl-name", {}, swatch, make("span", "", {}, data.names[label] ?? "")),
    ...facts.map((fact) => make("div", "", {}, fact)),
  ];
}
