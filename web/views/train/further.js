/** Models that training can go on from: those in this browser that have one of the trainer's networks. */

import { VaeletError } from "../../api/errors.js";
import { fetchJson, openFolder } from "../../api/files.js";
import { keptModels } from "../../models/kept.js";
import { folderOf } from "../../models/library.js";
import { element } from "../../parts/dom.js";
import { readTensors } from "../../parts/safetensors.js";

/** Hidden units, and channels, of the trainer's networks. */
const HIDDEN = 400;
const [NARROW, WIDE] = [16, 32];
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

/** What training goes on from with a model; nothing where its network is another one. @param {any} info its model.json @returns {Beginning | null} */
export function beginningOf({ name, title, input, condition, lacks, latents: groups, encoder, decoder }) {
  const { channels, height, width } = input;
  const kinds = /** @type {Beginning["kinds"]} */ (Object.keys(SHAPES).filter((kind) => SHAPES[kind][0] === channels && SHAPES[kind][1] === height && height === width));
  const latents = groups[0].size;
  if (condition || lacks || groups.length !== 1 || latents < 2 || latents > 32) return null;
  const found = [...encoder, ...decoder].map(signature).join(" ");
  const network = /** @type {const} */ (["mlp", "conv"]).find((network) => layersOf(network, latents, channels, height).map(signature).join(" ") === found);
  return network && kinds.length > 0 ? { name, title, network, latents, kinds } : null;
}

/** All that decides what a layer computes. */
function signature(layer) {
  const { type, in_channels, inputs, out_channels, outputs, kernel, stride, padding, activation, params, channels, height, width } = layer;
  return JSON.stringify([type, in_channels ?? inputs, out_channels ?? outputs, kernel, stride, padding, activation, params, channels, height, width]);
}

/** Encoder and decoder of the trainer's networks, as `model.json` describes them. */
function layersOf(network, latents, channels, side) {
  const pixels = channels * side * side;
  const small = side / 4;
  const linear = (params, inputs, outputs, activation) => ({ type: "linear", inputs, outputs, activation, params });
  const conv = (type, params, from, to, activation) => ({ type, in_channels: from, out_channels: to, kernel: 4, stride: 2, padding: 1, activation, params });
  const reshape = (channels, side) => ({ type: "reshape", channels, height: side, width: side });
  if (network === "mlp") {
    return [linear("encoder.0", pixels, HIDDEN, "relu"), linear("encoder.1", HIDDEN, 2 * latents, "none"), linear("decoder.0", latents, HIDDEN, "relu"), linear("decoder.1", HIDDEN, pixels, "sigmoid"), reshape(channels, side)];
  }
  const flat = small * small * WIDE;
  return [
    conv("conv2d", "encoder.0", channels, NARROW, "silu"), conv("conv2d", "encoder.1", NARROW, WIDE, "silu"), linear("encoder.2", flat, 2 * latents, "none"),
    linear("decoder.0", latents, flat, "silu"), reshape(WIDE, small), conv("conv_transpose2d", "decoder.1", WIDE, NARROW, "silu"), conv("conv_transpose2d", "decoder.2", NARROW, channels, "sigmoid"),
  ];
}

/** The beginnings that this browser keeps. @returns {Promise<Beginning[]>} */
export async function keptBeginnings() {
  const found = await Promise.all((await keptModels()).map(async ({ name }) => {
    const info = await fetchJson(folderOf(name), "model.json").catch(() => null);
    return info && beginningOf(info);
  }));
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

/** The tensors of a model of these settings. @param {import("./settings.js").Settings} settings @returns {Promise<[string, Float32Array][]>} */
export async function tensorsOf({ from, network, latents }) {
  const folder = await openFolder(folderOf(from), {});
  const beginning = beginningOf(folder.info);
  if (beginning?.network !== network || beginning.latents !== latents) throw new VaeletError("bad-model", `Training cannot go on from “${from}”: its network is another one than those of this page. Choose “a fresh network”.`);
  try {
    const tensors = readTensors(await folder.weights());
    return [...tensors].filter(([name]) => /^(encoder|decoder)\.\d\.(weight|bias)$/.test(name));
  } catch (cause) {
    if (cause instanceof VaeletError) throw cause;
    throw new VaeletError("bad-model", `The weights of “${from}” are damaged (${cause.message}). Choose “a fresh network”.`, { cause });
  }
}
