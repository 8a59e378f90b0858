/**
 * The files of a model: its description and its weights, fetched with progress and kept by their
 * hash between visits. Every failure is a sentence that a person can act on.
 */

import { VaeletError } from "./errors.js";

/** Where weights are kept between visits (Cache Storage). */
const CACHE = "vaelet-weights";

/**
 * The files of a model's folder: its description at once, its weights when they are asked for.
 *
 * @param {URL} folder
 * @param {{ onProgress?: (progress: { loaded: number, total: number }) => void, signal?: AbortSignal }} options
 * @throws {VaeletError}
 */
export async function openFolder(folder, { onProgress, signal }) {
  const { spec, info, url } = await fetchSpec(folder, signal);
  const { bytes: total, sha256 } = info.weights;
  const key = url.href + (sha256 ? `?sha256=${sha256}` : "");
  return {
    /** The parsed model.json, and its text. */
    info,
    spec,
    /** Weights that were kept, or else fetched. @returns {Promise<Uint8Array>} */
    weights: async () => (await readKept(key, total, onProgress)) ?? fetchWeights(url, total, onProgress, signal),
    /** Keeps weights, which the runtime has checked, for the next visit. @param {Uint8Array} weights */
    keep: (weights) => keep(url, key, weights),
    /** Keeps none, so that the next attempt starts afresh. */
    forget: () => forget(url),
  };
}

async function fetchSpec(folder, signal) {
  const url = new URL("model.json", folder);
  const response = await fetchFile(url, signal);
  let spec;
  try {
    spec = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw networkError(url, error);
  }
  if (/^\s*</.test(spec)) {
    throw new VaeletError("bad-model", `${url.pathname} is a web page, not a model: the server answers missing files with its start page. Check the model's address.`);
  }
  let info;
  try {
    info = JSON.parse(spec);
  } catch (error) {
    throw new VaeletError("bad-model", `${url.pathname} is not valid JSON (${error.message}). Export the model again.`, { cause: error });
  }
  // What it takes to fetch the weights; everything else is checked where the model is built.
  const { file, bytes } = info?.weights ?? {};
  if (typeof file !== "string" || !file || !Number.isInteger(bytes)) {
    throw new VaeletError("bad-model", `${url.pathname} does not describe its weights: "weights" should hold the "file" and its "bytes". Export the model again.`);
  }
  // A model may only name files of its own folder.
  const weightsUrl = new URL(file, folder);
  if (!weightsUrl.href.startsWith(folder.href)) {
    throw new VaeletError("bad-model", `${url.pathname} names weights outside its folder ("${file}"). Put them beside model.json.`);
  }
  // Both readers see the same: names that stand twice are settled here.
  return { spec: JSON.stringify(info), info, url: weightsUrl };
}

async function fetchWeights(url, total, onProgress, signal) {
  const response = await fetchFile(url, signal);
  if (response.headers.get("content-type")?.startsWith("text/html")) {
    throw new VaeletError("not-found", `${url.pathname} is missing: the server answered with a web page. Publish the weights beside model.json.`);
  }
  const chunks = [];
  let loaded = 0;
  onProgress?.({ loaded, total });
  try {
    const reader = response.body.getReader();
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      chunks.push(value);
      loaded += value.length;
      onProgress?.({ loaded, total });
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    throw networkError(url, error);
  }
  if (loaded < total) {
    throw new VaeletError("truncated", `${url.pathname} ended after ${loaded} of ${total} bytes. Reload the page; if it happens again, publish the file again.`);
  }
  const weights = new Uint8Array(loaded);
  let offset = 0;
  for (const chunk of chunks) {
    weights.set(chunk, offset);
    offset += chunk.length;
  }
  return weights;
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
async function readKept(key, total, onProgress) {
  try {
    const response = await (await weightsCache()).match(key);
    if (!response) return undefined;
    const weights = new Uint8Array(await response.arrayBuffer());
    onProgress?.({ loaded: total, total });
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

async function fetchFile(url, signal) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw networkError(url, error);
  }
  if (!response.ok) {
    throw new VaeletError("not-found", `${url.pathname} could not be fetched (HTTP ${response.status}). Check that the model folder was published with the page.`);
  }
  return response;
}

function networkError(url, cause) {
  return new VaeletError("network", `The connection failed while fetching ${url.pathname}. Check it and try again.`, { cause });
}
