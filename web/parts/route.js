/**
 * The address of what the reader sees: `#/view?name=value&…`. Reading is
 * forgiving, because a hash is typed, cut and pasted by people: what does not
 * parse falls back to its default.
 */

import { clamp } from "../api/numbers.js";

export const VIEWS = ["sample", "draw", "morph", "map", "edit", "inside", "use"];

/** What is no view of a model but a page of its own. */
const PAGES = ["check", "learn", "train"];

/** @returns {{ view: string, params: URLSearchParams, page: string | null, path: string }} with the view that was named, whether or not there is one */
export function parseHash(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { view: VIEWS.includes(path) ? path : VIEWS[0], params: new URLSearchParams(query), page: PAGES.includes(path) ? path : null, path };
}

/** @param {string} view @param {URLSearchParams} params */
export function formatHash(view, params) {
  const query = params.toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

/** Sets what has a value and takes out what is `null`. @param {URLSearchParams} params */
export function change(params, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  return params;
}

/** A number of the hash, clamped into [min, max]; `fallback` where it is missing or no number. */
export function numberParam(params, name, fallback, min, max) {
  const text = params.get(name);
  const value = text === null || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? clamp(value, min, max) : fallback;
}

/** One of several words of the hash, the first unless another is given. @template {string} T @param {URLSearchParams} params @param {string} name @param {T[]} words */
export function wordParam(params, name, words) {
  return words.find((word) => word === params.get(name)) ?? words[0];
}

export const MAX_SEED = 2 ** 32 - 1;

/** A seed of the hash: an integer the random generator takes. */
export function seedParam(params, name, fallback) {
  return Math.round(numberParam(params, name, fallback, 0, MAX_SEED));
}

/** A fresh seed, short enough to be read aloud. */
export function newSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % 100_000;
}
