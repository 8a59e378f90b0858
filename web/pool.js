/**
 * The models of a page, shared: whoever shows the same folder gets the same model, which is
 * fetched once and freed a while after nobody uses it any more. A model starts on the CPU and moves
 * to another backend behind the first pictures: the GPU has to compile, and to prove itself.
 */

import { loadModel } from "./vaelet.js";

/** Models kept ready though nobody shows them, because readers go back and forth. */
const SPARE = 2;

/** @type {Map<string, Entry>} by folder, in the order of their last use */
const entries = new Map();

/**
 * @typedef {object} Entry
 * @property {Set<Loan>} loans
 * @property {AbortController} abort
 * @property {Promise<import("./vaelet.js").Model>} loaded
 * @property {Promise<void>} settled
 * @property {import("./vaelet.js").Model | null} model
 * @property {import("./vaelet.js").Progress | null} progress
 *
 * @typedef {object} Loan
 * @property {(progress: import("./vaelet.js").Progress) => void} [onProgress]
 * @property {() => void} [onRebuilt] canvases must be fresh ones
 */

/**
 * @param {URL} folder
 * @param {"auto" | "webgpu" | "cpu"} backend for the first who asks
 * @param {Loan} loan
 * @returns {{ model: Promise<import("./vaelet.js").Model>, settled: Promise<void>, release: () => void }}
 *   `settled` once the backend is chosen
 */
export function borrow(folder, backend, loan) {
  const key = folder.href;
  const entry = entries.get(key) ?? load(folder, backend);
  entries.delete(key);
  entries.set(key, entry);
  entry.loaded.catch(() => entries.get(key) === entry && entries.delete(key)); // so that the next attempt starts afresh
  entry.loans.add(loan);
  if (entry.progress) loan.onProgress?.(entry.progress);
  return {
    model: entry.loaded,
    settled: entry.settled,
    release() {
      entry.loans.delete(loan);
      if (entry.loans.size > 0) return;
      if (!entry.model) {
        entry.abort.abort();
        entries.delete(key);
      }
      tidy();
    },
  };
}

function load(folder, backend) {
  const abort = new AbortController();
  const entry = { loans: new Set(), abort, model: null, progress: null };
  const onProgress = (progress) => {
    entry.progress = progress;
    for (const loan of entry.loans) loan.onProgress?.(progress);
  };
  entry.loaded = loadModel(folder, { backend: "cpu", signal: abort.signal, onProgress }).then((model) => {
    entry.model = model;
    model.onRebuilt = () => {
      for (const loan of entry.loans) loan.onRebuilt?.();
    };
    return model;
  });
  entry.settled = entry.loaded.then((model) => (backend === "cpu" ? undefined : model.setBackend(backend)));
  entry.settled.catch(() => {}); // whoever waits for it still gets it
  return entry;
}

function tidy() {
  const idle = [...entries].filter(([, { loans, model }]) => model && loans.size === 0);
  for (const [key, { model }] of idle.slice(0, Math.max(0, idle.length - SPARE))) {
    entries.delete(key);
    model.free();
  }
}
