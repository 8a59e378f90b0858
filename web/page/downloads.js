/**
 * Download for offline use: every model and every further program of the page, with its size and a mark at what is
 * here. The worker of the page (`sw.js`) keeps files, and `api/files.js` weights, once they are what was published.
 */

import { fileOf, openFolder } from "../api/files.js";
import { SITE, folderOf } from "../models/library.js";
import { element, fill } from "../parts/dom.js";
import { isIn } from "./chooser.js";

/** Files of a model that views fetch beside its weights. */
const VIEWED = /^(model|atlas|calibration|figures|snapshots)\.json$|^(atlas|samples|reconstructions)\.(jpg|png)$|^samples\.txt$|^snapshots\/[^/]+\/model\.json$/;
const MB = 1e6;

/** The programs that a model needs beside the first one, and which models do. @type {[RegExp, (entry: import("../models/library.js").Entry) => boolean][]} */
const FURTHER = [
  [/\/vaelet-web-/, ({ condition, likelihood }) => Boolean(condition) || likelihood === "categorical"],
  [/\/vaelet-(molecule-|structures)/, ({ data }) => Boolean(data?.notation)],
  [/\/vaelet-sound-/, ({ data }) => data?.kind === "sound"],
];

/** @typedef {{ title: string, bytes: number, files: URL[], weights: URL[] }} Part `weights` are the folders of models, whose weights are kept by `api/files.js` */

const MARKUP = `
  <h2 id="offline-title">Download for offline use</h2>
  <p class="note">What is here works without a network, as long as this browser keeps it. The page itself is here already.</p>
  <p class="row">
    <button type="button" class="primary" id="offline-all" disabled>Looking what is here…</button>
    <button type="button" id="offline-close">Close</button>
  </p>
  <p class="note" id="offline-status" role="status"></p>
  <ul class="downloads" id="offline-list"></ul>
`;

/** Sizes as the server says them; a program's is not in any list. @param {URL[]} files @returns {Promise<number>} NaN where it does not say */
async function sizeOf(files) {
  const sizes = await Promise.all(files.map((file) => fetch(file, { method: "HEAD" }).then(({ ok, headers }) => (ok ? Number(headers.get("content-length") ?? NaN) : NaN), () => NaN)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Asks the worker what it keeps where it is used: files of models, and programs and data of this version. @returns {Promise<URL[]>} the latter */
async function programs() {
  const paths = /** @type {string[]} */ (await ask("list"));
  return paths.filter((path) => path.startsWith("v/")).map((path) => new URL(path, SITE));
}

/** What can be downloaded. @param {import("../models/library.js").Entry[]} models @param {URL[]} others programs and data that are fetched when they are used @returns {Part[]} */
function partsOf(models, others) {
  const furtherOf = (entry) => FURTHER.flatMap(([name, isNeeded]) => (isNeeded(entry) ? others.filter(({ pathname }) => name.test(pathname)) : []));
  const published = models.filter(({ kept }) => !kept).map((entry) => {
    const folder = folderOf(entry.name);
    const viewed = Object.keys(entry.files ?? {}).filter((name) => VIEWED.test(name));
    const snapshots = viewed.filter((name) => name.endsWith("/model.json")).map((name) => new URL(name.replace("model.json", ""), folder));
    const files = viewed.map((name) => fileOf(folder, name));
    return { title: entry.title, bytes: (entry.bytes ?? NaN) + (entry.beside ?? 0), files: [...files, ...furtherOf(entry)], weights: [folder, ...snapshots] };
  });
  return [...published, { title: "Programs and data of Use, Train and the importer", bytes: NaN, files: others, weights: [] }];
}

/** Addresses that are kept, without what follows a question mark. @param {string} name of a cache */
async function keptIn(name) {
  const cache = await caches.open(name);
  return new Set((await cache.keys()).map(({ url }) => url.split("?", 1)[0]));
}

/** Which parts are here. @param {Part[]} parts @returns {Promise<boolean[]>} */
async function areHere(parts) {
  const [files, weights] = await Promise.all([keptIn(`vaelet-models ${SITE}`), keptIn("vaelet-weights")]);
  const plain = ({ origin, pathname }) => origin + pathname;
  const has = (folder) => [...weights].some((url) => isIn(url, plain(folder)));
  return parts.map((part) => part.files.every((file) => files.has(plain(file))) && part.weights.every(has));
}

/** Sends the worker addresses to keep, or a question; resolves with its answer. @param {string[] | "list"} question @returns {Promise<unknown>} */
async function ask(question) {
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  active.postMessage(question, [port2]);
  return answer;
}

/** Keeps a model's weights, which have to be those of its description. @param {URL} folder */
async function keepWeights(folder) {
  const files = await openFolder(folder, {});
  const weights = await files.weights();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {BufferSource} */ (weights)));
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hash !== files.info.weights.sha256) throw new Error(`The weights in ${folder.pathname} are not those that were published.`);
  await files.keep(weights);
}

