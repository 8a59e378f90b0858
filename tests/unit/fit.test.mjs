/** Where a face lies in a photo, and what is said about it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { agreeing, sumsOf } from "../../web/parts/face.js";
import { errorOf, neighboursOf, verdictOf } from "../../web/parts/fit.js";

test("sums over an area are those of its pixels", () => {
  const sums = sumsOf([1, 2, 3, 4, 5, 6], 3, 2);
  const area = (x, y, w, h) => sums[(y + h) * 4 + x + w] - sums[y * 4 + x + w] - sums[(y + h) * 4 + x] + sums[y * 4 + x];
  assert.equal(area(0, 0, 3, 2), 21);
  assert.equal(area(1, 1, 2, 1), 11);
  assert.equal(area(2, 0, 1, 1), 3);
});

test("windows that agree are one face, and fewer than three are none", () => {
  const near = [0, 2, 4, 3].map((d) => ({ x: 50 + d, y: 60, side: 40 + d }));
  const [face, ...others] = agreeing([...near, { x: 150, y: 10, side: 30 }, { x: 151, y: 10, side: 30 }]);
  assert.equal(others.length, 0);
  assert.equal(face.votes, 4);
  assert.ok(Math.abs(face.x - 52.25) < 1e-9);
});

test("the error is the mean squared difference, of any picture of a batch", () => {
  assert.equal(errorOf(Float32Array.of(0, 1), Float32Array.of(9, 9, 0, 0.5), 2), 0.125);
});

test("a step changes one thing, by as much of the frame either way", () => {
  const at = { x: 10, y: 20, zoom: 1, tilt: 0 };
  const next = neighboursOf(at, 100, 0.5);
  assert.equal(next.length, 8);
  for (const one of next) assert.equal(["x", "y", "zoom", "tilt"].filter((key) => one[key] !== at[key]).length, 1);
});

test("a verdict says what is wrong, and how large the error is", () => {
  const info = /** @type {any} */ ({ likelihood: { kind: "gaussian", sigma: 0.1 }, input: { width: 64 }, subject: { many: "faces" }, training: { data: "2,117 portraits" } });
  const placement = { x: 100, y: 100, zoom: 1, tilt: 0 };
  const found = { placement, across: 200 };
  const say = (error, change = {}, more = {}) => verdictOf(error, { ...info, ...more }, { placement: { ...placement, ...change }, found, width: 200 });
  assert.match(say(0.005), /^Fits well\. The error is below that of faces/);
  assert.match(say(0.03), /^Fits roughly.*3\.0 times/);
  assert.match(say(0.09), /^Fits badly.*9\.0 times.*trained on: 2,117 portraits\./);
  assert.match(say(0.03, { zoom: 0 }), /Too far away: zoom in/);
  assert.match(say(0.03, { zoom: 2 }), /Too close/);
  assert.match(say(0.03, { tilt: -0.4 }), /Tilted/);
  assert.match(say(0.03, { x: 180 }), /Off the centre/);
  assert.match(verdictOf(0.01, info, { placement, found: { placement, across: 50 }, width: 50 }), /too small in this photo/);
  assert.match(verdictOf(0.01, info, { placement, found: null, width: 200 }), /No face was found/);
  assert.equal(verdictOf(0.011, info, { placement, found: undefined, width: 200 }), "Fits well. The error is 1.1 times that of faces the network knows.");
  assert.equal(say(0.3, {}, { likelihood: { kind: "bernoulli" } }), "");
});
