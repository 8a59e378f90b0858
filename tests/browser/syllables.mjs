/**
 * A model of texts that is written down here: up to three of the letters a, b and c, all of which come back; of two classes
 * the second writes b where the first writes c. No a follows an a: the decoder reads the letter before.
 */

import { matrix, serveModel, spelled, vector, weightsFile } from "./tiny.mjs";

const SYMBOLS = ["", "a", "b", "c"];
const PLACES = 3;
const LOGITS = PLACES * SYMBOLS.length;

// The end is far from where samples are.
const { tensors, model } = spelled({ symbols: SYMBOLS, places: PLACES, codes: [-3, -0.7, 0.1, 0.9], sure: 10, logVariance: -8 });
const WEIGHTS = weightsFile({
  ...tensors,
  "decoder.1.weight": matrix(2, LOGITS, (group, to) => (group === 1 && SYMBOLS[to % SYMBOLS.length] === "c" ? -1000 : 0)),
  "decoder.1.bias": vector(LOGITS, () => 0),
  "decoder.2.weight": [[1, 1, SYMBOLS.length, SYMBOLS.length], matrix(SYMBOLS.length, SYMBOLS.length, (before, to) => (SYMBOLS[before] === "a" && SYMBOLS[to] === "a" ? -1000 : 0))[1]],
  "decoder.2.bias": vector(SYMBOLS.length, () => 0),
});

const [linear, reshape] = model.decoder;
const MODEL = {
  ...model,
  name: "syllables",
  title: "Syllables",
  subject: { one: "syllable", many: "syllables", unseen: "Syllables that nobody says" },
  data: { ...model.data, capitals: true },
  condition: { name: "country", classes: ["CH", "AT"] },
  decoder: [linear, { type: "condition", outputs: LOGITS, params: "decoder.1" }, reshape, { type: "context", reach: 1, outputs: SYMBOLS.length, params: "decoder.2" }],
};

/** Publishes the model for a page, before it is opened. @param {import("playwright-core").Page} page */
export const serveSyllables = (page) => serveModel(page, MODEL, WEIGHTS, { "samples.txt": "abc\tCH\nbab\tAT\n" });