const sizeText = (bytes) => (Number.isFinite(bytes) ? `${(bytes / MB).toFixed(1)} MB` : "");

/** The dialog; gives what opens it. @param {() => void} onChange something is here that was not */
export function createDownloads(onChange) {
  const dialog = element("dialog", { id: "offline-dialog" });
  dialog.setAttribute("aria-labelledby", "offline-title");
  const $ = fill(dialog, MARKUP);
  document.body.append(dialog);
  $("offline-close").addEventListener("click", () => dialog.close());
  /** @type {Part[]} */
  let parts = [];
  /** @type {boolean[]} */
  let here = [];
  let working = false;

  const rows = () => [...$("offline-list").children];
  const show = async () => {
    here = await areHere(parts);
    rows().forEach((row, i) => {
      const [, size, button] = row.children;
      size.textContent = sizeText(parts[i].bytes);
      row.toggleAttribute("data-here", here[i]);
      Object.assign(button, { textContent: here[i] ? "✓ here" : "Download", disabled: here[i] || working });
      button.setAttribute("aria-label", `${parts[i].title}: ${here[i] ? "here" : "download"}`);
    });
    const missing = parts.filter((_, i) => !here[i]);
    const bytes = missing.reduce((sum, part) => sum + (part.bytes || 0), 0);
    Object.assign($("offline-all"), { disabled: missing.length === 0 || working, textContent: missing.length === 0 ? "Everything is here" : `Download everything (${sizeText(bytes)})` });
  };
  /** One after the other: what has come stays, whatever happens to the next. @param {Part[]} wanted */
  const download = async (wanted) => {
    working = true;
    const failed = [];
    for (const [i, part] of wanted.entries()) {
      $("offline-status").textContent = `Downloading “${part.title}”, ${i + 1} of ${wanted.length}…`;
      await show();
      try {
        for (const folder of part.weights) await keepWeights(folder);
        await ask(part.files.map(({ href }) => href));
        if (!(await areHere([part]))[0]) throw new Error("it was not kept");
      } catch (error) {
        console.info(error);
        failed.push(`“${part.title}”`);
      }
    }
    working = false;
    await show(); // what the status says is so before it says it
    $("offline-status").textContent = failed.length === 0 ? "Done: this works without a network now." : `${failed.join(", ")} could not be downloaded. Check the connection and the free space of this device, and try again.`;
    onChange();
  };
  $("offline-all").addEventListener("click", () => download(parts.filter((_, i) => !here[i])));

  /** @param {import("../models/library.js").Entry[]} models @param {Promise<unknown> | null} kept once the page itself works offline */
  return async (models, kept) => {
    dialog.showModal();
    const isPossible = await Promise.resolve(kept).then(() => Boolean(kept && navigator.serviceWorker?.controller), () => false);
    if (!isPossible) {
      $("offline-status").textContent = "This browser does not keep this page: it may be a private window, or the page did not come over https. Nothing can be downloaded.";
      $("offline-all").hidden = true;
      return;
    }
    if (working) return;
    parts = partsOf(models, await programs());
    $("offline-list").replaceChildren(...parts.map((part) => element("li", {}, element("span", { textContent: part.title }), element("span", { className: "size" }), element("button", { type: "button", onclick: () => download([part]) }))));
    await show();
    for (const part of parts.filter(({ bytes }) => Number.isNaN(bytes))) part.bytes = await sizeOf(part.files);
    await show();
  };
}
