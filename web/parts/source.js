/**
 * Where a latent comes from, as text for the hash: a sample is named by seed, index and
 * temperature, a drawing by its ink, and what came from a picture or from a map by its numbers.
 * Of a reader's own picture only these numbers are ever in a link.
 */

import { MAX_SEED } from "./route.js";
import { decodeInk, encodeInk } from "./ink-text.js";

/** Pictures in the grid of the view Sample; an index counts within it. */
export const SAMPLES = 60;
/** Latents in links are 16-bit integers of this many steps to one. */
const STEPS = 2048;

/**
 * @typedef {{ kind: "sample", seed: number, index: number, temperature: number, prior: "learned" | "normal" }} SampleSource
 * @typedef {{ kind: "drawn", strokes: number[][][] }} DrawnSource
 * @typedef {{ kind: "latent", z: Float32Array }} LatentSource
 */

/** @param {Omit<SampleSource, "kind">} sample */
export function formatSample({ seed, index, temperature, prior }) {
  return `sample-${seed}-${index}-${temperature}${prior === "normal" ? "-normal" : ""}`;
}

/** @param {SampleSource | DrawnSource | LatentSource} source */
export function formatSource(source) {
  if (source.kind === "drawn") return `drawn-${encodeInk(source.strokes)}`;
  if (source.kind === "latent") return `z-${encodeLatent(source.z)}`;
  return formatSample(source);
}

/**
 * @param {string | null} text
 * @param {number} seed of the sample that stands in for what does not parse
 * @param {number} size of a latent
 * @returns {SampleSource | DrawnSource | LatentSource}
 */
export function parseSource(text, seed, size) {
  if (text?.startsWith("drawn-")) return { kind: "drawn", strokes: decodeInk(text.slice("drawn-".length)) };
  const z = text?.startsWith("z-") ? decodeLatent(text.slice("z-".length), size) : null;
  if (z) return { kind: "latent", z };
  const [, ...numbers] = (text ?? "").match(/^sample-(\d+)-(\d+)-(\d+(?:\.\d+)?)(?:-normal)?$/) ?? [];
  const [given, index, temperature] = numbers.map(Number);
  const prior = text?.endsWith("-normal") ? "normal" : "learned";
  if (numbers.length && given <= MAX_SEED && index < SAMPLES && temperature <= 2) {
    return { kind: "sample", seed: given, index, temperature, prior };
  }
  return standIn(seed);
}

/** @param {number} seed @returns {SampleSource} */
function standIn(seed) {
  return { kind: "sample", seed, index: 0, temperature: 1, prior: "learned" };
}

/**
 * The source, or a sample where it is a drawing and there is no pad.
 * @param {SampleSource | DrawnSource | LatentSource} source
 * @param {number} seed
 * @returns {SampleSource | LatentSource}
 */
export function undrawn(source, seed) {
  return source.kind === "drawn" ? standIn(seed) : source;
}

/** @param {Float32Array} z @returns {LatentSource} */
export function latentSource(z) {
  return { kind: "latent", z };
}

/** What another sample is to be like: a source's own manner where it is a sample. @param {SampleSource | DrawnSource | LatentSource} source */
export function mannerOf(source) {
  return source.kind === "sample" ? { temperature: source.temperature, prior: source.prior } : { temperature: 1, prior: /** @type {const} */ ("learned") };
}

/** The latent of a source that is no drawing. @param {SampleSource | LatentSource} source */
export function latentOf(model, source) {
  if (source.kind === "latent") return source.z;
  const { seed, index, temperature, prior } = source;
  return model.sample({ seed, first: index, temperature, prior });
}

/** @param {Float32Array} z @returns {string} base64url */
function encodeLatent(z) {
  const bytes = new DataView(new ArrayBuffer(2 * z.length));
  z.forEach((value, i) => bytes.setInt16(2 * i, Math.max(-32768, Math.min(32767, Math.round(value * STEPS)))));
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes.buffer)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @returns {Float32Array | null} where the text is no latent of this size */
function decodeLatent(text, size) {
  if (!/^[\w-]+$/.test(text) || text.length !== Math.ceil((8 * size) / 3)) return null;
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new DataView(Uint8Array.from(letters, (letter) => letter.charCodeAt(0)).buffer);
  return Float32Array.from({ length: size }, (_, i) => bytes.getInt16(2 * i) / STEPS);
}
