/**
 * A model of texts that is written down here: up to three of the letters a, b and c. Each place has a latent, whose value says
 * which letter stands there, so every text comes back; of two classes the second writes b where the first writes c.
 */

import { serveModel, weightsFile } from "./tiny.mjs";

const SYMBOLS = ["", "a", "b", "c"];
const [V, T] = [SYMBOLS.length, 3];
/** The value of a latent for each symbol; that of the end is far from where samples are. */
const CODES = [-3, -0.7, 0.1, 0.9];
/** How sure the decoder is, and how exact the encoder. */
const [SURE, LOG_VARIANCE] = [10, -8];

/** Values lie place by place, as the networks have them. */
const matrix = (rows, columns, value) => [[rows, columns], Float32Array.from({ length: rows * columns }, (_, i) => value(Math.floor(i / columns), i % columns))];
const vector = (length, value) => [[length], Float32Array.from({ length }, (_, i) => value(i))];

const WEIGHTS = weightsFile({
  "encoder.0.weight": matrix(T * V, 2 * T, (from, to) => (Math.floor(from / V) === to ? CODES[from % V] : 0)),
  "encoder.0.bias": vector(2 * T, (to) => (to < T ? 0 : LOG_VARIANCE)),
  // −SURE (z − code)², without what all symbols have in common.
  "decoder.0.weight": matrix(T, T * V, (from, to) => (Math.floor(to / V) === from ? 2 * SURE * CODES[to % V] : 0)),
  "decoder.0.bias": vector(T * V, (to) => -SURE * CODES[to % V] ** 2),
  "decoder.1.weight": matrix(2, T * V, (group, to) => (group === 1 && to % V === 3 ? -1000 : 0)),
  "decoder.1.bias": vector(T * V, () => 0),
});

const MODEL = {
  name: "syllables",
  title: "Syllables",
  subject: { one: "syllable", many: "syllables", unseen: "Syllables that nobody says" },
  input: { channels: V, height: 1, width: T },
  data: { kind: "sequence", symbols: SYMBOLS, end: 0, capitals: true },
  condition: { name: "country", classes: ["CH", "AT"] },
  likelihood: { kind: "categorical", symbols: V },
  latents: [{ name: "z", size: T, prior: { kind: "standard_normal" } }],
  encoder: [{ type: "linear", inputs: T * V, outputs: 2 * T, params: "encoder.0" }],
  decoder: [
    { type: "linear", inputs: T, outputs: T * V, params: "decoder.0" },
    { type: "condition", outputs: T * V, params: "decoder.1" },
    { type: "reshape", channels: V, height: 1, width: T },
  ],
};

/** Publishes the model for a page, before it is opened. @param {import("playwright-core").Page} page */
export const serveSyllables = (page) => serveModel(page, MODEL, WEIGHTS, { "samples.txt": "abc\tCH\nbab\tAT\n" });
