import assert from "node:assert/strict";
import { test } from "node:test";

import { View } from "../../protolabel/browser/view.js";

function near(actual, expected) {
  actual.forEach((value, k) => assert.ok(Math.abs(value - expected[k]) < 1e-9, `${actual} is not ${expected}`));
}

function view() {
  const made = new View();
  made.resize(600, 400, 2);
  made.box = [1, 0.5];
  made.count = 100;
  return made;
}

test("everything is shown in the middle of the stage, with a margin", () => {
  const made = view();
  near(made.toStage(0.5, 0.25), [300, 200]);
  const [left, top] = made.toStage(0, 0);
  assert.ok(left >= 34 && top >= 34);
  assert.equal(Math.min(left, top), 34);
});

test("stage and plane are inverse to each other", () => {
  const made = view();
  made.zoom(3.7, [123, 45]);
  near(made.toPlane(made.toStage(0.3, 0.2)), [0.3, 0.2]);
});

test("a zoom keeps the place under the pointer", () => {
  const made = view();
  const before = made.toPlane([210, 170]);
  made.zoom(2.5, [210, 170]);
  near(made.toPlane([210, 170]), before);
  assert.ok(made.now.k > made.fitted.k);
});

test("zoom has limits, and showing everything leaves it", () => {
  const made = view();
  for (let turn = 0; turn < 40; turn++) made.zoom(2);
  assert.equal(made.now.k, made.fitted.k * 400);
  for (let turn = 0; turn < 60; turn++) made.zoom(0.5);
  assert.equal(made.now.k, made.fitted.k * 0.5);
  made.reset();
  assert.deepEqual(made.now, made.fitted);
});

test("the middle of the stage stays among the images, however far they are dragged", () => {
  for (const away of [[9000, 0], [-9000, -9000], [0, 9000]]) {
    const made = view();
    made.follow(made.now, 1, [300, 200], [300 + away[0], 200 + away[1]]);
    const [x, y] = made.toPlane([300, 200]);
    assert.ok(x > -1e-9 && x < 1 + 1e-9 && y > -1e-9 && y < 0.5 + 1e-9);
  }
});

test("two fingers move and zoom at once: what was between them stays between them", () => {
  const made = view();
  const earlier = made.now;
  const held = made.toPlane([250, 180]);
  made.follow(earlier, 1.8, [250, 180], [280, 190]);
  near(made.toPlane([280, 190]), held);
});

test("points are small where there are many, and grow when zoomed in", () => {
  const made = view();
  const few = made.radius;
  made.zoom(4);
  assert.ok(made.radius > few);
  made.reset();
  made.count = 100000;
  assert.ok(made.radius < few && made.radius >= 0.5);
});

test("a view says whether its stage changed, and knows the pixels of the screen", () => {
  const made = view();
  assert.equal(made.resize(600, 400, 2), false);
  assert.equal(made.resize(601, 400, 2), true);
  const { k, x, y } = made.now;
  assert.deepEqual(made.onScreen, { k: 2 * k, x: 2 * x, y: 2 * y });
});

test("one point, or points in a line, have a finite view", () => {
  const made = view();
  for (const box of [[0, 0], [1, 0], [0, 1]]) {
    made.box = box;
    assert.ok(Number.isFinite(made.now.k) && made.now.k >= 1);
  }
});
