// Overlay: what is drawn over the points: prototypes with their trails, centroids, pins, the lasso.
import { css } from "./colours.js";
import { shortened } from "./wording.js";

const MOST_CENTROIDS = 4000; // more are as dense as the points
const MOST_NAMES = 40; // of prototypes; more lie over each other
const STAR = 10; // radius of a prototype in CSS pixels

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
  }

  resize(width, height) {
    [this.canvas.width, this.canvas.height] = [width, height];
  }

  /** `scene` is {view, theme, data, points, stars, step, off, palette, hover, lasso}. */
  draw(scene) {
    const g = this.canvas.getContext("2d");
    const { view, theme, points, hover, lasso } = scene;
    g.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    g.clearRect(0, 0, view.width, view.height);
    [g.lineJoin, g.lineCap] = ["round", "round"];
    const ring = (i, more, colour, width) =>
      drawRing(g, view.toStage(points.x[i], points.y[i]), view.radius + more, colour, width);
    if (!points.moving) drawCentroids(g, scene);
    for (const i of scene.data.pins) ring(i, 1.5, css(theme.ink), 1.6);
    if (!points.moving) drawStars(g, scene);
    if (hover >= 0) {
      ring(hover, 3.5, css(theme.ground), 4);
      ring(hover, 3.5, css(theme.ink), 2);
    }
    if (lasso) drawLasso(g, lasso, theme);
  }
}

function drawRing(g, [x, y], radius, colour, width) {
  g.beginPath();
  g.arc(x, y, radius, 0, 7);
  [g.strokeStyle, g.lineWidth] = [colour, width];
  g.stroke();
}

function drawLasso(g, line, { accent }) {
  g.beginPath();
  for (const [x, y] of line) g.lineTo(x, y);
  g.closePath();
  g.fillStyle = css(accent, 0.14);
  g.fill();
  g.setLineDash([5, 4]);
  [g.strokeStyle, g.lineWidth] = [css(accent), 1.6];
  g.stroke();
  g.setLineDash([]);
}

function drawCentroids(g, { data, view, theme }) {
  const [x, y] = data.centroids;
  if (x.length > MOST_CENTROIDS) return;
  g.beginPath();
  for (let c = 0; c < x.length; c++) {
    const [px, py] = view.toStage(x[c], y[c]);
    g.moveTo(px + 3.2, py);
    g.arc(px, py, 3.2, 0, 7);
  }
  [g.strokeStyle, g.lineWidth] = [css(theme.ground, 0.85), 3];
  g.stroke();
  [g.strokeStyle, g.lineWidth] = [css(theme.ink, 0.62), 1.1];
  g.stroke();
}

function drawStars(g, scene) {
  const [x, y] = scene.stars.places;
  const shown = [...x.keys()].filter((c) => !scene.off[c] && Number.isFinite(x[c]));
  const spots = new Map(shown.map((c) => [c, scene.view.toStage(x[c], y[c])]));
  for (const [c, spot] of spots) drawTrail(g, scene, c, spot);
  const size = starSize(x.length);
  for (const [c, spot] of spots) drawStar(g, scene, c, spot, size);
  if (x.length <= MOST_NAMES) drawNames(g, scene, spots);
}

function drawTrail(g, { data, view, theme, palette, step }, c, spot) {
  const [x, y] = data.stars;
  const count = data.names.length;
  const trail = Array.from({ length: step }, (_, t) => view.toStage(x[t * count + c], y[t * count + c]));
  if (!trail.length) return;
  for (const [colour, width] of [[css(theme.ground, 0.9), 4.4], [css(palette[c]), 2]]) {
    g.beginPath();
    for (const [px, py] of [...trail, spot]) g.lineTo(px, py);
    [g.strokeStyle, g.lineWidth] = [colour, width];
    g.stroke();
  }
  for (const [px, py] of trail) {
    g.beginPath();
    g.arc(px, py, 2.6, 0, 7);
    [g.fillStyle, g.strokeStyle, g.lineWidth] = [css(theme.ground), css(palette[c]), 1.5];
    g.fill();
    g.stroke();
  }
}

/** Stars shrink with the number of classes, so that points stay visible. */
export function starSize(count) {
  return STAR * Math.max(0.4, Math.min(1, (MOST_NAMES / Math.max(1, count)) ** 0.5));
}

function drawStar(g, { theme, palette }, c, [px, py], size) {
  g.beginPath();
  for (let k = 0; k < 10; k++) {
    const [r, a] = [k % 2 ? 0.43 * size : size, (k * Math.PI) / 5 - Math.PI / 2];
    g.lineTo(px + r * Math.cos(a), py + r * Math.sin(a));
  }
  g.closePath();
  [g.strokeStyle, g.lineWidth] = [css(theme.ground), 0.55 * size];
  g.stroke();
  [g.strokeStyle, g.lineWidth, g.fillStyle] = [css(theme.ink), 0.2 * size, css(palette[c])];
  g.stroke();
  g.fill();
}

function drawNames(g, { data, view, theme }, spots) {
  g.font = "600 12px system-ui, sans-serif";
  [g.textBaseline, g.lineWidth] = ["middle", 4];
  const names = new Map([...spots.keys()].map((c) => [c, shortened(data.names[c], 24)]));
  const wide = new Map([...names].map(([c, name]) => [c, g.measureText(name).width]));
  for (const [c, [left, y]] of namePlaces(spots, wide, view)) {
    [g.strokeStyle, g.fillStyle] = [css(theme.ground, 0.88), css(theme.ink)];
    g.strokeText(names.get(c), left, y);
    g.fillText(names.get(c), left, y);
  }
}

/** Where names of these widths stand beside their stars: [left, middle] for those that have room.
 * They cover no other name and, if that can be, no other star. */
export function namePlaces(spots, wide, { width, height }) {
  const meet = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
  const around = ([x, y], w, h) => [x, y - h, x + w, y + h];
  const stars = new Map([...spots].map(([c, [x, y]]) => [c, around([x - STAR, y], 2 * STAR, STAR)]));
  const [taken, places] = [[], new Map()];
  for (const [c, [x, y]] of spots) {
    const w = wide.get(c);
    const beside = [[x + 14, y], [x - 14 - w, y], [x - w / 2, y + 20], [x - w / 2, y - 20]];
    const free = beside.filter(([left, middle]) => {
      const box = around([left - 3, middle], w + 6, 8);
      return left >= 0 && left + w <= width && middle >= 8 && middle <= height - 8 && !taken.some((other) => meet(box, other));
    });
    const clear = free.find((spot) => {
      const box = around(spot, w, 7);
      return ![...stars].some(([other, star]) => other !== c && meet(box, star));
    });
    const place = clear ?? free[0];
    if (!place) continue;
    taken.push(around(place, w, 8));
    places.set(c, place);
  }
  return places;
}
