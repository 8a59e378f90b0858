/**
 * A model of sounds that is small enough to be written down here: three latents, each of which makes some tones of a
 * chord louder. Pages get it beside the published models.
 */

import { createHash } from "node:crypto";

const [SIDE, LATENTS] = [64, 3];
const SIZE = SIDE * SIDE;
/** A picture that fits any place. */
const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==", "base64");

/** Rows of the chord, between the first and the last frame that sound. */
const isTone = (row, frame) => [22, 34, 46].some((tone) => Math.abs(row - tone) < 2) && frame > 14 && frame < 50;

function weightsFile() {
  const place = (i) => [Math.floor(i / SIDE), i % SIDE];
  const decoder = Float32Array.from({ length: LATENTS * SIZE }, (_, i) => {
    const [row, frame] = place(i % SIZE);
    return isTone(row, frame) && Math.floor((row - 20) / 12) === Math.floor(i / SIZE) ? 0.6 : 0;
  });
  const tensors = {
    "decoder.0.weight": [[LATENTS, SIZE], decoder],
    "decoder.0.bias": [[SIZE], Float32Array.from({ length: SIZE }, (_, i) => (isTone(...place(i)) ? 2.5 : -8))],
    "encoder.0.weight": [[SIZE, 2 * LATENTS], Float32Array.from({ length: SIZE * 2 * LATENTS }, (_, i) => (i % 7) / 1000)],
    "encoder.0.bias": [[2 * LATENTS], new Float32Array(2 * LATENTS)],
  };
  const header = {};
  let at = 0;
  for (const [name, [shape, data]] of Object.entries(tensors)) header[name] = { dtype: "F32", shape, data_offsets: [at, (at += data.byteLength)] };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...Object.values(tensors).map(([, data]) => Buffer.from(data.buffer))]);
}

const WEIGHTS = weightsFile();
const ABOUT = {
  name: "tones",
  title: "Tones",
  subject: { one: "tone", many: "tones", unseen: "Tones that nobody played" },
  input: { channels: 1, height: SIDE, width: SIDE },
  data: { kind: "sound", rate: 8000, window: 256, hop: 80, lowest: 50, highest: 4000, range: 72 },
};
const MODEL = {
  format: "vaelet/1",
  ...ABOUT,
  likelihood: { kind: "gaussian", sigma: 0.1 },
  latents: [{ name: "z", size: LATENTS, prior: { kind: "standard_normal" } }],
  encoder: [{ type: "linear", inputs: SIZE, outputs: 2 * LATENTS, params: "encoder.0" }],
  decoder: [
    { type: "linear", inputs: LATENTS, outputs: SIZE, activation: "sigmoid", params: "decoder.0" },
    { type: "reshape", channels: 1, height: SIDE, width: SIDE },
  ],
  weights: { file: "weights.safetensors", bytes: WEIGHTS.length, sha256: createHash("sha256").update(WEIGHTS).digest("hex") },
  licence: "",
  credit: "",
};
const FILES = {
  "model.json": JSON.stringify(MODEL),
  "weights.safetensors": WEIGHTS,
  "atlas.json": JSON.stringify({ format: "vaelet-atlas/1" }),
  "samples.png": PIXEL,
};

/** Publishes the model for a page, before it is opened. @param {import("playwright-core").Page} page */
export async function serveTones(page) {
  await page.route("**/models/tones/*", (route) => {
    const body = FILES[route.request().url().split("/").at(-1)];
    return route.fulfill(body ? { body } : { status: 404 });
  });
  await page.route("**/models/index.json", async (route) => {
    const list = await (await route.fetch()).json();
    const entry = { ...ABOUT, likelihood: "gaussian", latents: LATENTS, bytes: WEIGHTS.length, first: [], beta: null };
    return route.fulfill({ json: [...list, entry] });
  });
}
