/**
 * What is changed about a latent: how far it goes along the direction of each attribute, and the
 * dimensions that stand at a value of their own. As text for the hash, `smile:1.5;@12:0.53` is
 * 1.5 times the direction "smile", and latent 12, counted from 1, at 0.53.
 */

import { clamp } from "../../api/numbers.js";

/** Latents are set within ±LIMIT; nearly all of 𝒩(0, 1) lies within ±SURE. */
export const LIMIT = 4;
export const SURE = 2.5;

/**
 * @typedef {{ name: string, low: number, high: number, sure: [number, number], vector: number[] }} Direction `sure`: the part of its range where there is data
 * @typedef {{ attributes: Map<string, number>, latents: Map<number, number> }} Edits latents counted from 0
 */

/**
 * What names a direction that is known and a latent that exists; the rest is left out.
 * @param {string | null} text
 * @param {Direction[]} directions
 * @param {number} size of a latent
 * @returns {Edits}
 */
export function parseEdits(text, directions, size) {
  const attributes = new Map();
  const latents = new Map();
  for (const part of (text ?? "").split(";")) {
    const [, name, digits] = part.match(/^([^:]+):(-?\d+(?:\.\d+)?)$/) ?? [];
    const value = Number(digits);
    const direction = directions.find((known) => escaped(known.name) === name);
    const latent = Number(name?.match(/^@(\d+)$/)?.[1]) - 1;
    if (latent >= 0 && latent < size) latents.set(latent, clamp(value, -LIMIT, LIMIT));
    else if (direction && value !== 0) attributes.set(direction.name, clamp(value, direction.low, direction.high));
  }
  return { attributes, latents };
}

/** @param {Edits} edits @returns {string} empty where nothing is changed */
export function formatEdits({ attributes, latents }) {
  return [
    ...[...attributes].map(([name, value]) => `${escaped(name)}:${short(value)}`),
    ...[...latents].map(([i, value]) => `@${i + 1}:${short(value)}`),
  ].join(";");
}

/**
 * z′ = z + Σ α·v over the attributes, with the latents that were set put in place.
 * @param {Float32Array} z
 * @param {Edits} edits
 * @param {Direction[]} directions
 */
export function applyEdits(z, { attributes, latents }, directions) {
  const moved = Float32Array.from(z);
  for (const { name, vector } of directions) {
    const amount = attributes.get(name) ?? 0;
    for (let i = 0; amount !== 0 && i < moved.length; i += 1) moved[i] += amount * vector[i];
  }
  for (const [i, value] of latents) moved[i] = value;
  return moved;
}

/** A name is whatever the model says; what means something in the text must not be in it. */
const escaped = (name) => name.replace(/[%:;@]/g, encodeURIComponent);
const short = (value) => Number(value.toFixed(2));
