/** Weights are read as they were written, in each type; a damaged file is an error. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { readTensors } from "../../web/parts/safetensors.js";

/** @param {Record<string, { dtype: string, shape: number[], bytes: number[] }>} tensors */
function fileOf(tensors) {
  const body = Object.values(tensors).flatMap(({ bytes }) => bytes);
  let end = 0;
  const header = Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const from = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [from, end] }];
  }));
  const text = new TextEncoder().encode(JSON.stringify({ __metadata__: { format: "pt" }, ...header }));
  const file = new Uint8Array(8 + text.length + body.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(body, 8 + text.length);
  return file;
}

const FILE = fileOf({
  whole: { dtype: "F32", shape: [2], bytes: [...new Uint8Array(Float32Array.of(1.25, -3e-5).buffer)] },
  // 1, −2, 2⁻²⁴ and 65504
  half: { dtype: "F16", shape: [4], bytes: [0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0xff, 0x7b] },
  byte: { dtype: "I8", shape: [2, 2], bytes: [1, 0xff, 2, 0x80] },
  "byte.scale": { dtype: "F16", shape: [2], bytes: [0x00, 0x38, 0x00, 0x3c] },
});

test("each type is read", () => {
  const tensors = readTensors(FILE);
  assert.deepEqual(tensors.get("whole"), Float32Array.of(1.25, -3e-5));
  assert.deepEqual(tensors.get("half"), Float32Array.of(1, -2, 2 ** -24, 65504));
  assert.deepEqual(tensors.get("byte"), Float32Array.of(0.5, -1, 1, -128));
});

test("a released model's weights are finite", async () => {
  const tensors = readTensors(await readFile(new URL("../../models/digits-beta-1/weights.safetensors", import.meta.url)));
  assert.equal(tensors.get("encoder.0.weight")?.length, 4 * 4 * 16);
  for (const values of tensors.values()) assert.ok(values.every(Number.isFinite));
});

test("a damaged file is an error", () => {
  for (let length = 0; length < FILE.length; length += 1) assert.throws(() => readTensors(FILE.subarray(0, length)), `${length} bytes`);
  assert.throws(() => readTensors(fileOf({ byte: { dtype: "I8", shape: [1], bytes: [1] } })), /no scales/);
});
