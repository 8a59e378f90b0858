/**
 * The check, item by item: every case of every kernel, then every published model. What fails is
 * one item's result, and the next is tried; only a GPU that has stopped answering ends it.
 */

import { openFolder } from "../api/files.js";
import { folderOf, library } from "../models/library.js";
import { cases, filesOf } from "./cases.js";
import { TOLERANCE, compare, tick } from "./compare.js";
import { describeDevice } from "./device.js";

/** How long one item may take, in milliseconds. */
const PATIENCE = 60_000;
/** After so many items without an answer the others are not tried. */
const SILENT = 2;
/** Pictures of a released model that are compared, at once and one by one. */
const PICTURES = [1, 5];

/**
 * @typedef {object} Item
 * @property {string} name
 * @property {"waiting" | "right" | "differs" | "failed" | "not tried"} state
 * @property {import("./compare.js").Found | null} found
 * @property {string} reason why it failed
 *
 * @typedef {object} Report
 * @property {string[]} device
 * @property {boolean} hasGpu
 * @property {Item[]} items
 * @property {boolean} done
 */

/**
 * @param {string} only a part of the names of the items to try; all where it is empty
 * @param {(report: Report) => void} onChange called after every item
 * @returns {Promise<Report>}
 */
export async function run(only, onChange) {
  const { name, lines } = await describeDevice();
  /** @type {Report} */
  const report = { device: [...lines, `Clock: ${tick().toPrecision(2)} ms`], hasGpu: name !== "", items: [], done: false };
  const tasks = [];
  for (const list of [listOfKernels, listOfModels]) {
    try {
      tasks.push(...(await list()));
    } catch (error) {
      tasks.push({ name: "the list of what to check", files: () => Promise.reject(error), batches: [], pictures: false });
    }
  }
  const chosen = tasks.filter((task) => task.name.includes(only));
  report.items = chosen.map((task) => ({ name: task.name, state: "waiting", found: null, reason: "" }));
  onChange(report);
  let silent = 0;
  for (const [i, task] of chosen.entries()) {
    const item = report.items[i];
    if (!report.hasGpu || silent >= SILENT) {
      item.state = "not tried";
    } else {
      await attempt(task, item);
      silent = item.reason === UNANSWERED ? silent + 1 : 0;
    }
    onChange(report);
  }
  report.done = true;
  onChange(report);
  return report;
}

const UNANSWERED = `no answer in ${PATIENCE / 1000} seconds`;

async function attempt({ files, batches, pictures }, item) {
  const signal = AbortSignal.timeout(PATIENCE);
  const late = new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error(UNANSWERED)));
  });
  try {
    const work = files(signal).then((given) => compare(given, { batches, pictures }, signal));
    item.found = await Promise.race([work, late]);
    item.state = item.found.largest <= TOLERANCE ? "right" : "differs";
  } catch (error) {
    item.state = "failed";
    item.reason = error?.message || String(error);
  }
}

async function listOfKernels() {
  const all = await cases();
  return all.flatMap((one) => one.precisions.map((precision) => ({ name: `kernels: ${one.name} (${precision})`, batches: one.batches, pictures: false, files: () => filesOf(one, precision) })));
}

async function listOfModels() {
  const models = await library();
  return models.map(({ name, title }) => ({ name: `model: ${title}`, batches: PICTURES, pictures: true, files: (signal) => fetchFiles(folderOf(name), signal) }));
}

async function fetchFiles(folder, signal) {
  const { spec, weights } = await openFolder(folder, { signal });
  return { spec, weights: await weights() };
}
