/** How one number of a layer comes about, in small and for a released model's weights. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { half, readFilters, seenFrom, stepsOf, sumOf, tapsOf } from "../../web/views/inside/filters.js";

const conv = { type: "conv2d", kernel: 4, stride: 2, padding: 1, activation: "none", params: "c", skip: 0 };
const back = { ...conv, type: "conv_transpose2d" };

test("half floats are read", () => {
  assert.deepEqual([0x3c00, 0xc000, 0x0001, 0x7bff, 0x0000].map(half), [1, -2, 2 ** -24, 65504, 0]);
});

test("layers that write are those of the file, with what a skip connection adds", () => {
  const layers = [conv, { type: "reshape" }, { type: "residual", activation: "silu", layers: [conv, conv] }];
  assert.deepEqual(stepsOf(layers).map(({ activation, skip }) => [activation, skip]), [["none", 0], ["none", 0], ["silu", 2]]);
  assert.equal(stepsOf([{ type: "upsample" }, conv]), null);
});

test("a convolution looks ahead, a transposed one at what reaches it, both within the map", () => {
  assert.deepEqual(tapsOf(/** @type {any} */ (conv), 0, 8), [[0, 1], [1, 2], [2, 3]]);
  assert.deepEqual(tapsOf(/** @type {any} */ (conv), 3, 8), [[5, 0], [6, 1], [7, 2]]);
  assert.deepEqual(tapsOf(/** @type {any} */ (back), 0, 4), [[0, 1]]);
  assert.deepEqual(tapsOf(/** @type {any} */ (back), 3, 4), [[1, 2], [2, 0]]);
});

test("a transposed convolution is the adjoint of the convolution with the same kernel", () => {
  const [n, m] = [8, 4];
  const kernel = [0.5, -1, 2, 0.25];
  const forward = (x) => Array.from({ length: m }, (_, at) => tapsOf(/** @type {any} */ (conv), at, n).reduce((sum, [i, k]) => sum + x[i] * kernel[k], 0));
  const backward = (y) => Array.from({ length: n }, (_, at) => tapsOf(/** @type {any} */ (back), at, m).reduce((sum, [i, k]) => sum + y[i] * kernel[k], 0));
  const x = Array.from({ length: n }, (_, i) => Math.sin(i + 1));
  const y = Array.from({ length: m }, (_, i) => Math.cos(3 * i));
  const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  assert.ok(Math.abs(dot(forward(x), y) - dot(x, backward(y))) < 1e-12);
});

test("a deeper number sees more of the picture", () => {
  assert.deepEqual(seenFrom(/** @type {any} */ ([conv]), 3, 28), [5, 8]);
  assert.deepEqual(seenFrom(/** @type {any} */ ([conv, conv]), 3, 28), [9, 18]);
  assert.deepEqual(seenFrom(/** @type {any} */ ([conv, conv]), 0, 28), [0, 6]);
});

test("the sum is the bias and what each channel gives", () => {
  const step = /** @type {any} */ ({ ...conv, kernel: 1, stride: 1, padding: 0 });
  const before = { height: 1, width: 1, channels: 2, values: Float32Array.of(3, 5) };
  const weights = [1, 10, 2, 20]; // [in, out]
  const found = sumOf(step, before, { weight: (at) => weights[at], bias: (at) => [0.5, 0.25][at] }, { row: 0, column: 0, channel: 1, channels: 2 });
  assert.deepEqual(found.parts, [30, 100]);
  assert.equal(found.sum, 130.25);
});

test("weights of a released model are read with their scales", async () => {
  const bytes = new Uint8Array(await readFile(new URL("../../models/digits-beta-1/weights.safetensors", import.meta.url)));
  const { weight, bias } = readFilters(bytes)("encoder.0");
  const all = Array.from({ length: 4 * 4 * 16 }, (_, i) => weight(i));
  assert.ok(all.every(Number.isFinite) && Number.isFinite(bias(15)));
  assert.ok(Math.max(...all.map(Math.abs)) > 0.05 && Math.max(...all.map(Math.abs)) < 5);
});
