// Painter: rasterise points on the CPU: a million in a few frames, and no WebGL context to lose.
import { mix, pixel } from "./colours.js";

const RIM = 0.9; // pixels of background around a large point, so that neighbours stay apart
const WALL = 1.5; // pixels of colour around the hole of a hollow point

/** The pixels a point covers: fully, partly, its rim, and the hole of a hollow point. */
export function makeStamp(radius, stride) {
  const rim = radius >= 2.6 ? RIM : 0;
  const reach = radius < 0.75 ? 0 : Math.ceil(radius + rim - 0.5);
  const [solid, edge, around, core] = [[], [], [], []];
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++) {
      let [inner, outer, hole] = [0, 0, 0];
      for (let s = 0; s < 64; s++) {
        const d = Math.hypot(x + ((s & 7) - 3.5) / 8, y + ((s >> 3) - 3.5) / 8);
        if (d <= radius) inner++;
        if (d <= radius + rim) outer++;
        if (d <= radius - WALL) hole++;
      }
      const at = y * stride + x;
      if (!reach || inner >= 60) solid.push(at);
      else if (inner > 5) edge.push(at, inner * 4);
      if (hole > 5) core.push(at, hole * 4);
      if (rim && inner < 60 && outer > 5) around.push(at, outer * 3);
    }
  const lists = { solid, edge, rim: around, core };
  return { reach, ...Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, Int32Array.from(list)])) };
}

function blend(pixels, at, list, colour) {
  const [rb, g] = [colour & 0xff00ff, colour & 0x00ff00];
  for (let k = 0; k < list.length; k += 2) {
    const place = at + list[k];
    const [under, share] = [pixels[place], list[k + 1]];
    const [urb, ug] = [under & 0xff00ff, under & 0x00ff00];
    pixels[place] =
      0xff000000 |
      ((urb + (Math.imul(rb - urb, share) >>> 8)) & 0xff00ff) |
      ((ug + (Math.imul(g - ug, share) >> 8)) & 0x00ff00);
  }
}

export class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.place = new Int32Array(0);
    this.margin = 12; // a point whose centre is just outside still shows
  }

  resize(width, height) {
    [this.canvas.width, this.canvas.height] = [width, height];
    this.stride = width + 2 * this.margin;
    this.rows = height + 2 * this.margin;
    this.image = this.context.createImageData(this.stride, this.rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.stamp = null;
  }

  /** Compute the pixel of every point; `view` is {k, x, y} in device pixels. */
  project(x, y, view, radius) {
    const n = x.length;
    if (this.place.length !== n) this.place = new Int32Array(n);
    const size = Math.min(radius, this.margin - 2);
    if (!this.stamp || this.radius !== size) {
      this.stamp = makeStamp(size, this.stride);
      this.radius = size;
    }
    const { place, stride, rows } = this;
    const reach = this.stamp.reach;
    const [dx, dy, k] = [view.x + this.margin, view.y + this.margin, view.k];
    const [right, bottom] = [stride - reach, rows - reach];
    for (let i = 0; i < n; i++) {
      const px = Math.floor(x[i] * k + dx);
      const py = Math.floor(y[i] * k + dy);
      place[i] = px >= reach && py >= reach && px < right && py < bottom ? py * stride + px : -1;
    }
  }

  /**
   * Draw. `codes[i]` chooses the colour of point i, `off[labels[i]]` leaves it out; points with a
   * higher `rank` of their code come on top, those of code `hollow` are circles; where `marked` is given, the rest is dim and below.
   */
  paint({ codes, colours, rank, hollow = -1, labels, off, marked, order, background }) {
    const { pixels, place, stamp } = this;
    const ground = pixel(background);
    const bright = Uint32Array.from(colours, pixel);
    const pale = marked ? Uint32Array.from(colours, (c) => pixel(mix(c, background, 0.78))) : bright;
    // Those on top are drawn last; a pass over all points for each level that there is.
    const ranks = rank ?? new Uint8Array(colours.length);
    const above = rank ? 2 : 1; // levels of the ranks alone
    const levels = marked ? 2 * above : above;
    const { solid, edge, rim, core } = stamp;
    const n = place.length;
    pixels.fill(ground);
    for (let level = 0; level < levels; level++)
      for (let k = 0; k < n; k++) {
        const i = order ? order[k] : k;
        const at = place[i];
        if (at < 0 || off[labels[i]]) continue;
        const code = codes[i];
        const on = marked ? marked[i] : 0;
        if (levels > 1 && level !== ranks[code] + above * on) continue;
        const colour = marked && !on ? pale[code] : bright[code];
        if (rim.length) blend(pixels, at, rim, ground);
        for (let s = 0; s < solid.length; s++) pixels[at + solid[s]] = colour;
        if (edge.length) blend(pixels, at, edge, colour);
        if (code === hollow) blend(pixels, at, core, ground);
      }
    this.context.putImageData(this.image, -this.margin, -this.margin);
  }
}
