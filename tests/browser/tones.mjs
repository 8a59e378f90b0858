/**
 * A model of sounds that is small enough to be written down here: three latents, each of which makes some tones of a
 * chord louder. Pages get it beside the published models.
 */

import { serveModel, weightsFile } from "./tiny.mjs";

const [SIDE, LATENTS] = [64, 3];
const SIZE = SIDE * SIDE;
/** A picture that fits any place. */
const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==", "base64");

/** Rows of the chord, between the first and the last frame that sound. */
const isTone = (row, frame) => [22, 34, 46].some((tone) => Math.abs(row - tone) < 2) && frame > 14 && frame < 50;

function weights() {
  const place = (i) => [Math.floor(i / SIDE), i % SIDE];
  const decoder = Float32Array.from({ length: LATENTS * SIZE }, (_, i) => {
    const [row, frame] = place(i % SIZE);
    return isTone(row, frame) && Math.floor((row - 20) / 12) === Math.floor(i / SIZE) ? 0.6 : 0;
  });
  return weightsFile({
    "decoder.0.weight": [[LATENTS, SIZE], decoder],
    "decoder.0.bias": [[SIZE], Float32Array.from({ length: SIZE }, (_, i) => (isTone(...place(i)) ? 2.5 : -8))],
    "encoder.0.weight": [[SIZE, 2 * LATENTS], Float32Array.from({ length: SIZE * 2 * LATENTS }, (_, i) => (i % 7) / 1000)],
    "encoder.0.bias": [[2 * LATENTS], new Float32Array(2 * LATENTS)],
  });
}

const MODEL = {
  name: "tones",
  title: "Tones",
  subject: { one: "tone", many: "tones", unseen: "Tones that nobody played" },
  input: { channels: 1, height: SIDE, width: SIDE },
  data: { kind: "sound", rate: 8000, window: 256, hop: 80, lowest: 50, highest: 4000, range: 72 },
  likelihood: { kind: "gaussian", sigma: 0.1 },
  latents: [{ name: "z", size: LATENTS, prior: { kind: "standard_normal" } }],
  encoder: [{ type: "linear", inputs: SIZE, outputs: 2 * LATENTS, params: "encoder.0" }],
  decoder: [
    { type: "linear", inputs: LATENTS, outputs: SIZE, activation: "sigmoid", params: "decoder.0" },
    { type: "reshape", channels: 1, height: SIDE, width: SIDE },
  ],
};
const WEIGHTS = weights();

/** Publishes the model for a page, before it is opened. @param {import("playwright-core").Page} page */
export const serveTones = (page) => serveModel(page, MODEL, WEIGHTS, { "samples.png": PIXEL });
