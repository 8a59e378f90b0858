/**
 * The models of a page, shared: whoever shows the same folder gets the same model. It is fetched
 * once and freed when others have come that nobody uses any more. A model starts on the CPU and moves
 * to another backend behind the first pictures: the GPU has to compile, and to prove itself. Where
 * it runs is its own to know; here one only passes wishes on.
 */

import { loadModel } from "../vaelet.js";

/** Models kept ready though nobody shows them, because readers go back and forth. */
const SPARE = 2;

/** @type {Map<string, Entry>} by folder, in the order of their last use */
const entries = new Map();

/**
 * @typedef {"auto" | "webgpu" | "cpu"} Backend
 *
 * @typedef {object} Entry
 * @property {Set<Listener>} listeners
 * @property {AbortController} abort
 * @property {Promise<import("../vaelet.js").Model>} loaded
 * @property {import("../vaelet.js").Model | null} model
 * @property {import("../vaelet.js").Progress | null} progress
 * @property {Promise<unknown>} settled once the last wish is fulfilled, or cannot be
 *
 * @typedef {object} Listener
 * @property {(progress: import("../vaelet.js").Progress) => void} [onProgress]
 * @property {() => void} [onRebuilt] canvases must be fresh ones
 *
 * @typedef {object} Loan
 * @property {Promise<import("../vaelet.js").Model>} model
 * @property {Promise<unknown>} settled
 * @property {(backend: Backend) => void} setBackend for everybody who shows this model
 * @property {() => void} release
 */

/**
 * @param {URL} folder
 * @param {Backend | undefined} backend where it shall run; anywhere where that is not said
 * @param {Listener} listener
 * @returns {Loan}
 */
export function borrow(folder, backend, listener) {
  const key = folder.href;
  const entry = entries.get(key) ?? load(folder);
  entries.delete(key);
  entries.set(key, entry);
  const forget = () => {
    if (entries.get(key) === entry) entries.delete(key);
  };
  entry.loaded.catch(forget); // so that the next attempt starts afresh
  entry.listeners.add(listener);
  if (entry.progress) listener.onProgress?.(entry.progress);
  if (backend) move(entry, backend);
  return {
    model: entry.loaded,
    get settled() {
      return entry.settled;
    },
    setBackend: (next) => move(entry, next),
    release() {
      entry.listeners.delete(listener);
      if (entry.listeners.size > 0) return;
      if (!entry.model) {
        entry.abort.abort();
        forget();
      }
      tidy();
    },
  };
}

function load(folder) {
  const abort = new AbortController();
  /** @type {Entry} */
  const entry = { listeners: new Set(), abort, model: null, progress: null, loaded: null, settled: null };
  const onProgress = (progress) => {
    entry.progress = progress;
    for (const listener of entry.listeners) listener.onProgress?.(progress);
  };
  entry.loaded = loadModel(folder, { backend: "cpu", signal: abort.signal, onProgress }).then((model) => {
    entry.model = model;
    model.onRebuilt = () => {
      for (const listener of entry.listeners) listener.onRebuilt?.();
    };
    return model;
  });
  entry.settled = entry.loaded;
  return entry;
}

function move(entry, backend) {
  entry.settled = entry.loaded.then((model) => model.setBackend(backend));
  entry.settled.catch(() => {}); // whoever waits for it is told
}

function tidy() {
  const idle = [...entries].filter(([, { listeners, model }]) => model && listeners.size === 0);
  for (const [key, { model }] of idle.slice(0, Math.max(0, idle.length - SPARE))) {
    entries.delete(key);
    model.free();
  }
}
