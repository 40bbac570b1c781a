import assert from "node:assert/strict";
import { test } from "node:test";

import { beside, middleSquare, tileOf } from "../../protolabel/browser/hover_card.js";
import { afterClick } from "../../protolabel/browser/legend.js";
import { ease } from "../../protolabel/browser/motion.js";
import { namePlaces, starSize } from "../../protolabel/browser/overlay.js";
import { Selection } from "../../protolabel/browser/selection.js";
import { isDark } from "../../protolabel/browser/theme.js";
import { counted, fileName, matching, shortened, stepWords } from "../../protolabel/browser/wording.js";

test("a click in the legend hides a class or shows it again", () => {
  assert.deepEqual(afterClick([], 2, 4, false), [2]);
  assert.deepEqual(afterClick([3], 0, 4, false), [0, 3]);
  assert.deepEqual(afterClick([0, 3], 3, 4, false), [0]);
});

test("a click with shift shows one class alone, and a second one shows all", () => {
  assert.deepEqual(afterClick([], 1, 4, true), [0, 2, 3]);
  assert.deepEqual(afterClick([0, 2, 3], 1, 4, true), []);
  assert.deepEqual(afterClick([0, 1, 3], 1, 4, true), [0, 2, 3]);
});

test("a search finds names by parts of their words, in any case and with or without accents", () => {
  const names = ["Éclair au café", "Cafe racer", "Straße", "ruby hummingbird"];
  assert.deepEqual(matching(names, "cafe"), [0, 1]);
  assert.deepEqual(matching(names, "  RACER ca"), [1]);
  assert.deepEqual(matching(names, "hum ruby"), [3]);
  assert.deepEqual(matching(names, ".*"), []);
  assert.deepEqual(matching(names, ""), [0, 1, 2, 3]);
});

test("the card stands beside its image, or below or above it on a narrow stage, and never outside", () => {
  assert.deepEqual(beside([100, 200], [290, 144], [800, 400]), [116, 128]);
  assert.deepEqual(beside([700, 200], [290, 144], [800, 400]), [394, 128]);
  assert.deepEqual(beside([160, 100], [236, 112], [330, 400]), [42, 116]);
  assert.deepEqual(beside([160, 350], [236, 112], [330, 400]), [42, 222]);
  for (const spot of [[0, 0], [330, 400], [0, 400], [165, 0]]) {
    const [left, top] = beside(spot, [236, 112], [330, 400]);
    assert.ok(left >= 4 && left + 236 <= 330 && top >= 4 && top + 112 <= 400);
  }
});

test("a picture fills its square from the middle, a tile is found by its number", () => {
  assert.deepEqual(middleSquare({ width: 300, height: 200 }), [50, 0, 200]);
  assert.deepEqual(middleSquare({ width: 20, height: 80 }), [0, 30, 20]);
  assert.deepEqual(tileOf({ width: 480 }, 13, 48), [144, 48, 48]);
  assert.deepEqual(tileOf({ width: 450 }, 3, 204), [204, 204, 204]);
});

test("prototypes of few classes are large, those of a thousand leave the points to be seen", () => {
  assert.deepEqual([starSize(1), starSize(40), starSize(1000)], [10, 10, 4]);
});

test("the theme is as asked, else as the notebook has it, else as the system has it", () => {
  const place = { lab: undefined, named: "", system: true };
  assert.equal(isDark("light", place), false);
  assert.equal(isDark("dark", { ...place, system: false }), true);
  assert.equal(isDark("auto", place), true);
  assert.equal(isDark("auto", { ...place, lab: "true" }), false);
  assert.equal(isDark("auto", { ...place, lab: "false", system: false }), true);
  assert.equal(isDark("auto", { ...place, named: "vscode-light" }), false);
  assert.equal(isDark("auto", { ...place, named: "vscode-dark", system: false }), true);
  assert.equal(isDark("auto", { ...place, named: "vscode-high-contrast", system: false }), true);
  assert.equal(isDark("auto", { ...place, named: "vscode-high-contrast vscode-high-contrast-light" }), false);
  assert.equal(isDark("auto", { ...place, named: "dark", system: false }), true);
  assert.equal(isDark("auto", { ...place, named: "light" }), false); // of Colab, whatever the system has
});

test("a click selects one image, shift adds to them and takes away", () => {
  const clicked = (flags, ...rest) => Selection.prototype.clicked.call({ flags }, ...rest);
  const two = Uint8Array.of(1, 0, 1);
  assert.deepEqual([...clicked(two, 1, 3, false)], [0, 1, 0]);
  assert.deepEqual([...clicked(two, 1, 3, true)], [1, 1, 1]);
  assert.deepEqual([...clicked(two, 0, 3, true)], [0, 0, 1]);
  assert.deepEqual([...clicked(two, -1, 3, false)], [0, 0, 0]);
  assert.equal(clicked(two, -1, 3, true), null);
});

test("what moves starts where it was, ends where it should, and slows down", () => {
  assert.deepEqual([ease(0), ease(1)], [0, 1]);
  assert.ok(ease(0.5) > 0.5);
});

test("numbers have their nouns, paths their ends", () => {
  assert.equal(counted(1, "image"), "1 image");
  assert.equal(counted(1200, "class", "classes"), "1,200 classes");
  assert.equal(fileName("a/b/c.png"), "c.png");
  assert.equal(shortened("abcdef", 4), "abc…");
  assert.deepEqual(stepWords(0, 5, 0), ["Zero-shot", "before refinement"]);
  assert.deepEqual(stepWords(2, 5, 1234), ["Iteration 2 of 5", "1,234 changed"]);
});

test("names of prototypes cover neither each other nor another star", () => {
  const view = { width: 400, height: 300 };
  const place = (spots, wide = 50) => namePlaces(new Map(spots), new Map(spots.map(([c]) => [c, wide])), view);
  assert.deepEqual(place([[0, [100, 100]]]).get(0), [114, 100]); // on the right
  assert.deepEqual(place([[0, [390, 100]]]).get(0), [326, 100]); // on the left, where there is room
  const near = place([[0, [100, 100]], [1, [120, 100]]]);
  assert.deepEqual([near.get(0), near.get(1)], [[36, 100], [134, 100]]);
  const heap = place([0, 1, 2, 3, 4, 5, 6, 7].map((c) => [c, [200 + c, 150]]));
  assert.ok(heap.size >= 4 && heap.size < 8); // those that have room
  const boxes = [...heap.values()];
  const apart = ([x, y], [u, v]) => x + 50 <= u || u + 50 <= x || Math.abs(y - v) >= 16;
  boxes.forEach((a, i) => boxes.slice(0, i).forEach((b) => assert.ok(apart(a, b))));
});
