/**
 * A model of molecules that is written down here: up to 30 SELFIES tokens. Each place has a latent, whose value says which token
 * stands there, so every molecule comes back; one direction turns the first token into others.
 */

import { serveModel, weightsFile } from "./tiny.mjs";

const SYMBOLS = ["", "[C]", "[=C]", "[Ring1]", "[N]", "[Branch1]", "[=Branch1]", "[=O]", "[O]", "[=N]", "[Branch2]", "[Ring2]", "[S]", "[#Branch1]", "[F]", "[=Branch2]", "[#Branch2]", "[#C]", "[=Ring1]", "[P]", "[Cl]", "[NH1]", "[#N]", "[Br]", "[=Ring2]", "[=S]", "[H]"];
const [V, T] = [SYMBOLS.length, 30];
/** The value of a latent for each symbol; that of the end is far from where samples are. */
const CODES = SYMBOLS.map((_, i) => (i === 0 ? -9 : -2 + 4 * (i / V)));
/** How sure the decoder is, and how exact the encoder. */
const [SURE, LOG_VARIANCE] = [100, -12];

/** Values lie place by place, as the networks have them. */
const matrix = (rows, columns, value) => [[rows, columns], Float32Array.from({ length: rows * columns }, (_, i) => value(Math.floor(i / columns), i % columns))];
const vector = (length, value) => [[length], Float32Array.from({ length }, (_, i) => value(i))];

const WEIGHTS = weightsFile({
  "encoder.0.weight": matrix(T * V, 2 * T, (from, to) => (Math.floor(from / V) === to ? CODES[from % V] : 0)),
  "encoder.0.bias": vector(2 * T, (to) => (to < T ? 0 : LOG_VARIANCE)),
  // −SURE (z − code)², without what all symbols have in common.
  "decoder.0.weight": matrix(T, T * V, (from, to) => (Math.floor(to / V) === from ? 2 * SURE * CODES[to % V] : 0)),
  "decoder.0.bias": vector(T * V, (to) => -SURE * CODES[to % V] ** 2),
});

const MODEL = {
  name: "carbons",
  title: "Carbons",
  subject: { one: "molecule", many: "molecules", unseen: "Molecules that nobody made" },
  input: { channels: V, height: 1, width: T },
  data: { kind: "sequence", symbols: SYMBOLS, end: 0, capitals: false, notation: "selfies" },
  likelihood: { kind: "categorical", symbols: V },
  latents: [{ name: "z", size: T, prior: { kind: "standard_normal" } }],
  encoder: [{ type: "linear", inputs: T * V, outputs: 2 * T, params: "encoder.0" }],
  decoder: [
    { type: "linear", inputs: T, outputs: T * V, params: "decoder.0" },
    { type: "reshape", channels: V, height: 1, width: T },
  ],
};
const ATLAS = {
  format: "vaelet-atlas/1",
  directions: [{ name: "oily", low: -3, high: 3, vector: Array.from({ length: T }, (_, i) => (i === 0 ? 0.5 : 0)) }],
};

/** Publishes the model for a page, before it is opened. @param {import("playwright-core").Page} page */
export const serveCarbons = (page) => serveModel(page, MODEL, WEIGHTS, { "samples.txt": "[C][C][O]\n[C][=O]\n", "atlas.json": JSON.stringify(ATLAS) });
