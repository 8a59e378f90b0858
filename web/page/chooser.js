/**
 * The options of the chooser of models: in groups, each with its size and, in browsers that show more
 * than text in a list, with one of its samples.
 */

import { familyOf, folderOf } from "../models/library.js";
import { subjectOf } from "../models/subject.js";
import { element } from "../parts/dom.js";
import { posterOf } from "../player/poster.js";

/** Whether a list can hold more than text. */
const IS_RICH = globalThis.CSS?.supports("appearance", "base-select") ?? false;
/** Samples on a side of the picture that a model is published with. */
const SIDE = 8;

/** @typedef {import("../models/library.js").Entry} Entry */

/** @param {Entry[]} models @returns {HTMLOptGroupElement[]} */
export function groupsOf(models) {
  /** @type {Map<string, Entry[]>} */
  const groups = new Map();
  for (const model of models) {
    const name = nameOf(models, model);
    groups.set(name, [...(groups.get(name) ?? []), model]);
  }
  for (const members of groups.values()) members.sort((a, b) => (a.beta ?? 0) - (b.beta ?? 0) || models.indexOf(a) - models.indexOf(b));
  return [...groups].map(([label, members]) => element("optgroup", { label }, ...members.map(optionOf)));
}

/** Whether a file stands in this folder itself. @param {string} url @param {string} folder */
export const isIn = (url, folder) => url.startsWith(folder) && !url.slice(folder.length).split("?", 1)[0].includes("/");

/** Finds out whose weights are in this browser. @param {Entry[]} models */
export async function markHere(models) {
  const kept = await globalThis.caches?.open("vaelet-weights").then((cache) => cache.keys()).catch(() => []);
  const urls = (kept ?? []).map(({ url }) => url);
  for (const model of models) model.here = urls.some((url) => isIn(url, folderOf(model.name).href));
}

/** What a model shows, or the family that it belongs to. */
function nameOf(models, model) {
  if (model.kept) return "Kept in this browser";
  if (familyOf(models, model).length > 1) return "One network, several β";
  const { many } = subjectOf(model);
  return many[0].toUpperCase() + many.slice(1);
}

function optionOf(model) {
  const { name, title, input, latents, bytes, here } = model;
  const size = `${latents} numbers${bytes ? `, ${(bytes / 1e6).toFixed(1)} MB` : ""}${here ? " ✓" : ""}`;
  const option = new Option(IS_RICH ? title : `${title} (${size})`, name);
  if (!IS_RICH) return option;
  const picture = element("i");
  const poster = posterOf(folderOf(name), input);
  if (poster && input.channels <= 3) picture.style.backgroundImage = `url("${poster.href}")`;
  picture.style.backgroundSize = `${100 * (SIDE + (SIDE - 1) / input.width)}%`;
  option.prepend(picture);
  option.append(element("small", { textContent: ` ${size}` }));
  return option;
}
