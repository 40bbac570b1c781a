import assert from "node:assert/strict";
import { test } from "node:test";
import { Player } from "../../protolabel/browser/player.js";

function player(iteration, last = 3) {
  const values = new Map([["iteration", iteration], ["playing", false]]);
  const state = { get: (name) => values.get(name), set: (name, value) => values.set(name, value) };
  return { values, player: new Player(state, () => last) };
}

test("a step outside the run is shown as the nearest one inside", () => {
  assert.equal(player(undefined).player.step, 0);
  assert.equal(player(9).player.step, 3);
  const { values, player: one } = player(1);
  one.goTo(-4);
  assert.equal(values.get("iteration"), 0);
});

test("going to an iteration by hand stops the playing", () => {
  const { values, player: one } = player(1);
  one.toggle();
  assert.equal(values.get("playing"), true);
  one.goTo(2);
  assert.deepEqual([values.get("iteration"), values.get("playing")], [2, false]);
});

test("playing from the end begins at zero-shot and stops at the end", () => {
  const { values, player: one } = player(3);
  one.toggle();
  assert.equal(values.get("iteration"), 0);
  for (let k = 0; k < 3; k += 1) one.advance();
  assert.deepEqual([values.get("iteration"), values.get("playing")], [3, true]);
  one.advance();
  assert.equal(values.get("playing"), false);
});
