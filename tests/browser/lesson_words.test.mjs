import assert from "node:assert/strict";
import { test } from "node:test";

import { factorWords, lessonWords, markOf } from "../../protolabel/browser/lesson_words.js";

test("a temperature above the limit shrinks differences, one below lets them grow", () => {
  assert.match(factorWords(0.1, 0.05), /^above the limit 0\.050: .* by about 0\.50$/);
  assert.match(factorWords(0.025, 0.05), /^below the limit 0\.050: .* by about 2\.0$/);
  assert.match(factorWords(0.05, 0.05), /^at the limit/);
});

test("the limit stands on the slider on a logarithmic scale, or nowhere", () => {
  assert.ok(Math.abs(markOf(0.05, [0.025, 0.07, 0.1]) - 0.5) < 1e-9);
  assert.equal(markOf(0.5, [0.025, 0.1]), null);
  assert.equal(markOf(0.1, [0.1]), null);
});

test("a loop is described with its accuracy where it is known, and with its collapse", () => {
  const content = { names: ["a", "b"], classes: [[[2, 1.2]]], right: [[[0.5, 0.26]]], collapse: [[1]] };
  assert.equal(lessonWords(content, 0, 0, 0), "50 % right · like 2.0 of 2 classes");
  assert.equal(lessonWords(content, 0, 0, 1), "26 % right · like 1.2 of 2 classes · collapsed at iteration 1");
  assert.equal(lessonWords({ ...content, right: null }, 0, 0, 0), "like 2.0 of 2 classes");
});
