/** Latents by their names in links. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SAMPLES, formatSource, latentOf, parseSource, undrawn } from "../../web/parts/source.js";

const STAND_IN = { kind: "sample", seed: 7, index: 0, temperature: 1, prior: "learned" };

test("every kind of source comes back from its name", () => {
  const sources = [
    { kind: "sample", seed: 4294967295, index: SAMPLES - 1, temperature: 0.35, prior: "normal" },
    { kind: "sample", seed: 0, index: 0, temperature: 2, prior: "learned" },
    { kind: "latent", z: Float32Array.of(0, -1.5, 15.99951171875, -16) },
    { kind: "latent", z: Float32Array.of(0.25) },
    { kind: "drawn", strokes: [] },
  ];
  for (const source of sources) assert.deepEqual(parseSource(formatSource(source), 7, source.z?.length ?? 4), source);
});

test("numbers that do not fit are the nearest that do", () => {
  const { z } = parseSource(formatSource({ kind: "latent", z: Float32Array.of(99, -99, 0.0001) }), 7, 3);
  assert.ok(z[0] > 15.99 && z[1] === -16 && z[2] === 0, `${z}`);
});

test("what is no name, or of another model, is the sample that stands in", () => {
  const other = formatSource({ kind: "latent", z: new Float32Array(3) });
  for (const text of [null, "", "sample", "sample-1-60-1", "sample-1-0-2.5", "sample-4294967296-0-1", "sample--1-0-1", "z-", "z-!!", other, "sample-1-0-1-else"]) {
    assert.deepEqual(parseSource(text, 7, 4), STAND_IN, text);
  }
});

test("where there is no pad a drawing is the sample that stands in", () => {
  assert.deepEqual(undrawn({ kind: "drawn", strokes: [] }, 7), STAND_IN);
  const model = { sample: (options) => options };
  assert.deepEqual(latentOf(model, STAND_IN), { seed: 7, first: 0, temperature: 1, prior: "learned" });
});
