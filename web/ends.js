/**
 * The two ends of a morph as text for the hash: a sample is named by seed,
 * index and temperature, a drawing by its ink.
 */

import { decodeInk, encodeInk } from "./ink.js";
import { MAX_SEED } from "./route.js";

/** Pictures on the sheet of the sample view; an index counts within it. */
export const SHEET = 60;

/**
 * @typedef {{ kind: "sample", seed: number, index: number, temperature: number, prior: "learned" | "normal" }} SampleEnd
 * @typedef {{ kind: "drawn", strokes: number[][][] }} DrawnEnd
 */

/** @param {Omit<SampleEnd, "kind">} sample */
export function sampleEnd({ seed, index, temperature, prior }) {
  return `sample-${seed}-${index}-${temperature}${prior === "normal" ? "-normal" : ""}`;
}

/** @param {number[][][]} strokes */
export function drawnEnd(strokes) {
  return `drawn-${encodeInk(strokes)}`;
}

/** @param {string | null} text @param {number} seed of the sample that stands in for what does not parse @returns {SampleEnd | DrawnEnd} */
export function parseEnd(text, seed) {
  if (text?.startsWith("drawn-")) return { kind: "drawn", strokes: decodeInk(text.slice("drawn-".length)) };
  const [, ...numbers] = (text ?? "").match(/^sample-(\d+)-(\d+)-(\d+(?:\.\d+)?)(?:-normal)?$/) ?? [];
  const [given, index, temperature] = numbers.map(Number);
  const prior = text?.endsWith("-normal") ? "normal" : "learned";
  if (numbers.length && given <= MAX_SEED && index < SHEET && temperature <= 2) {
    return { kind: "sample", seed: given, index, temperature, prior };
  }
  return { kind: "sample", seed, index: 0, temperature: 1, prior: "learned" };
}

/** The latent of a sampled end: the row of the sheet it was chosen from. */
export function sampleLatent(model, { seed, index, temperature, prior }) {
  const size = model.latentSize;
  return model.sample({ seed, count: SHEET, temperature, prior }).slice(index * size, (index + 1) * size);
}
