// HoverCard: the picture and the facts of the image under the pointer. It owns which image that is,
// the atlas of small pictures, and the pictures that the kernel sent.
import { typed } from "./bytes.js";
import { css } from "./colours.js";
import { make } from "./dom.js";
import { fileName } from "./wording.js";

const TILE = 48; // of the atlas
const SIDE = 128; // of the drawing
const MOST_PICTURES = 300;
const TELL_MS = 80;

export class HoverCard {
  /** `act` has tell(index), ask(index) for a picture, and redraw(). */
  constructor(act) {
    this.act = act;
    this.index = -1;
    this.atlas = null;
    this.pictures = new Map(); // index -> {picture, caption}, or null while it is asked for
    this.canvas = make("canvas", "", { width: SIDE, height: SIDE });
    this.facts = make("div", "pl-facts");
    this.node = make("div", "pl-card", { hidden: "", "aria-hidden": "true" }, this.canvas, this.facts);
  }

  /** Turn to another image, -1 for none; says whether it is another. */
  turn(i) {
    if (i === this.index) return false;
    this.index = i;
    this.node.hidden = i < 0;
    clearTimeout(this.clock);
    this.clock = setTimeout(() => this.act.tell(i), TELL_MS);
    if (i >= 0 && !this.atlas) this.ask(i);
    return true;
  }

  ask(i) {
    if (this.pictures.has(i)) return;
    if (this.pictures.size > MOST_PICTURES) this.pictures.delete(this.pictures.keys().next().value);
    this.pictures.set(i, null);
    this.act.ask(i);
  }

  /** Take a picture from the kernel. */
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

  fill({ data, step, palette, captions }) {
    const i = this.index;
    const caption = captions?.[i] ?? this.pictures.get(i)?.caption ?? "";
    this.facts.replaceChildren(
      ...factsOf(data, i, step, palette),
      make("div", "", {}, caption ? fileName(caption) : `image ${i}`));
    this.drawPicture(i);
  }

  drawPicture(i) {
    const g = this.canvas.getContext("2d");
    const sent = this.pictures.get(i)?.picture;
    this.canvas.hidden = !this.atlas && !sent;
    g.clearRect(0, 0, SIDE, SIDE);
    g.imageSmoothingQuality = "high";
    if (this.atlas) {
      const columns = Math.floor(this.atlas.width / TILE);
      const [left, top] = [(i % columns) * TILE, Math.floor(i / columns) * TILE];
      g.drawImage(this.atlas, left, top, TILE, TILE, 0, 0, SIDE, SIDE);
    } else if (sent) {
      const k = SIDE / Math.max(sent.width, sent.height);
      const [wide, tall] = [sent.width * k, sent.height * k];
      g.drawImage(sent, (SIDE - wide) / 2, (SIDE - tall) / 2, wide, tall);
    }
  }

  /** Beside a spot of the stage, wherever there is room. */
  place([x, y], view) {
    const [w, h] = [this.node.offsetWidth, this.node.offsetHeight];
    const left = x + 16 + w > view.width ? x - 16 - w : x + 16;
    const top = Math.max(4, Math.min(view.height - h - 4, y - h / 2));
    this.node.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
  }

  dispose() {
    clearTimeout(this.clock);
  }
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
  if (data.agreement.length) facts.push(`agreement ${(data.at(data.agreement, step)[i] / 255).toFixed(2)}`);
  if (first !== label) facts.push(`zero-shot: ${data.names[first] ?? ""}`);
  if (data.unfit?.[i]) facts.push("set aside: none of these");
  if (data.pins.includes(i)) facts.push("pinned by you");
  return [
    make("div", "pl-name", {}, swatch, make("span", "", {}, data.names[label] ?? "")),
    ...facts.map((fact) => make("div", "", {}, fact)),
  ];
}
