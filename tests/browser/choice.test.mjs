import assert from "node:assert/strict";
import { test } from "node:test";

import { Choice } from "../../protolabel/browser/choice.js";

function choice(...ids) {
  const made = new Choice();
  made.show(ids);
  return made;
}

test("without a choice an action is about the picture at the keyboard", () => {
  const made = choice(10, 11, 12);
  assert.deepEqual(made.targets, [10]);
  assert.deepEqual(choice().targets, []);
});

test("moving chooses one picture, with shift a range from where it began", () => {
  const made = choice(10, 11, 12, 13);
  made.moveTo(1, false);
  made.moveTo(3, true);
  assert.deepEqual(made.targets, [11, 12, 13]);
  made.moveTo(0, true);
  assert.deepEqual(made.targets, [10, 11]);
  made.moveTo(99, false);
  assert.deepEqual([made.targets, made.at], [[13], 3]);
});

test("pictures are added one by one, in the order in which they are shown", () => {
  const made = choice(10, 11, 12);
  made.turn(2);
  made.turn(0);
  assert.deepEqual(made.targets, [10, 12]);
  made.turn(2);
  assert.deepEqual(made.targets, [10]);
  made.turn(7);
  assert.deepEqual(made.targets, [10]);
});

test("after an answer about one picture the next is up, and the last stays", () => {
  const made = choice(10, 11, 12);
  made.advance();
  assert.deepEqual(made.targets, [11]);
  made.advance();
  made.advance();
  assert.deepEqual(made.targets, [12]);
});

test("after an answer about several none is chosen", () => {
  const made = choice(10, 11, 12);
  made.chooseAll();
  made.advance();
  assert.equal(made.chosen.size, 0);
});

test("the keyboard and what is chosen stay with their pictures when the order changes", () => {
  const made = choice(10, 11, 12, 13);
  made.moveTo(2, false);
  made.show([13, 12, 10]);
  assert.deepEqual([made.at, made.targets], [1, [12]]);
  made.show([10, 13]);
  assert.deepEqual([made.at, made.targets], [1, [13]]); // 12 is gone: what took its place
  made.show([]);
  assert.deepEqual(made.targets, []);
});
