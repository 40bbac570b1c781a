// What is drawn over the points: prototypes with their trails, centroids, pins, the lasso.
import { css } from "./paint.js";

const ease = (t) => 1 - (1 - t) ** 3;
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Methods of the map; `this` is a MapWidget. */
export const overlay = {

  /** Prototypes glide to where the shown iteration has them. */
  glide(now) {
    const count = this.stars[0].length ? this.names.length : 0;
    const from = this.step() * count;
    const target = [0, 1].map((axis) => this.stars[axis].subarray(from, from + count));
    if (!this.starsNow || this.starsNow[0].length !== count || this.gliding || still()) {
      this.starsNow = target.map((one) => one.slice());
      this.starsFrom = null;
    } else if (this.starsTo !== `${this.step()}`) {
      this.starsFrom = { places: this.starsNow.map((one) => one.slice()), start: now };
    }
    this.starsTo = `${this.step()}`;
    if (!this.starsFrom) {
      this.starsNow = target.map((one) => one.slice());
      return false;
    }
    const done = Math.min(1, (now - this.starsFrom.start) / 320);
    const share = ease(done);
    for (const axis of [0, 1])
      for (let c = 0; c < count; c++) {
        const start = this.starsFrom.places[axis][c];
        this.starsNow[axis][c] = start + (target[axis][c] - start) * share;
      }
    if (done >= 1) this.starsFrom = null;
    return done < 1;
  },

  drawOverlay() {
    const g = this.overlay.getContext("2d");
    const view = this.currentView();
    const spot = (x, y) => [x * view.k + view.x, y * view.k + view.y];
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    [g.lineJoin, g.lineCap] = ["round", "round"];
    if (!this.gliding) this.drawCentroids(g, spot);
    for (const i of this.pins) this.ring(g, spot(this.x[i], this.y[i]), 3.5, css(this.ink), 1.6);
    if (!this.gliding) this.drawStars(g, spot);
    if (this.hover >= 0) {
      const here = spot(this.x[this.hover], this.y[this.hover]);
      this.ring(g, here, 5.5, css(this.ground), 4);
      this.ring(g, here, 5.5, css(this.ink), 2);
    }
    if (this.lasso) {
      g.beginPath();
      for (const [x, y] of this.lasso) g.lineTo(x, y);
      g.closePath();
      g.fillStyle = css(this.accent, 0.14);
      g.fill();
      g.setLineDash([5, 4]);
      [g.strokeStyle, g.lineWidth] = [css(this.accent), 1.6];
      g.stroke();
      g.setLineDash([]);
    }
  },

  ring(g, [x, y], more, colour, width) {
    g.beginPath();
    g.arc(x, y, this.pointRadius() + more - 2, 0, 7);
    [g.strokeStyle, g.lineWidth] = [colour, width];
    g.stroke();
  },

  drawCentroids(g, spot) {
    const [x, y] = this.centroids;
    if (x.length > 4000) return; // then they are as dense as the points
    g.beginPath();
    for (let c = 0; c < x.length; c++) {
      const [px, py] = spot(x[c], y[c]);
      g.moveTo(px + 3.2, py);
      g.arc(px, py, 3.2, 0, 7);
    }
    [g.strokeStyle, g.lineWidth] = [css(this.ground, 0.85), 3];
    g.stroke();
    [g.strokeStyle, g.lineWidth] = [css(this.ink, 0.62), 1.1];
    g.stroke();
  },

  drawStars(g, spot) {
    const [x, y] = this.starsNow;
    const count = x.length;
    const taken = [];
    const shown = [...Array(count).keys()].filter((c) => !this.off?.[c] && Number.isFinite(x[c]));
    for (const c of shown) {
      const trail = [];
      for (let t = 0; t < this.step(); t++) trail.push(spot(this.stars[0][t * count + c], this.stars[1][t * count + c]));
      trail.push(spot(x[c], y[c]));
      if (trail.length < 2) continue;
      for (const [colour, width] of [[css(this.ground, 0.9), 4.4], [css(this.palette[c]), 2]]) {
        g.beginPath();
        for (const [px, py] of trail) g.lineTo(px, py);
        [g.strokeStyle, g.lineWidth] = [colour, width];
        g.stroke();
      }
      for (const [px, py] of trail.slice(0, -1)) {
        g.beginPath();
        g.arc(px, py, 2.6, 0, 7);
        [g.fillStyle, g.strokeStyle, g.lineWidth] = [css(this.ground), css(this.palette[c]), 1.5];
        g.fill();
        g.stroke();
      }
    }
    for (const c of shown) {
      const [px, py] = spot(x[c], y[c]);
      g.beginPath();
      for (let k = 0; k < 10; k++) {
        const [r, a] = [k % 2 ? 4.3 : 10, (k * Math.PI) / 5 - Math.PI / 2];
        g.lineTo(px + r * Math.cos(a), py + r * Math.sin(a));
      }
      g.closePath();
      [g.strokeStyle, g.lineWidth] = [css(this.ground), 5.5];
      g.stroke();
      [g.strokeStyle, g.lineWidth, g.fillStyle] = [css(this.ink), 2, css(this.palette[c])];
      g.stroke();
      g.fill();
    }
    if (count > 40) return;
    g.font = "600 12px system-ui, sans-serif";
    [g.textBaseline, g.lineWidth] = ["middle", 4];
    for (const c of shown) {
      const [px, py] = spot(x[c], y[c]);
      const name = this.names[c].length > 24 ? `${this.names[c].slice(0, 23)}…` : this.names[c];
      const wide = g.measureText(name).width;
      const left = px + 14 + wide > this.width ? px - 14 - wide : px + 14;
      const box = [left, py - 8, left + wide, py + 8];
      if (taken.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1])) continue;
      taken.push(box);
      [g.strokeStyle, g.fillStyle] = [css(this.ground, 0.88), css(this.ink)];
      g.strokeText(name, left, py);
      g.fillText(name, left, py);
    }
  },
};
