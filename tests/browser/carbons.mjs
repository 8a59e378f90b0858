/**
 * A model of molecules that is written down here: up to 30 SELFIES tokens, all of which come back; one direction turns the
 * first token into others.
 */

import { serveModel, spelled, weightsFile } from "./tiny.mjs";

const SYMBOLS = ["", "[C]", "[=C]", "[Ring1]", "[N]", "[Branch1]", "[=Branch1]", "[=O]", "[O]", "[=N]", "[Branch2]", "[Ring2]", "[S]", "[#Branch1]", "[F]", "[=Branch2]", "[#Branch2]", "[#C]", "[=Ring1]", "[P]", "[Cl]", "[NH1]", "[#N]", "[Br]", "[=Ring2]", "[=S]", "[H]"];
const PLACES = 30;
/** The end is far from where samples are. */
const CODES = SYMBOLS.map((_, i) => (i === 0 ? -9 : -2 + 4 * (i / SYMBOLS.length)));

const { tensors, model } = spelled({ symbols: SYMBOLS, places: PLACES, codes: CODES, sure: 100, logVariance: -12 });
const MODEL = {
  ...model,
  name: "carbons",
  title: "Carbons",
  subject: { one: "molecule", many: "molecules", unseen: "Molecules that nobody made" },
  data: { ...model.data, capitals: false, notation: "selfies" },
};
const ATLAS = {
  format: "vaelet-atlas/1",
  directions: [{ name: "oily", low: -3, high: 3, vector: Array.from({ length: PLACES }, (_, i) => (i === 0 ? 0.5 : 0)) }],
};

/** Publishes the model for a page, before it is opened. @param {import("playwright-core").Page} page */
export const serveCarbons = (page) => serveModel(page, MODEL, weightsFile(tensors), { "samples.txt": "[C][C][O]\n[C][=O]\n", "atlas.json": JSON.stringify(ATLAS) });
