/** Drawings as data: what is on the pad is what a link can hold. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeInk, encodeInk } from "../../web/parts/ink-text.js";
import { addStroke, onPad, simplify } from "../../web/parts/ink.js";

/** Numbers in [0, 1), the same each time. */
function numbers() {
  let state = 1;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** The rows and columns of the 28×28 image that strokes pass through. */
function places(strokes) {
  const found = new Set();
  for (const points of strokes) {
    points.forEach(([x, y], i) => {
      const [fromX, fromY] = points[Math.max(0, i - 1)];
      for (let part = 0; part <= 1; part += 0.02) found.add([x + part * (fromX - x), y + part * (fromY - y)].map((value) => Math.floor(28 * value)).join());
    });
  }
  return found;
}

test("a drawing comes back from its link as it is on the pad", () => {
  const strokes = [[[0.1, 0.2], [0.5, 0.7], [0.9, 0.1]], [[0.4, 0.4]]].reduce(addStroke, []);
  assert.deepEqual(decodeInk(encodeInk(strokes)), strokes);
  assert.equal(encodeInk([]), "");
  assert.deepEqual(decodeInk(null), []);
  assert.deepEqual(decodeInk("0000.xyz..zzzz0.!!!!.00000000"), [decodeInk("0000")[0], decodeInk("00000000")[0]]);
});

test("a drawing of any number of strokes is in its link, with all its ink", () => {
  const next = numbers();
  let strokes = [];
  const drawn = [];
  for (let i = 0; i < 1_200; i += 1) {
    const [x, y] = [next(), next()];
    const stroke = [[x, y], [x + 0.2 * (next() - 0.5), y + 0.2 * (next() - 0.5)]];
    drawn.push(stroke);
    strokes = addStroke(strokes, stroke);
  }
  const text = encodeInk(strokes);
  assert.ok(text.length > 4_000 && text.length <= 8_000, `${text.length}`);
  assert.deepEqual(decodeInk(text), strokes);
  // A place without a line of its own has one within the pen's width.
  const kept = [...places(strokes)].map((place) => place.split(",").map(Number));
  const bare = [...places(onPad(drawn))].filter((place) => {
    const [x, y] = place.split(",").map(Number);
    return !kept.some(([otherX, otherY]) => Math.hypot(otherX - x, otherY - y) <= 3);
  });
  assert.deepEqual(bare, []);
});

test("thinning keeps both ends and whatever stands out", () => {
  const line = Array.from({ length: 100 }, (_, i) => [i / 99, 0.5]);
  assert.deepEqual(simplify(line), [line[0], line[99]]);
  const peak = line.map(([x, y], i) => [x, i === 50 ? y + 0.02 : y]);
  assert.ok(simplify(peak).some((point) => point === peak[50]));
});

test("what lies outside of the pad is cut off, and a line that comes back is two", () => {
  assert.deepEqual(onPad([[[2, 2], [3, 3]]]), []);
  const pieces = onPad([[[0.5, 0.5], [2, 0.5], [2, 0.6], [0.5, 0.6]]]);
  assert.equal(pieces.length, 2);
  assert.ok(Math.abs(pieces[0].at(-1)[0] - 1.045) < 1e-9);
});
