import assert from "node:assert/strict";
import { test } from "node:test";

import { countOf, packBits, typed, unpackBits } from "../../protolabel/browser/bytes.js";
import { Cloud, Grid, drawingOrder, insidePolygon } from "../../protolabel/browser/points.js";

const all = () => true;

/** A fixed sequence of numbers from 0 to 1. */
function random(seed) {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
}

function scattered(n, seed = 7) {
  const next = random(seed);
  return new Cloud(Float32Array.from({ length: 2 * n }, () => 20 * next() - 5));
}

test("bytes that start at an odd place are read like others", () => {
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setFloat32(1, 2.5, true);
  assert.deepEqual([...typed(new DataView(bytes.buffer, 1, 8), Float32Array)], [2.5, 0]);
  assert.equal(typed(null, Float32Array).length, 0);
  assert.deepEqual([...typed(new DataView(bytes.buffer, 0, 5), Int32Array)].length, 1);
});

test("bits and flags are the same thing, the lowest bit first", () => {
  assert.deepEqual([...unpackBits(Uint8Array.of(0b10000001, 0b10), 10)], [1, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
  const flags = Uint8Array.from({ length: 37 }, (_, i) => Number(i % 3 === 0));
  assert.deepEqual(unpackBits(packBits(flags), 37), flags);
  assert.equal(countOf(flags), 13);
  assert.deepEqual([...unpackBits(Uint8Array.of(1), 12)].slice(8), [0, 0, 0, 0]);
});

test("a cloud fills a box whose longer side is 1, with y pointing down", () => {
  const cloud = new Cloud(Float32Array.of(10, 1, 14, 3, 12, 2));
  assert.deepEqual([cloud.width, cloud.height], [1, 0.5]);
  assert.deepEqual([...cloud.x], [0, 1, 0.5]);
  assert.deepEqual([...cloud.y], [0.5, 0, 0.25]);
  const [x, y] = cloud.place(Float32Array.of(10, 3));
  assert.deepEqual([x[0], y[0]], [0, 0]);
});

test("clouds of one point, of none, and with places that are no numbers do not break", () => {
  assert.deepEqual([...new Cloud(Float32Array.of(3, 4)).x], [0]);
  assert.equal(new Cloud(new Float32Array(0)).n, 0);
  const cloud = new Cloud(Float32Array.of(0, 0, NaN, 1, 2, 2));
  assert.deepEqual([cloud.width, cloud.height], [1, 1]);
  assert.equal(new Grid(cloud).nearest(1, 0, 0.1, all), 2);
});

test("the grid finds the same nearest point as looking at all of them", () => {
  const cloud = scattered(500);
  const grid = new Grid(cloud);
  const next = random(3);
  for (let turn = 0; turn < 200; turn++) {
    const [x, y, radius] = [next() * 1.2 - 0.1, next() * 1.2 - 0.1, next() * 0.08];
    const accept = (i) => i % 4 !== 0;
    let [expected, least] = [-1, radius ** 2];
    for (let i = 0; i < cloud.n; i++) {
      const d = (cloud.x[i] - x) ** 2 + (cloud.y[i] - y) ** 2;
      if (accept(i) && d <= least) [expected, least] = [i, d];
    }
    assert.equal(grid.nearest(x, y, radius, accept), expected);
  }
});

test("a lasso holds the points that a ray crosses its edge an odd number of times from", () => {
  const { x, y, n } = scattered(2000);
  const next = random(11);
  const polygon = Array.from({ length: 17 }, () => [next(), next()]); // crosses itself
  const expected = new Uint8Array(n);
  for (let i = 0; i < n; i++)
    polygon.forEach(([ax, ay], k) => {
      const [bx, by] = polygon[(k + 1) % polygon.length];
      if (ay > y[i] !== by > y[i] && x[i] < ax + ((y[i] - ay) / (by - ay)) * (bx - ax)) expected[i] ^= 1;
    });
  assert.ok(countOf(expected) > 100);
  assert.deepEqual(insidePolygon(x, y, polygon, all), expected);
});

test("a lasso passes over hidden points, and one without area holds nothing", () => {
  const [x, y] = [Float32Array.of(0.5, 0.6), Float32Array.of(0.5, 0.6)];
  const square = [[0, 0], [1, 0], [1, 1], [0, 1]];
  assert.deepEqual([...insidePolygon(x, y, square, (i) => i !== 0)], [0, 1]);
  assert.deepEqual([...insidePolygon(x, y, square.slice(0, 2), all)], [0, 0]);
  assert.deepEqual([...insidePolygon(x, y, [[0, 0.5], [1, 0.5], [0.3, 0.5]], all)], [0, 0]);
});

test("the order of drawing holds every point once, the same at every time", () => {
  const order = drawingOrder(1000);
  assert.deepEqual([...order].sort((a, b) => a - b), [...Array(1000).keys()]);
  assert.notDeepEqual([...order.subarray(0, 5)], [0, 1, 2, 3, 4]);
  assert.deepEqual(drawingOrder(1000), order);
  assert.equal(drawingOrder(200001), null);
});
