/**
 * A model as a place: `atlas.json`, with the directions of its attributes, latents to begin with, and
 * test images in a plane. It is fetched beside the weights by the views that use it, and what does not
 * fit the model is left out: an atlas is as little trusted as any other file.
 */

import { fetchJson } from "../api/files.js";

const FORMAT = "vaelet-atlas/1";
/** Milliseconds without a byte after which a view does without an atlas. */
const PATIENCE = 10_000;
/** @type {Map<string, Promise<object>>} */
const atlases = new Map();

/**
 * @typedef {{ name: string, low: number, high: number, vector: number[] }} Direction unique names; `low` ≤ 0 ≤ `high`
 *
 * @typedef {object} Items test images
 * @property {string} thumbnails file with all thumbnails, row by row, a pixel of space between them
 * @property {string[]} texts the items themselves, in a model of texts; it has no thumbnails
 * @property {number} columns
 * @property {number} side of a thumbnail, in pixels
 * @property {number[]} labels classes; empty where there are none
 * @property {string[]} credits empty where that is the model's own credit
 * @property {[number, number][]} plane places
 *
 * @typedef {object} Atlas
 * @property {Direction[]} directions
 * @property {(string | undefined)[]} followed the factor that a latent follows, where it is known to follow one
 * @property {{ z: number[], credit?: string }[]} examples
 * @property {{ origin: number[], axes: [number[], number[]] } | null} plane
 * @property {Items | null} items
 */

/** A model's atlas.json, as it is. @param {URL} folder @throws {VaeletError} */
export function fetchAtlas(folder) {
  const { href } = folder;
  if (!atlases.has(href)) {
    atlases.set(href, fetchJson(folder, "atlas.json", { patience: PATIENCE }));
    atlases.get(href).catch(() => atlases.delete(href)); // so that the next view tries again
  }
  return atlases.get(href);
}

/** What of an atlas fits a model with this many latents. @param {any} atlas @param {number} latents @returns {Atlas} */
export function readAtlas(atlas, latents) {
  const known = atlas?.format === FORMAT ? atlas : {};
  const list = (value) => (Array.isArray(value) ? value.filter(Boolean) : []);
  const name = (text) => (typeof text === "string" && text !== "" ? text : undefined);
  const fits = (vector) => Array.isArray(vector) && vector.length === latents && vector.every(Number.isFinite);
  const { origin, axes } = known.plane ?? {};
  return {
    directions: list(known.directions).filter((direction) => fits(direction.vector) && isUsable(direction)).filter(isFirst),
    followed: Array.from({ length: latents }, (_, i) => name(Array.isArray(known.followed) ? known.followed[i] : undefined)),
    examples: list(known.examples).filter(({ z }) => fits(z)),
    plane: fits(origin) && list(axes).length === 2 && axes.every(fits) ? known.plane : null,
    items: readItems(known.items),
  };
}

/** A direction needs a name, which is how the address speaks of it, and a range around 0. */
function isUsable({ name, low, high }) {
  return typeof name === "string" && name !== "" && Number.isFinite(low) && Number.isFinite(high) && low < high && low <= 0 && high >= 0;
}

/** The first of those that have the same name. */
function isFirst({ name }, index, all) {
  return all.findIndex((other) => other.name === name) === index;
}

/** @returns {Items | null} */
function readItems(items) {
  const { thumbnails, texts = [], columns, side, labels = [], credits = [], plane } = items ?? {};
  const count = Array.isArray(plane) ? plane.length : 0;
  const each = (values, fits) => Array.isArray(values) && (values.length === 0 || values.length === count) && values.every(fits);
  const good =
    count > 0 &&
    each(plane, (place) => place?.length === 2 && place.every(Number.isFinite)) &&
    each(labels, (label) => Number.isInteger(label) && label >= 0) &&
    each(credits, (credit) => typeof credit === "string") &&
    each(texts, (text) => typeof text === "string") &&
    (texts.length > 0 || (Number.isInteger(columns) && columns > 0 && Number.isInteger(side) && side > 2 && /^[\w-]+\.\w+$/.test(thumbnails)));
  return good ? { thumbnails, texts, columns, side, labels, credits, plane } : null;
}
