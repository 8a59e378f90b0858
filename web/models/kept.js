/**
 * Models that this browser keeps for its reader: trained here, or opened from files. Their files lie in Cache Storage
 * under addresses of their own, `models/~<name>/`, which no server is ever asked for, so a kept model is
 * named, opened and linked like any other on this device.
 */

import { VaeletError } from "../api/errors.js";
import { KEPT_MODELS } from "../api/kept.js";
import { folderOf } from "./library.js";

const DESCRIPTION = "model.json";
/** Most characters of a name in an address. */
const LONGEST = 24;

/** @typedef {import("./library.js").Entry} Entry */

async function open() {
  try {
    return await caches.open(KEPT_MODELS);
  } catch (cause) {
    throw new VaeletError("unsupported", "This browser does not let the page keep models: only pages that come over https or from this machine may, and private windows may not. Save the model as a file instead.", { cause });
  }
}

/**
 * Keeps a model under a name that nothing has yet.
 *
 * @param {string} description text of its model.json
 * @param {Record<string, Uint8Array | string>} files the others, by their name: the weights that model.json names, perhaps an atlas
 * @param {string} [title] another title than that in model.json
 * @returns {Promise<string>} the name, for `?model=`
 * @throws {VaeletError} where nothing can be kept, or the disk is full
 */
export async function keepModel(description, files, title) {
  const cache = await open();
  const info = JSON.parse(description);
  if (title) info.title = title;
  const stem = `~${plain(info.title) || "model"}`;
  const taken = new Set((await keptModels()).map(({ name }) => name));
  let name = stem;
  for (let i = 2; taken.has(name); i += 1) name = `${stem}-${i}`;
  try {
    for (const [file, contents] of Object.entries(files)) await cache.put(addressOf(name, file), new Response(/** @type {BodyInit} */ (contents)));
    await cache.put(addressOf(name, DESCRIPTION), new Response(JSON.stringify({ ...info, name })));
  } catch (cause) {
    await forgetModel(name);
    throw new VaeletError("too-large", "There is no room left in this browser's storage to keep the model. Delete a kept model, or save this one as a file.", { cause });
  }
  navigator.storage?.persist?.().catch(() => false); // browsers may refuse, or ask, and the answer may never come
  return name;
}

/** The kept models, as the list of published models has them; none where nothing can be kept. @returns {Promise<Entry[]>} */
export async function keptModels() {
  try {
    if (!(await caches.has(KEPT_MODELS))) return [];
    const cache = await caches.open(KEPT_MODELS);
    const found = (await cache.keys()).filter(({ url }) => url.endsWith(`/${DESCRIPTION}`));
    const entries = await Promise.all(found.map(async (request) => entryOf(await (await cache.match(request)).json())));
    return entries.sort((a, b) => a.title.localeCompare(b.title));
  } catch {
    return []; // no secure page, or a browser that forbids it
  }
}

/** @returns {Entry} */
function entryOf({ name, title, lacks, input, data, likelihood, latents, subject, condition, weights, training }) {
  const size = latents.reduce((sum, group) => sum + group.size, 0);
  return { name, title, lacks, input, data, likelihood: likelihood.kind, latents: size, subject, condition, first: null, bytes: weights.bytes, beta: training?.beta ?? null, kept: true };
}

/** Gives a kept model another title; its name, which links have, stays. @param {string} name @param {string} title */
export async function renameModel(name, title) {
  const cache = await open();
  const address = addressOf(name, DESCRIPTION);
  const info = await (await cache.match(address)).json();
  await cache.put(address, new Response(JSON.stringify({ ...info, title: title.trim() || info.title })));
}

/** Deletes a kept model. @param {string} name */
export async function forgetModel(name) {
  const cache = await open();
  const folder = folderOf(name).href;
  for (const request of await cache.keys()) if (request.url.startsWith(folder)) await cache.delete(request);
}

/** The files of a kept model, by their name. @param {string} name @returns {Promise<Record<string, Uint8Array>>} */
export async function filesOf(name) {
  const cache = await open();
  const folder = folderOf(name).href;
  /** @type {Record<string, Uint8Array>} */
  const files = {};
  for (const request of await cache.keys()) {
    if (!request.url.startsWith(folder)) continue;
    const response = await cache.match(request);
    files[decodeURIComponent(request.url.slice(folder.length))] = new Uint8Array(await response.arrayBuffer());
  }
  return files;
}

function addressOf(name, file) {
  return new URL(encodeURIComponent(file), folderOf(name)).href;
}

/** What a title is in an address. */
function plain(title) {
  return String(title).normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, LONGEST).replace(/-+$/, "");
}
