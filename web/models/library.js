/**
 * The models that were published with this page: `models/index.json`, which the build writes
 * from the folders it finds, and which of them suits a view.
 */

import { VaeletError } from "../api/errors.js";
import { expectFiles } from "../api/files.js";
import { fetchFile, textOf } from "../api/network.js";
import { subjectOf } from "./subject.js";

/** Kept in a variable: what is named relative to `import.meta.url` itself, bundlers take along. */
const { url: OWN } = import.meta;
/** The folder that contains `web/`; of another bundler's file, the folder above it. */
const ROOT = new URL(/\/web\/(models\/library|shared\/\w+)\.js$/.test(new URL(OWN).pathname) ? "../../" : "../", OWN);
/** Where the site begins: the modules of a published version stand in `v/<version>/web/`, those of a package in `web/`. */
const isPublished = /\/v\/[0-9a-f]{16}\/$/.test(ROOT.pathname);
export const SITE = new URL(isPublished ? "../../" : "./", ROOT);
/** The page, where these modules are part of a published one. @type {URL | null} */
export const PAGE = isPublished ? SITE : null;
/** Models and their list stay where they are published. */
const MODELS = new URL("models/", SITE);
const LIST = new URL("models/index.json", ROOT);
/** Milliseconds without a byte of the list after which a page does without. */
const PATIENCE = 5_000;

/**
 * @typedef {object} Entry
 * @property {string} name of the folder
 * @property {string} title
 * @property {{ channels: number, height: number, width: number }} input
 * @property {string} likelihood
 * @property {number} latents
 * @property {object} [subject] what its pictures are called
 * @property {string} [lacks] "encoder" or "decoder", where it has none
 * @property {string[] | null} [first] the views that open with it
 * @property {number} [bytes] of its weights
 * @property {number} [beside] bytes of what views fetch besides
 * @property {boolean} [here] whether its weights are in this browser, where that was looked for
 * @property {number | null} beta
 * @property {string} [network] the same for models that differ in nothing but how they were trained
 * @property {Record<string, string>} [files] the SHA-256 of each
 * @property {{ kind: string, notation?: string }} [data] what its pictures stand for, where they are no plain pictures
 * @property {object} [condition] what it has to be told to draw a picture
 * @property {boolean} [kept] whether it is in this browser only (`kept.js`)
 */

/** Models that a view can show, where it cannot show all. */
const SUITS = {
  sample: ({ lacks }) => lacks !== "decoder",
  draw: (entry) => isDrawable(entry) && !entry.lacks,
  morph: ({ lacks }) => lacks !== "decoder",
  map: ({ lacks }) => !lacks,
  edit: ({ latents, lacks }) => latents > 2 && !lacks,
  inside: ({ lacks }) => !lacks,
  // Its panels cut, mask and enlarge pictures, which means nothing to a sound.
  use: ({ condition, lacks, data }) => !condition && !lacks && !data,
};

function isDrawable(entry) {
  return subjectOf(entry).drawable;
}

/** @type {Promise<Entry[]> | undefined} */
let listing;

/** All models; rejects where the list cannot be had. @returns {Promise<Entry[]>} */
export function library() {
  listing ??= Promise.all([fetchList(), fetchKept()]).then((lists) => lists.flat());
  listing.catch(() => {
    listing = undefined; // so that the next one tries again
  });
  return listing;
}

/** Models that the reader keeps; the code for them is fetched where there are some. @returns {Promise<Entry[]>} */
async function fetchKept() {
  const kept = await globalThis.caches?.has("vaelet-kept").catch(() => false);
  return kept ? (await import("./kept.js")).keptModels() : [];
}

async function fetchList() {
  const { bytes } = await fetchFile(LIST, { patience: PATIENCE });
  const list = JSON.parse(textOf(LIST, bytes));
  if (!Array.isArray(list)) throw new Error("models/index.json is no list");
  const models = list.filter(isEntry);
  for (const { name, files } of models) if (files) expectFiles(folderOf(name), files);
  return models;
}

/** What is damaged in the list hurts no other model. */
function isEntry(entry) {
  const { name, title, first, input, likelihood, latents, files } = Object(entry);
  const counts = [latents, input?.channels, input?.height, input?.width];
  const isText = (value) => typeof value === "string";
  return isText(name) && isName(name) && isText(title) && isText(likelihood) && counts.every((count) => Number.isInteger(count) && count > 0) && (first == null || Array.isArray(first)) && (files === undefined || Object.values(Object(files)).every(isText));
}

/** Whether this names a folder, and leads nowhere else. */
export function isName(name) {
  return Boolean(name) && !/^\.*$|[/\\]/.test(name);
}

/** What is said where it is not known which model to show. */
export const NONE = "No model can be chosen: the list of models could not be loaded, or has none for this view. Reload the page, or name a model.";

/** The folder of a published model. @param {string | undefined} name @throws {VaeletError} where there is none */
export function folderOf(name) {
  if (!name) throw new VaeletError("not-found", NONE);
  return new URL(`${encodeURIComponent(name)}/`, MODELS);
}

/** Models that a view can show. @param {Entry[]} models @param {string} view */
export function suited(models, view) {
  return models.filter(SUITS[view] ?? (() => true));
}

/** The model that a view shows unless told otherwise; nothing where the site has none for it. @param {Entry[]} models @param {string} view @returns {string | undefined} */
export function favourite(models, view) {
  const fitting = suited(models, view);
  return (fitting.find(({ first }) => first?.includes(view)) ?? fitting[0])?.name;
}

/** Models of the same network and kind of picture that were trained with another β, in the order of β: the family of this one. @param {Entry[]} models @param {Entry} own */
export function familyOf(models, own) {
  const members = new Map();
  for (const model of [own, ...models]) {
    if (model.network && model.network === own.network && Number.isFinite(model.beta) && !members.has(model.beta)) members.set(model.beta, model);
  }
  return [...members.values()].sort((a, b) => a.beta - b.beta);
}

/** Ends the name of a model whose decoder was sharpened. */
const SHARP = "-sharp";

/** The model with the same latents and the other decoder, by name. @param {string} name @returns {{ name: string, isSharp: boolean }} */
export function partnerOf(name) {
  return name.endsWith(SHARP) ? { name: name.slice(0, -SHARP.length), isSharp: false } : { name: name + SHARP, isSharp: true };
}
