/** The settings of training: in the address, in the form, and as the program takes them. */

import { clamp } from "../../api/numbers.js";
import { isName } from "../../models/library.js";
import { newSeed, numberParam, seedParam, wordParam } from "../../parts/route.js";
import { createSlider } from "../../parts/slider.js";

/** Values of β that the slider has. */
const BETAS = [0, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16];
const RATES = [0.0003, 0.001, 0.002, 0.003, 0.005];
/** β and learning rate to begin with: at β = 1 there are gaps between the numbers of a few drawings, where samples are nonsense. */
const PACES = { digits: [1, 0.001], drawings: [8, 0.003], pictures: [1, 0.001] };
/** @type {("digits" | "drawings" | "pictures")[]} */
const KINDS = ["digits", "drawings", "pictures"];
/** @type {("mlp" | "conv")[]} */
export const NETWORKS = ["mlp", "conv"];
/** Who judges what the network makes. @type {("none" | "beside" | "alone")[]} */
const JUDGES = ["none", "beside", "alone"];
/** @type {("auto" | "webgpu" | "cpu")[]} */
const BACKENDS = ["auto", "webgpu", "cpu"];

/**
 * @typedef {object} Settings
 * @property {"digits" | "drawings" | "pictures"} data
 * @property {"mlp" | "conv"} network
 * @property {string} from the model that training goes on from; empty for a fresh network
 * @property {"none" | "beside" | "alone"} judge
 * @property {number} latents
 * @property {number} beta
 * @property {number} rate
 * @property {number} seed
 * @property {"auto" | "webgpu" | "cpu"} backend where it trains
 */

const nearest = (values, value) => values.reduce((best, one) => (Math.abs(one - value) < Math.abs(best - value) ? one : best));

/** @param {URLSearchParams} params @returns {Settings} */
export function readSettings(params) {
  const data = wordParam(params, "data", KINDS);
  const [beta, rate] = PACES[data];
  return {
    data,
    network: wordParam(params, "network", NETWORKS),
    judge: wordParam(params, "judge", JUDGES),
    from: isName(params.get("from")) ? params.get("from") : "",
    latents: Math.round(numberParam(params, "latents", 2, 2, 32)),
    beta: nearest(BETAS, numberParam(params, "beta", beta, 0, 16)),
    rate: nearest(RATES, numberParam(params, "rate", rate, 0, 1)),
    seed: seedParam(params, "seed", 1),
    backend: wordParam(params, "backend", BACKENDS),
  };
}

/** @param {Settings} settings */
export function addressOf(settings) {
  const all = Object.entries(settings).filter(([, value]) => value !== "" && value !== "auto" && value !== "none");
  return `#/train?${new URLSearchParams(all.map(([name, value]) => [name, String(value)]))}`;
}

/** What has to be the same for a run to go on. @param {Settings} settings */
export function identityOf({ data, network, judge, from, latents, seed }) {
  return JSON.stringify(from ? { data, judge, from, seed } : { data, network, judge, latents, seed });
}

/** As `Learner.start` takes them. @param {Settings} settings @param {import("./data.js").Data} data */
export function numbersOf({ network, judge, latents, beta, rate, seed, data: kind }, { pixels, sides }) {
  const count = pixels.length / (sides[0] * sides[1] * sides[2]);
  const batch = clamp(2 ** Math.round(Math.log2(count)), 16, 128);
  const augmentation = { digits: 0, drawings: 1, pictures: 2 }[kind];
  const warmUp = kind === "digits" ? 400 : 300;
  // A judge would know pixels that are 0 or 1 from those that the network makes.
  const binarize = kind === "digits" && judge === "none";
  return Float64Array.from([batch, rate, beta, warmUp, 0, seed, augmentation, binarize ? 1 : 0, network === "conv" ? 1 : 0, latents, kind === "pictures" ? 1 : 0, JUDGES.indexOf(judge)]);
}

/**
 * The form.
 * @param {(id: string) => any} $
 * @param {Settings} settings
 * @param {(settings: Settings, isPace: boolean) => void} onChange `isPace` where only β, the learning rate or the device changed
 */
export function createForm($, settings, onChange) {
  const current = { ...settings };
  const set = (changes, isPace = false) => {
    Object.assign(current, changes);
    onChange({ ...current }, isPace);
  };
  const check = (choices) => {
    for (const [name, value] of Object.entries(choices)) for (const input of $(name).querySelectorAll("input")) input.checked = input.value === value;
  };
  check({ data: current.data, network: current.network, judge: current.judge });
  for (const name of ["network", "judge"]) {
    $(name).addEventListener("change", ({ target }) => set({ [name]: target.value }));
  }
  const latents = createSlider($("latents"), { id: "latents", label: "Latents", min: 2, max: 32, step: 1, value: current.latents, format: String, onInput: (latents) => set({ latents }) });
  const price = createSlider($("beta"), { id: "beta", label: "Price β of information", min: 0, max: BETAS.length - 1, step: 1, value: BETAS.indexOf(current.beta), format: (i) => String(BETAS[i]), onInput: (i) => set({ beta: BETAS[i] }, true) });
  $("rate").value = String(current.rate);
  $("rate").addEventListener("change", ({ target }) => set({ rate: Number(target.value) }, true));
  $("data").addEventListener("change", ({ target }) => {
    const [beta, rate] = PACES[target.value];
    price.value = BETAS.indexOf(beta);
    $("rate").value = String(rate);
    set({ data: target.value, beta, rate });
  });
  const showNetwork = () => {
    $("network").hidden = latents.element.hidden = current.from !== "";
  };
  showNetwork();
  $("from").addEventListener("change", ({ target }) => {
    set({ from: target.value });
    showNetwork();
  });
  $("device").value = current.backend;
  $("device").addEventListener("change", ({ target }) => set({ backend: target.value }, true));
  $("seed").value = String(current.seed);
  $("seed").addEventListener("change", ({ target }) => {
    const seed = clamp(Math.round(target.valueAsNumber) || 0, 0, 2 ** 32 - 1);
    target.value = String(seed);
    set({ seed });
  });
  $("new-seed").addEventListener("click", () => {
    $("seed").value = String(newSeed());
    set({ seed: $("seed").valueAsNumber });
  });
  return {
    /** Begins with a model, on the pictures that are chosen if it takes them. @param {import("./further.js").Beginning} beginning */
    begin({ name, network, latents: size, kinds }) {
      const data = kinds.includes(current.data) ? current.data : kinds[0];
      check({ data, network });
      latents.value = size;
      set({ from: name, data, network, latents: size });
      showNetwork();
    },
    /** Another learning rate, at least almost this one. @param {number} rate */
    slowDown(rate) {
      const next = Math.max(RATES[0], nearest(RATES, rate));
      $("rate").value = String(next);
      set({ rate: next }, true);
    },
  };
}
