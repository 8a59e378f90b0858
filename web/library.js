/**
 * The models that were published with this page: `models/index.json`, which the build writes
 * from the folders it finds, and which of them suits a view.
 */

/** Not a file that a bundler could take along: it stays the folder beside the one of the script. */
const MODELS = new URL(/* @vite-ignore */ "../models/", import.meta.url);

/**
 * @typedef {object} Entry
 * @property {string} name of the folder
 * @property {string} title
 * @property {{ channels: number, height: number, width: number }} input
 * @property {string} likelihood
 * @property {number} latents
 * @property {number | null} beta
 */

/** What each view shows unless told otherwise, and what it can show. */
const SUITS = {
  sample: { first: "portraits", suits: () => true },
  draw: { first: "digits", suits: isDrawable },
  morph: { first: "portraits", suits: () => true },
  map: { first: "digits-map", suits: () => true },
  edit: { first: "portraits", suits: ({ latents }) => latents > 2 },
  inside: { first: "digits-beta-1", suits: () => true },
};

/** Digits, which a reader can draw and which are shown as ink on paper. */
export function isDrawable({ likelihood, input: { channels, width, height } }) {
  return (likelihood.kind ?? likelihood) === "bernoulli" && channels === 1 && width === 28 && height === 28;
}

/** @type {Promise<Entry[]> | undefined} */
let listing;

/** All models; empty where the list cannot be had. @returns {Promise<Entry[]>} */
export function library() {
  listing ??= fetch(new URL("index.json", MODELS))
    .then((response) => (response.ok ? response.json() : []))
    .catch(() => {
      listing = undefined; // so that the next one tries again
      return [];
    });
  return listing;
}

/** Whether this names a folder, and leads nowhere else. */
export function isName(name) {
  return Boolean(name) && !/^\.*$|[/\\]/.test(name);
}

/** The folder of a published model. @param {string} name */
export function folderOf(name) {
  return new URL(`${encodeURIComponent(name)}/`, MODELS);
}

/** Models that a view can show. @param {Entry[]} models @param {string} view */
export function suited(models, view) {
  return models.filter(SUITS[view].suits);
}

/** The model that a view shows unless told otherwise. @param {Entry[]} models @param {string} view */
export function favourite(models, view) {
  const fitting = suited(models, view);
  const { first } = SUITS[view];
  return (fitting.find(({ name }) => name === first) ?? fitting[0])?.name ?? first;
}

/** Models trained alike but for β, in the order of β: the family of this one. @param {Entry[]} models */
export function familyOf(models, name) {
  const stem = name.match(/^(.+-beta)-[\d.]+$/)?.[1];
  return stem ? models.filter((model) => model.name.startsWith(`${stem}-`)).sort((a, b) => a.beta - b.beta) : [];
}
