/**
 * The files of a model: its description and its weights, fetched with progress and kept by their
 * hash between visits.
 */

import { VaeletError } from "./errors.js";
import { fetchFile, textOf } from "./network.js";

/** Where weights are kept between visits (Cache Storage). */
const CACHE = "vaelet-weights";
const DESCRIPTION = "model.json";
/** More bytes of weights than any browser could hold beside what it makes of them. */
const MOST = 2 ** 30;

/** The hashes of files that were published together with these modules, by their address. @type {Map<string, string>} */
const published = new Map();

/**
 * The folder of a model, by its own address or that of its model.json. Its query, where it has one, belongs to each of its files.
 *
 * @param {string | URL} address relative to the document
 * @returns {URL}
 * @throws {VaeletError}
 */
export function folderAt(address) {
  const text = String(address).trim();
  const url = text && URL.canParse(text, document.baseURI) ? new URL(text, document.baseURI) : null;
  if (!url) throw new VaeletError("bad-input", `“${text}” is not the address of a model's folder.`);
  if (!URL.canParse(DESCRIPTION, url)) throw new VaeletError("bad-input", `“${text.slice(0, 40)}” is the address of a file, but a model is a folder with its model.json and its weights. Give the address of the folder.`);
  url.hash = "";
  url.pathname = url.pathname.replace(/(^|\/)model\.json$/, "$1").replace(/\/*$/, "/");
  return url;
}

/** A file of a model's folder. @param {URL} folder as `folderAt` gives it @param {string} path */
export function fileOf(folder, path) {
  const url = addressOf(folder, path);
  const hash = published.get(url.href);
  if (hash) url.searchParams.set("sha256", hash);
  return url;
}

function addressOf(folder, path) {
  const url = new URL(path.split("/").map(encodeURIComponent).join("/"), folder);
  url.search = folder.search;
  return url;
}

/** Whether a file is one of a kept model, of which nothing is on any server. @param {URL} url */
export const isKept = ({ pathname }) => pathname.includes("/models/~");

/** A file of a model: kept by the reader, or fetched. @type {typeof fetchFile} */
const read = async (url, options) => (isKept(url) ? (await import("./kept.js")).readKept(url) : fetchFile(url, options));

/** Remembers what a file of a published folder has to be. @param {URL} folder @param {Record<string, string>} hashes by path */
export function expectFiles(folder, hashes) {
  for (const [path, hash] of Object.entries(hashes)) published.set(addressOf(folder, path).href, hash);
}

/**
 * The JSON of a model's folder: of the version that these modules are of, where they were published together.
 *
 * @param {URL} folder
 * @param {string} path
 * @param {Parameters<typeof fetchFile>[1]} [options]
 * @throws {VaeletError}
 */
export async function fetchJson(folder, path, options) {
  const url = fileOf(folder, path);
  const hash = published.get(addressOf(folder, path).href);
  // Nobody knows how old another folder's copies in the browser are.
  /** @type {RequestCache[]} */
  const tries = hash ? ["default", "reload"] : ["no-cache"];
  let text = "";
  for (const cache of tries) {
    const { bytes } = await read(url, { ...options, cache });
    text = textOf(url, bytes);
    if (!hash || (await isOf(bytes, hash))) return parse(url, text);
  }
  parse(url, text); // what is none at all is not called another version
  throw new VaeletError("outdated", `${url.pathname} was published again after this page was opened. Reload the page.`);
}

/** Whether these bytes have this SHA-256; believed where browsers do not compute it, which is outside of secure pages. */
async function isOf(bytes, hash) {
  if (!crypto.subtle) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === hash;
}

function parse(url, text) {
  if (/^\s*</.test(text)) {
    throw new VaeletError("bad-model", `${url.pathname} is a web page, not a model: the server answers missing files with its start page. Check the model's address.`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new VaeletError("bad-model", `${url.pathname} is not valid JSON (${error.message}). Export the model again.`, { cause: error });
  }
}

/**
 * The files of a model's folder: its description at once, its weights when they are asked for.
 *
 * @param {URL} folder as `folderAt` gives it
 * @param {{ onProgress?: (progress: { loaded: number, total: number }) => void, signal?: AbortSignal }} options
 * @throws {VaeletError}
 */
export async function openFolder(folder, { onProgress, signal }) {
  const info = await fetchJson(folder, DESCRIPTION, { signal });
  const url = weightsOf(folder, info);
  const { bytes: total, sha256 } = info.weights;
  const key = new URL(url);
  if (sha256) key.searchParams.set("sha256", sha256);
  const tell = teller(onProgress, total);
  return {
    /** The parsed model.json, and its text: both readers see the same, and names that stand twice are settled here. */
    info,
    spec: JSON.stringify(info),
    /** Another file of the folder. @param {string} path @param {AbortSignal} [signal] */
    json: (path, signal) => fetchJson(folder, path, { signal }),
    /** Weights that were kept, or else fetched. @returns {Promise<Uint8Array>} */
    weights: async () => (await readKept(key.href, total, tell)) ?? fetchWeights(url, total, tell, { signal }),
    /** Weights from the server itself, whatever was kept of them. @returns {Promise<Uint8Array>} */
    freshWeights: async () => {
      await forget(url);
      return fetchWeights(url, total, tell, { signal, cache: "reload" });
    },
    /** Keeps weights, which the runtime has checked, for the next visit. @param {Uint8Array} weights */
    keep: async (weights) => isKept(url) || keep(url, key.href, weights),
  };
}

/** Tells of progress; what goes wrong in the listener is the listener's, and no failure of the model. */
function teller(onProgress, total) {
  return (loaded) => {
    try {
      onProgress?.({ loaded, total });
    } catch (error) {
      reportError(error);
    }
  };
}

/** Where the weights are. What it takes to fetch them is checked here, everything else where the model is built. */
function weightsOf(folder, info) {
  const bad = (reason) => new VaeletError("bad-model", `${fileOf(folder, DESCRIPTION).pathname} ${reason}. Export the model again.`);
  const { file, bytes } = info?.weights ?? {};
  if (typeof file !== "string" || !file || !Number.isInteger(bytes)) throw bad(`does not describe its weights: "weights" should hold the "file" and its "bytes"`);
  if (bytes <= 0) throw bad(`says that its weights have ${bytes} bytes`);
  if (bytes > MOST) throw bad(`says that its weights have ${bytes} bytes; ${MOST} are the most that a page can load`);
  const url = fileOf(folder, file);
  // A model may only name files of its own folder.
  if (!(url.origin + url.pathname).startsWith(folder.origin + folder.pathname)) throw bad(`names weights outside its folder ("${file}")`);
  return url;
}

async function fetchWeights(url, total, tell, options) {
  tell(0);
  const { bytes, type } = await read(url, { ...options, most: total, onBytes: tell });
  if (type.startsWith("text/html")) {
    throw new VaeletError("not-found", `${url.pathname} is missing: the server answered with a web page. Publish the weights beside model.json.`);
  }
  if (bytes.length < total) {
    throw new VaeletError("truncated", `${url.pathname} ended after ${bytes.length} of ${total} bytes. Reload the page; if it happens again, publish the file again.`);
  }
  return bytes;
}

/** @type {Promise<Cache> | undefined} opening takes a while */
let weightsOpened;

/** Opens the cache of weights, ahead of its first use or for it. */
export function weightsCache() {
  weightsOpened ??= Promise.resolve().then(() => caches.open(CACHE)); // rejects where there is none
  weightsOpened.catch(() => {});
  return weightsOpened;
}

/** Weights that a page has fetched before, by their hash; nothing where there are none or no cache. */
async function readKept(key, total, tell) {
  try {
    const response = await (await weightsCache()).match(key);
    if (!response) return undefined;
    const weights = new Uint8Array(await response.arrayBuffer());
    tell(total);
    return weights;
  } catch {
    return undefined; // only secure pages have a cache, and some browsers forbid it
  }
}

/** Keeps weights instead of all other versions of that file. */
async function keep(url, key, weights) {
  try {
    const cache = await weightsCache();
    if (await cache.match(key)) return;
    await forget(url);
    await cache.put(key, new Response(weights));
  } catch {
    // A full disk is no reason to fail.
  }
}

async function forget(url) {
  try {
    await (await weightsCache()).delete(url.href, { ignoreSearch: true });
  } catch {
    // Nothing was kept.
  }
}
