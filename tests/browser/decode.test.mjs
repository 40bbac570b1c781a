import assert from "node:assert/strict";
import { test } from "node:test";

import { changeCodes, colouring } from "../../protolabel/browser/colouring.js";
import { MapData } from "../../protolabel/browser/decode.js";
import { spokenMap } from "../../protolabel/browser/wording.js";

const PLACES = Float32Array.of(0, 0, 1, 0, 2, 1, 0, 1);
const LABELS = Uint8Array.of(0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0); // three iterations of four images

function data(state) {
  const values = { xy: PLACES, labels: LABELS, label_bytes: 1, names: ["cat", "dog"], ...state };
  const made = new MapData((name) => values[name]);
  for (const read of ["Points", "Run", "Stars", "Clusters", "Pins", "Unfit"]) made[`read${read}`]();
  return made;
}

const theme = {
  grey: [1, 1, 1], changes: [[2, 2, 2], [3, 3, 3], [4, 4, 4]],
  agreement: (value) => [value], classColours: (count) => Array(count).fill([5, 5, 5]),
};
const palette = [[10, 0, 0], [20, 0, 0]];

test("iterations are rows of the labels", () => {
  const made = data({});
  assert.deepEqual([made.steps, made.last], [3, 2]);
  assert.deepEqual([...made.at(made.labels, 1)], [0, 1, 1, 1]);
  assert.deepEqual([...made.counts(0)], [2, 2]);
  assert.deepEqual([0, 1, 2].map((step) => made.changes(step)), [0, 1, 2]);
});

test("more than 256 classes take two bytes", () => {
  const made = data({ labels: Uint16Array.of(299, 0, 1, 2), label_bytes: 2, names: Array(300).fill("x") });
  assert.deepEqual([made.steps, made.labels[0]], [1, 299]);
});

test("before there is a run every image is unlabelled", () => {
  const made = data({ labels: null, names: [] });
  assert.deepEqual([made.steps, made.at(made.labels, 0).length], [0, 4]);
  assert.deepEqual(colouring(made, { by: "label", step: 0, theme, palette: [] }).colours, [theme.grey]);
  assert.equal(spokenMap(made, 0, made.counts(0)), "4 images on a map.");
});

test("a map without any data holds nothing, and says so", () => {
  const made = new MapData(() => undefined);
  assert.deepEqual([made.n, made.steps, made.names], [0, 0, []]);
});

test("prototypes of another number of iterations or classes are not shown", () => {
  assert.equal(data({ prototypes: new Float32Array(3 * 2 * 2) }).stars[0].length, 6);
  assert.equal(data({ prototypes: new Float32Array(3 * 2 * 2 - 2) }).stars[0].length, 0);
});

test("what is set aside is counted apart, pins are found", () => {
  const made = data({ unfit: Uint8Array.of(0b0001), pinned: Uint8Array.of(0b1010) });
  assert.deepEqual([...made.counts(0)], [1, 2]);
  assert.equal(made.setAside, 1);
  assert.deepEqual(made.pins, [1, 3]);
  assert.equal(data({}).unfit, null);
});

test("clusters share 24 colours, and noise is grey", () => {
  const made = data({ micro: Int32Array.of(-1, 0, 23, 24), meta: Int32Array.of(1) });
  assert.deepEqual([...made.clusters.micro], [0, 1, 24, 1]);
  assert.equal(made.clusters.meta, undefined);
});

test("colours by class, with circles for what is set aside", () => {
  const plain = colouring(data({}), { by: "label", step: 2, theme, palette });
  assert.deepEqual([[...plain.codes], plain.colours], [[1, 1, 1, 0], palette]);
  const hollow = colouring(data({ unfit: Uint8Array.of(0b100) }), { by: "label", step: 2, theme, palette });
  assert.deepEqual([...hollow.codes], [1, 1, 2, 0]);
  assert.equal(hollow.hollow, 2);
  assert.deepEqual(hollow.colours.at(-1), theme.grey);
});

test("agreement runs from chance, the lowest, to one, the highest", () => {
  const made = data({ agreement: Uint8Array.from({ length: 12 }, (_, i) => 20 * i) });
  const { codes, colours } = colouring(made, { by: "agreement", step: 1, theme, palette });
  assert.deepEqual([...codes], [80, 100, 120, 140]);
  assert.equal(colours[255][0], 1);
  assert.ok(colours[127][0] < 0 && colours[128][0] > 0); // a half, of two classes
});

test("the agreement of an iteration is known once it is sent, and others may follow", () => {
  const rows = Uint8Array.from({ length: 12 }, (_, i) => 20 * i);
  const last = data({ agreement: rows.subarray(8), agreement_from: 2 });
  assert.deepEqual([0, 1].map((step) => last.agreementAt(step)), [null, null]);
  assert.deepEqual([...last.agreementAt(2)], [160, 180, 200, 220]);
  assert.deepEqual([...data({ agreement: rows }).agreementAt(1)], [80, 100, 120, 140]);
  assert.equal(data({}).agreementAt(0), null);
  const { colours } = colouring(last, { by: "agreement", step: 1, theme, palette });
  assert.equal(colours, palette);
});

test("changed now, changed earlier, and unchanged are three colours", () => {
  const { codes, colours } = colouring(data({}), { by: "changed", step: 2, theme, palette });
  assert.deepEqual([...codes], [2, 1, 0, 2]);
  assert.equal(colours, theme.changes);
  assert.deepEqual([...changeCodes([1, 1, 1], [1, 1, 0], [1, 0, 1])], [0, 1, 2]);
});

test("a screen reader hears where the run stands and what each class has", () => {
  const made = data({ unfit: Uint8Array.of(1) });
  assert.equal(spokenMap(made, 1, made.counts(1)),
    "4 images on a map. Iteration 1 of 2, 1 changed. cat 0, dog 3. None of these 1.");
});
