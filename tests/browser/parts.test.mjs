import assert from "node:assert/strict";
import { test } from "node:test";

import { afterClick } from "../../protolabel/browser/legend.js";
import { ease } from "../../protolabel/browser/motion.js";
import { Selection } from "../../protolabel/browser/selection.js";
import { isDark } from "../../protolabel/browser/theme.js";
import { counted, fileName, shortened, stepWords } from "../../protolabel/browser/wording.js";

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

test("the theme is as asked, else as the notebook has it, else as the system has it", () => {
  const place = { lab: undefined, named: "", system: true };
  assert.equal(isDark("light", place), false);
  assert.equal(isDark("dark", { ...place, system: false }), true);
  assert.equal(isDark("auto", place), true);
  assert.equal(isDark("auto", { ...place, lab: "true" }), false);
  assert.equal(isDark("auto", { ...place, lab: "false", system: false }), true);
  assert.equal(isDark("auto", { ...place, named: "vscode-light" }), false);
  assert.equal(isDark("auto", { ...place, named: "vscode-dark", system: false }), true);
  assert.equal(isDark("auto", { ...place, named: "dark", system: false }), true);
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
