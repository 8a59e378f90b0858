/** Models that training can go on from: those in this browser that have one of the trainer's networks. */

import { VaeletError } from "../../api/errors.js";
import { fetchJson, openFolder } from "../../api/files.js";
import { keptModels } from "../../models/kept.js";
import { folderOf } from "../../models/library.js";
import { element } from "../../parts/dom.js";
import { readTensors } from "../../parts/safetensors.js";
import { NETWORKS } from "./settings.js";

/** Channels and side of each kind of pictures. */
const SHAPES = { digits: [1, 28], drawings: [1, 28], pictures: [3, 32] };

/**
 * @typedef {object} Beginning
 * @property {string} name of the model
 * @property {string} title
 * @property {"mlp" | "conv"} network
 * @property {number} latents
 * @property {("digits" | "drawings" | "pictures")[]} kinds of pictures that it takes
 */

/** @typedef {{ ask: (action: string, options?: object) => Promise<any> }} Learner */

/**
 * What training goes on from with a model; nothing where its network is none of the trainer's.
 * @param {any} info its model.json
 * @param {Learner} learner whose program describes its networks
 * @returns {Promise<Beginning | null>}
 */
export async function beginningOf({ name, title, input, condition, lacks, latents: groups, encoder, decoder }, learner) {
  const { channels, height, width } = input;
  const kinds = /** @type {Beginning["kinds"]} */ (Object.keys(SHAPES).filter((kind) => SHAPES[kind][0] === channels && SHAPES[kind][1] === height && height === width));
  const latents = groups[0].size;
  if (kinds.length === 0 || condition || lacks || groups.length !== 1 || latents < 2 || latents > 32) return null;
  for (const network of NETWORKS) {
    const own = await learner.ask("network", { network, latents, sides: [channels, height, width] });
    if (isSame(own, { encoder, decoder })) return { name, title, network, latents, kinds };
  }
  return null;
}

/** Whether two values of JSON are the same. @param {any} a @param {any} b @returns {boolean} */
function isSame(a, b) {
  if (Object(a) !== a || Object(b) !== b) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => isSame(a[key], b[key]));
}

/** The beginnings that this browser keeps. @param {Learner} learner @returns {Promise<Beginning[]>} */
export async function keptBeginnings(learner) {
  const found = await Promise.all((await keptModels()).map(({ name }) => fetchJson(folderOf(name), "model.json").then((info) => beginningOf(info, learner)).catch(() => null)));
  return found.filter((beginning) => beginning !== null);
}

/** Fills the choice of what training begins with. @param {HTMLSelectElement} select @param {Beginning[]} beginnings @param {import("./settings.js").Settings} settings */
export function showBeginnings(select, beginnings, { data, from }) {
  const fitting = beginnings.filter(({ kinds }) => kinds.includes(data));
  const options = fitting.map(({ name, title }) => element("option", { value: name, textContent: title }));
  // What the address asks for stays chosen; Run says what is wrong with it.
  if (from && !fitting.some(({ name }) => name === from)) options.push(element("option", { value: from, textContent: from }));
  select.replaceChildren(element("option", { value: "", textContent: "a fresh network" }), ...options);
  select.value = from;
}

/** The tensors of a model of these settings. @param {import("./settings.js").Settings} settings @param {Learner} learner @returns {Promise<[string, Float32Array][]>} */
export async function tensorsOf({ from, network, latents }, learner) {
  const folder = await openFolder(folderOf(from), {});
  const beginning = await beginningOf(folder.info, learner);
  if (beginning?.network !== network || beginning.latents !== latents) throw new VaeletError("bad-model", `Training cannot go on from “${from}”: its network is another one than those of this page. Choose “a fresh network”.`);
  try {
    const tensors = readTensors(await folder.weights());
    return [...tensors].filter(([name]) => /^(encoder|decoder)\.\d\.(weight|bias)$/.test(name));
  } catch (cause) {
    if (cause instanceof VaeletError) throw cause;
    throw new VaeletError("bad-model", `The weights of “${from}” are damaged (${cause.message}). Choose “a fresh network”.`, { cause });
  }
}
