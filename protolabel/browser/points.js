// Points on the plane: bounding box, index for hovering, points in a lasso, drawing order.
// Pure functions without drawing.

/** Points in a box whose longer side is 1, y pointing down; other places can be put in it too. */
export class Cloud {
  constructor(xy) {
    this.n = xy.length >> 1;
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < xy.length; i += 2) {
      const [x, y] = [xy[i], xy[i + 1]];
      if (!(Number.isFinite(x) && Number.isFinite(y))) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < low) low = y;
      if (y > high) high = y;
    }
    if (left > right) [left, right, low, high] = [0, 1, 0, 1];
    const side = Math.max(right - left, high - low) || 1;
    [this.left, this.high, this.scale] = [left, high, 1 / side];
    [this.width, this.height] = [(right - left) / side, (high - low) / side];
    [this.x, this.y] = this.place(xy);
  }

  place(xy) {
    const count = xy.length >> 1;
    const [x, y] = [new Float32Array(count), new Float32Array(count)];
    for (let i = 0; i < count; i++) {
      x[i] = (xy[2 * i] - this.left) * this.scale;
      y[i] = (this.high - xy[2 * i + 1]) * this.scale;
    }
    return [x, y];
  }
}

/** Points sorted into square cells, about three per cell, so that hovering tests only a few. */
export class Grid {
  constructor({ x, y, n, width, height }) {
    [this.x, this.y] = [x, y];
    this.cell = Math.sqrt(Math.max(1e-9, Math.max(width, 1e-3) * Math.max(height, 1e-3) * 3) / Math.max(1, n));
    this.columns = Math.floor(width / this.cell) + 1;
    this.rows = Math.floor(height / this.cell) + 1;
    const cells = new Int32Array(n);
    this.start = new Int32Array(this.columns * this.rows + 1);
    for (let i = 0; i < n; i++) {
      const finite = x[i] >= 0 && y[i] >= 0;
      cells[i] = finite ? this.row(y[i]) * this.columns + this.column(x[i]) : -1;
      if (finite) this.start[cells[i] + 1]++;
    }
    for (let c = 1; c < this.start.length; c++) this.start[c] += this.start[c - 1];
    this.items = new Int32Array(n);
    const next = this.start.slice();
    for (let i = 0; i < n; i++) if (cells[i] >= 0) this.items[next[cells[i]]++] = i;
  }

  column(x) {
    return Math.max(0, Math.min(this.columns - 1, Math.floor(x / this.cell)));
  }

  row(y) {
    return Math.max(0, Math.min(this.rows - 1, Math.floor(y / this.cell)));
  }

  /** The nearest point within `radius` that `accept` lets pass, or -1. */
  nearest(x, y, radius, accept) {
    let [best, least] = [-1, radius * radius];
    const [first, last] = [this.column(x - radius), this.column(x + radius)];
    const bottom = this.row(y + radius);
    for (let r = this.row(y - radius); r <= bottom; r++) {
      const end = this.start[r * this.columns + last + 1];
      for (let k = this.start[r * this.columns + first]; k < end; k++) {
        const i = this.items[k];
        const [dx, dy] = [this.x[i] - x, this.y[i] - y];
        const distance = dx * dx + dy * dy;
        if (distance <= least && accept(i)) [best, least] = [i, distance];
      }
    }
    return best;
  }
}

/** Flags of the points inside a polygon (even-odd rule); `polygon` is [[x, y], ...]. */
export function insidePolygon(x, y, polygon, accept) {
  const flags = new Uint8Array(x.length);
  const count = polygon.length;
  if (count < 3) return flags;
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [px, py] of polygon) {
    [left, right] = [Math.min(left, px), Math.max(right, px)];
    [low, high] = [Math.min(low, py), Math.max(high, py)];
  }
  // Edges by height: a point is tested against the few that cross its band, and exactly.
  const bands = 256;
  const toBand = bands / (high - low || 1);
  const edges = Array.from({ length: bands + 1 }, () => []);
  for (let k = 0; k < count; k++) {
    const [[ax, ay], [bx, by]] = [polygon[k], polygon[(k + 1) % count]];
    if (ay === by) continue;
    const from = Math.floor((Math.min(ay, by) - low) * toBand);
    const to = Math.floor((Math.max(ay, by) - low) * toBand);
    for (let band = from; band <= to; band++) edges[band].push(ax, ay, bx, by);
  }
  const packed = edges.map((list) => Float64Array.from(list));
  for (let i = 0; i < x.length; i++) {
    const [px, py] = [x[i], y[i]];
    if (!(px >= left && px <= right && py >= low && py <= high)) continue;
    const band = packed[Math.floor((py - low) * toBand)];
    let inside = 0;
    for (let e = 0; e < band.length; e += 4) {
      const [ay, by] = [band[e + 1], band[e + 3]];
      if (ay > py !== by > py && px < band[e] + ((py - ay) / (by - ay)) * (band[e + 2] - band[e])) inside ^= 1;
    }
    if (inside && accept(i)) flags[i] = 1;
  }
  return flags;
}

/** A fixed random drawing order, so that no class hides the others; null if there are too many. */
export function drawingOrder(n) {
  if (n > 200000) return null; // memory out of order costs more than it shows
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = 12345;
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 4294967296) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
