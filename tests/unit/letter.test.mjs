import assert from "node:assert/strict";
import { test } from "node:test";
import { letterOf } from "../../web/parts/letter.js";

const INPUT = { width: 64, height: 64 };
/** An average letter between rows 16 and 48. */
const AVERAGE = Float32Array.from({ length: 64 * 64 }, (_, i) => (i >= 16 * 64 && i < 48 * 64 && i % 64 === 32 ? 1 : 0));
const V = [[[0.1, 0.1], [0.2, 0.3], [0.3, 0.1]]];

/** Rows and columns of the ink, first and last. */
function extent(pixels) {
  const places = [...pixels.keys()].filter((i) => pixels[i] > 0.5);
  const [rows, columns] = [places.map((i) => Math.floor(i / 64)), places.map((i) => i % 64)];
  return [Math.min(...rows), Math.max(...rows), Math.min(...columns), Math.max(...columns)];
}

test("a letter is as tall as the model's average one and in the middle, whatever its size and place", () => {
  const large = letterOf(V, AVERAGE, INPUT, 5);
  const small = letterOf([V[0].map(([x, y]) => [0.6 + x / 9, 0.7 + y / 9])], AVERAGE, INPUT, 5);
  const [top, bottom, left, right] = extent(large);
  assert.ok(Math.abs(top - 16) <= 1 && Math.abs(bottom - 47) <= 1, `${top} to ${bottom}`);
  assert.ok(Math.abs(left + right - 63) <= 1, `${left} to ${right}`);
  assert.ok(large.every((value, i) => Math.abs(value - small[i]) < 1e-3));
});

test("a wider pen is more ink, between 0 and 1", () => {
  const sum = (pen) => letterOf(V, AVERAGE, INPUT, pen).reduce((a, b) => a + b, 0);
  assert.ok(sum(2) < sum(5) && sum(5) < sum(10));
  assert.ok(letterOf(V, AVERAGE, INPUT, 10).every((value) => value >= 0 && value <= 1));
});

test("dots, flat lines, empty strokes and an empty average letter do no harm", () => {
  assert.equal(letterOf([], AVERAGE, INPUT, 5), null);
  assert.equal(letterOf([[]], AVERAGE, INPUT, 5), null);
  for (const strokes of [[[[0.5, 0.5]]], [[[0, 0.5], [1, 0.5]]], [[[0.5, 0], [0.5, 1]], []]]) {
    for (const average of [AVERAGE, new Float32Array(64 * 64)]) {
      const pixels = letterOf(strokes, average, INPUT, 5);
      assert.ok(pixels.every((value) => value >= 0 && value <= 1) && pixels.some((value) => value > 0.5));
    }
  }
});
