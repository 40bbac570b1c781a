import assert from "node:assert/strict";
import { test } from "node:test";

import { between, css, mix, parseColour, pixel } from "../../protolabel/browser/colours.js";
import { Painter, makeStamp } from "../../protolabel/browser/paint.js";

const WHITE = [255, 255, 255];
const [RED, BLUE] = [[255, 0, 0], [0, 0, 255]];

/** A painter on a canvas that only keeps its bytes, and a function that reads a pixel of it. */
function painter(width, height) {
  const context = {
    createImageData: (w, h) => ({ data: new Uint8ClampedArray(4 * w * h) }),
    putImageData() {},
  };
  const made = new Painter({ getContext: () => context });
  made.resize(width, height);
  const at = (x, y) => {
    const place = (y + made.margin) * made.stride + x + made.margin;
    return [...made.image.data.subarray(4 * place, 4 * place + 3)];
  };
  return [made, at];
}

/** Two points in the middle of pixels (5, 5) and (15, 5). */
function two(radius, options) {
  const [made, at] = painter(20, 10);
  made.project(Float32Array.of(0.5, 1.5), Float32Array.of(0.5, 0.5), { k: 10, x: 0, y: 0 }, radius);
  made.paint({
    codes: Uint8Array.of(0, 1), colours: [RED, BLUE], labels: Uint8Array.of(0, 1), off: new Uint8Array(2),
    order: null, background: WHITE, ...options,
  });
  return at;
}

test("colours are read from hex and from rgb(), and written for the canvas", () => {
  assert.deepEqual(parseColour("#0072B2"), [0, 114, 178]);
  assert.deepEqual(parseColour("rgb(1, 2, 3)"), [1, 2, 3]);
  assert.equal(css([0.4, 1.6, 255], 0.5), "rgba(0,2,255,0.5)");
  assert.equal(pixel([1, 2, 3]), 0xff030201);
  assert.deepEqual(mix([0, 0, 0], [10, 20, 30], 0.5), [5, 10, 15]);
});

test("between evenly spaced colours every place has one, and the ends hold", () => {
  const stops = [[0, 0, 0], [90, 90, 90], [100, 100, 100]];
  assert.deepEqual(between(stops, 0.25), [45, 45, 45]);
  assert.deepEqual(between(stops, 1), [100, 100, 100]);
  assert.deepEqual(between(stops, -3), [0, 0, 0]);
  assert.deepEqual(between(stops, 7), [100, 100, 100]);
});

test("a stamp covers the area of its circle", () => {
  for (const radius of [0.5, 1.2, 2, 4]) {
    const { solid, edge } = makeStamp(radius, 100);
    let area = solid.length;
    for (let k = 1; k < edge.length; k += 2) area += edge[k] / 256;
    if (radius > 1) assert.ok(Math.abs(area / (Math.PI * radius ** 2) - 1) < 0.1, `${radius}: ${area}`);
    else assert.equal(solid.length, 1);
  }
});

test("points have their colours, and the rest is background", () => {
  const at = two(2);
  assert.deepEqual([at(5, 5), at(15, 5), at(10, 5)], [RED, BLUE, WHITE]);
});

test("a class that is switched off is not drawn", () => {
  assert.deepEqual(two(2, { off: Uint8Array.of(1, 0) })(5, 5), WHITE);
});

test("a hollow point is a ring", () => {
  const at = two(4, { hollow: 0 });
  assert.deepEqual(at(5, 5), WHITE);
  assert.deepEqual(at(15, 5), BLUE);
});

test("where some are marked the others are pale", () => {
  const at = two(2, { marked: Uint8Array.of(1, 0) });
  assert.deepEqual(at(5, 5), RED);
  const pale = at(15, 5);
  assert.ok(pale[0] > 150 && pale[2] === 255);
});

test("marked points and higher ranks come on top, whatever the order", () => {
  const [made, at] = painter(20, 10);
  const same = Float32Array.of(0.5, 0.5);
  const drawn = (options) => {
    made.project(same, same, { k: 10, x: 0, y: 0 }, 2);
    made.paint({
      codes: Uint8Array.of(0, 1), colours: [RED, BLUE], labels: new Uint8Array(2), off: new Uint8Array(1),
      background: WHITE, ...options,
    });
    return at(5, 5);
  };
  assert.deepEqual(drawn({}), BLUE);
  assert.deepEqual(drawn({ order: Uint32Array.of(1, 0) }), RED);
  assert.deepEqual(drawn({ order: Uint32Array.of(1, 0), rank: Uint8Array.of(0, 1) }), BLUE);
  assert.deepEqual(drawn({ marked: Uint8Array.of(1, 0) }), RED);
});

test("a point outside the canvas is left out, one just outside still shows its edge", () => {
  const [made] = painter(20, 10);
  made.project(Float32Array.of(50, -0.1), Float32Array.of(0.5, 0.5), { k: 10, x: 0, y: 0 }, 2);
  assert.equal(made.place[0], -1);
  assert.ok(made.place[1] >= 0);
});
