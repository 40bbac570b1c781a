// View: the transform from plane to stage. A point p of the plane is at p * k + (x, y) CSS pixels.

const MARGIN = 34; // pixels that stay free around all points

export class View {
  constructor() {
    [this.width, this.height, this.ratio] = [0, 0, 1]; // of the stage
    [this.box, this.count] = [[1, 1], 1]; // of the points
    this.held = null; // what a person chose; null shows everything
  }

  /** Set the size of the stage; return whether it changed. */
  resize(width, height, ratio) {
    if (width === this.width && height === this.height && ratio === this.ratio) return false;
    [this.width, this.height, this.ratio] = [width, height, ratio];
    return true;
  }

  get fitted() {
    const [w, h] = this.box;
    const across = w ? (this.width - 2 * MARGIN) / w : Infinity;
    const down = h ? (this.height - 2 * MARGIN) / h : Infinity;
    const k = Math.max(1, Math.min(across, down, 1e6));
    return { k, x: (this.width - w * k) / 2, y: (this.height - h * k) / 2 };
  }

  get now() {
    return this.held ?? this.fitted;
  }

  /** The same in device pixels. */
  get onScreen() {
    const { k, x, y } = this.now;
    return { k: k * this.ratio, x: x * this.ratio, y: y * this.ratio };
  }

  toStage(x, y) {
    const { now } = this;
    return [x * now.k + now.x, y * now.k + now.y];
  }

  toPlane([x, y]) {
    const { now } = this;
    return [(x - now.x) / now.k, (y - now.y) / now.k];
  }

  /** Radius of a point in CSS pixels: smaller for many points, larger when zoomed in. */
  get radius() {
    const base = Math.max(0.5, Math.min(6, 26 / Math.max(1, this.count) ** 0.28));
    const closer = this.held ? this.held.k / this.fitted.k : 1;
    return Math.min(9, base * Math.max(1, closer) ** 0.4);
  }

  /** Keep the centre of the stage among the images, so that they stay in sight. */
  look({ k, x, y }) {
    const kept = (at, size, room) => Math.max(room / 2 - size * k, Math.min(room / 2, at));
    this.held = { k, x: kept(x, this.box[0], this.width), y: kept(y, this.box[1], this.height) };
  }

  zoom(factor, at = [this.width / 2, this.height / 2]) {
    this.follow(this.now, factor, at, at);
  }

  /** Zoom from an earlier view, so that what was at `from` is now at `to`. */
  follow(earlier, factor, from, to) {
    const least = this.fitted.k;
    const k = Math.max(least * 0.5, Math.min(least * 400, earlier.k * factor));
    const [x, y] = [earlier.x, earlier.y].map((start, axis) => to[axis] - ((from[axis] - start) * k) / earlier.k);
    this.look({ k, x, y });
  }

  reset() {
    this.held = null;
  }
}
