/**
 * Group: test images of the model's atlas and the picture above, in groups by their latents; or all
 * named after a few whose names are known.
 */

import { join } from "../../api/numbers.js";
import { element } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { createSlider } from "../../parts/slider.js";
import { makeAll } from "./pictures.js";

const GROUPS = 10;
/** Pictures of a group that are shown. */
const SHOWN = 12;
/** Pictures that are encoded at a time. */
const TOGETHER = 20;
const SEED = 1;

/** @param {import("./use.js").Panel} panel */
export function createGroup({ $, model, subject, node, status, atlas, itemOf, announce }) {
  const { input } = model.info;
  const ink = { input, ink: subject.ink };
  const items = atlas.items;
  const count = items?.plane.length ?? 0;
  const labels = items?.labels ?? [];
  const classes = labels.length > 0 ? Math.max(...labels) + 1 : 0;
  let abort = new AbortController();
  let busy = false;
  let answer = null;
  let picture = null;
  /** Latents and pixels of all items. @type {Promise<{ latents: Float32Array, pixels: Float32Array[], raw: Float32Array }> | null} */
  let encoded = null;
  let each = 5;

  $("group-find").textContent = count > 1 ? `Find groups among ${count.toLocaleString("en")} test pictures` : "Find groups";
  $("group-find").disabled = count < 20;
  if (count < 20) $("group-verdict").textContent = "This model was published without test pictures to group.";
  $("group-name").hidden = classes < 2 || count < 20;
  const slider = createSlider($("group-known-host"), {
    id: "group-known",
    label: "Named of each kind",
    min: 1,
    max: 10,
    step: 1,
    value: each,
    format: String,
    onInput: (value) => {
      each = value;
    },
  });
  slider.element.hidden = $("group-name").hidden;

  const encodeAll = async (signal) => {
    const pictureOf = await itemOf();
    /** @type {[Float32Array[], Float32Array[]]} */
    const [latents, pixels] = [[], []];
    for (let i = 0; i < count; i += TOGETHER) {
      const some = await makeAll(Math.min(TOGETHER, count - i), (k) => pictureOf(i + k), signal);
      pixels.push(...some);
      latents.push((await model.encode(join(some))).mean);
      status.textContent = `Reading test pictures: ${pixels.length} of ${count}`;
    }
    /** @type {Float32Array} */
    const raw = join(pixels);
    return { latents: join(latents), pixels, raw };
  };

  const run = async (work) => {
    abort.abort();
    const { signal } = (abort = new AbortController());
    busy = true;
    try {
      encoded ??= encodeAll(signal).catch((error) => {
        encoded = null;
        throw error;
      });
      const all = await encoded;
      status.textContent = "Working…";
      await work(all, signal);
    } catch (error) {
      if (!signal.aborted) $("group-verdict").textContent = error.message;
    } finally {
      if (abort.signal === signal) {
        busy = false;
        status.textContent = "";
      }
    }
  };

  /** Shows groups as rows: the largest first, the picture above first of its own. */
  const showGroups = async (names, words, pixels, own, signal) => {
    const members = new Map();
    names.forEach((name, i) => members.set(name, [...(members.get(name) ?? []), i]));
    const order = [...members].sort((a, b) => b[1].length - a[1].length);
    const rows = await makeAll(order.length, (row) => {
      const [name, list] = order[row];
      const canvas = element("canvas", { className: "ink pixels" });
      sizeFor(canvas, input, SHOWN);
      const isOwn = list.includes(own);
      const shown = [...(isOwn ? [own] : []), ...list.filter((i) => i !== own)].slice(0, SHOWN);
      shown.forEach((i, k) => paintPicture(canvas, i === own ? picture : pixels[i], ink, k * input.width));
      const text = `${list.length - Number(isOwn)} pictures${words(name, list)}${isOwn ? "; the picture above is one of them" : ""}`;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", text);
      return element("li", { className: isOwn ? "is-own" : "" }, element("p", { className: "use-number", textContent: text }), element("div", { className: "sheet" }, canvas));
    }, signal);
    $("groups").replaceChildren(...rows);
  };

  /** The share of items in groups whose commonest label is theirs, one label for each group. */
  const accuracyOf = (names) => {
    const table = new Map();
    labels.forEach((label, i) => {
      const key = `${names[i]} ${label}`;
      table.set(key, (table.get(key) ?? 0) + 1);
    });
    const [groups, taken] = [new Set(), new Set()];
    let right = 0;
    for (const [key, number] of [...table].sort((a, b) => b[1] - a[1])) {
      const [group, label] = key.split(" ");
      if (groups.has(group) || taken.has(label)) continue;
      groups.add(group);
      taken.add(label);
      right += number;
    }
    return right / labels.length;
  };
  const percent = (share) => `${(100 * share).toFixed(0)} %`;

  const find = () => run(async ({ latents, pixels, raw }, signal) => {
    const own = picture ? (await model.encode(picture)).mean : null;
    const points = own ? join([latents, own]) : latents;
    const { names } = await model.group(points, { groups: Math.min(GROUPS, count - 1), seed: SEED, signal });
    const common = (list) => {
      if (classes < 2) return "";
      const counts = Array(classes).fill(0);
      for (const i of list) if (i < count) counts[labels[i]] += 1;
      const best = counts.indexOf(Math.max(...counts));
      return `, ${percent(counts[best] / list.length)} of them ${subject.drawable ? `a ${best}` : `of kind ${best + 1}`}`;
    };
    await showGroups(names, (_, list) => common(list), pixels, own ? count : -1, signal);
    answer = { groups: new Set(names).size, accuracy: classes ? accuracyOf(names) : null, pixels: null };
    if (classes < 2) $("group-verdict").textContent = `${answer.groups} groups. Nobody has told the network of any kinds.`;
    else {
      const { names: byPixels } = await model.group(raw, { size: pixels[0].length, groups: Math.min(GROUPS, count - 1), seed: SEED, signal });
      answer.pixels = accuracyOf(byPixels);
      $("group-verdict").textContent = `With one label for each group, ${percent(answer.accuracy)} are in the right one. Grouped by their pixels: ${percent(answer.pixels)}.`;
    }
    announce($("group-verdict").textContent);
  });

  const nameAll = () => run(async ({ latents, pixels, raw }, signal) => {
    const seen = Array(classes).fill(0);
    /** @type {[number, number][]} */
    const known = [];
    labels.forEach((label, i) => {
      if (seen[label] >= each) return;
      seen[label] += 1;
      known.push([i, label]);
    });
    const given = new Set(known.map(([i]) => i));
    const rightOf = (names) => labels.filter((label, i) => !given.has(i) && names[i] === label).length / (count - given.size);
    const own = picture ? (await model.encode(picture)).mean : null;
    const { names } = await model.group(own ? join([latents, own]) : latents, { known, signal });
    const byPixels = await model.group(raw, { size: pixels[0].length, known, signal });
    answer = { named: rightOf(names), pixels: rightOf(byPixels.names) };
    await showGroups(names, (name) => ` named ${subject.drawable ? name : `kind ${name + 1}`}`, pixels, own ? count : -1, signal);
    $("group-verdict").textContent = `From ${known.length} names, ${percent(answer.named)} of the others are named right. By their pixels: ${percent(answer.pixels)}.`;
    announce($("group-verdict").textContent);
  });
  let last = find;
  $("group-find").addEventListener("click", () => (last = find)());
  $("group-name").addEventListener("click", () => (last = nameAll)());

  return {
    /** @param {Float32Array} next */
    show(next) {
      picture = next;
      if (answer) last();
    },
    get busy() {
      return busy;
    },
    get answer() {
      return answer;
    },
    node,
    unmount() {
      abort.abort();
    },
  };
}
