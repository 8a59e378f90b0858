/**
 * One number of a layer under a magnifying glass: where it stands, which patch it looks at, with which filter, and what
 * comes out. Fetched when a reader first points at a layer.
 */

import { openFolder } from "../../api/files.js";
import { element, formatNumber, paperOf } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { readFilters, seenFrom, stepsOf, sumOf } from "./filters.js";

/** Of the channels before, those that give most are shown. */
const STRONGEST = 3;
/** Positive and negative, told apart by colour-blind readers too. */
const [PLUS, MINUS] = ["#0072b2", "#d55e00"];
const NAMES = { silu: "SiLU", relu: "ReLU", leaky_relu: "LeakyReLU", sigmoid: "sigmoid", tanh: "tanh", none: "" };

/** Paints signed numbers: blue where positive, orange where negative, stronger where larger. */
function paintSigned(canvas, rows, columns, value, most) {
  Object.assign(canvas, { width: columns, height: rows });
  const context = paperOf(canvas);
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1) {
      const v = value(y, x);
      context.globalAlpha = most > 0 ? Math.min(1, Math.abs(v) / most) : 0;
      context.fillStyle = v < 0 ? MINUS : PLUS;
      context.fillRect(x, y, 1, 1);
    }
  }
}

/** Filters are read once for a model. @type {WeakMap<object, Promise<(params: string) => import("./filters.js").Filter>>} */
const filters = new WeakMap();

/**
 * @param {HTMLElement} host receives the magnified number
 * @param {object} options
 * @param {import("../../vaelet.js").Model} options.model
 * @param {URL} options.folder of the model
 * @param {any[]} options.layers of model.json
 * @param {boolean} options.ink whether the model's pictures are ink on paper
 * @param {boolean} options.encoder whether these are the encoder's layers
 */
export function createProbe(host, { model, folder, layers, ink, encoder }) {
  const { input } = model.info;
  const steps = stepsOf(layers);
  if (!filters.has(model)) filters.set(model, openFolder(folder, {}).then((files) => files.weights()).then(readFilters));
  const title = element("p", { className: "probe-number" });
  const sum = element("p", { className: "note" });
  const row = element("div", { className: "probe-row" });
  host.replaceChildren(title, sum, row);
  let newest = 0;

  const figure = (caption, ...canvases) => {
    for (const canvas of canvases) canvas.classList.add("pixels");
    return element("figure", {}, element("div", { className: "probe-pair" }, ...canvases), element("figcaption", { textContent: caption }));
  };
  /** The picture with a frame around what the number can see. */
  const seenPatch = (picture, index, place) => {
    const canvas = element("canvas", { className: ink ? "ink" : "" });
    sizeFor(canvas, input);
    paintPicture(canvas, picture, { input, ink });
    const above = /** @type {any[]} */ (steps.slice(0, index + 1));
    const [top, bottom] = seenFrom(above, place.row, input.height);
    const [left, right] = seenFrom(above, place.column, input.width);
    const frame = element("span", { className: "probe-seen" });
    const parts = { "--left": left / input.width, "--top": top / input.height, "--width": (right - left + 1) / input.width, "--height": (bottom - top + 1) / input.height };
    for (const [name, value] of Object.entries(parts)) frame.style.setProperty(name, String(value));
    const shown = figure(`What it sees: ${right - left + 1} × ${bottom - top + 1} pixels`, canvas);
    shown.firstElementChild.append(frame);
    return shown;
  };

  return {
    /**
     * @param {import("./filters.js").Map[]} maps what all layers wrote
     * @param {Float32Array} start the picture [C, H, W], or the latent
     * @param {number} index of the layer
     * @param {{ row: number, column: number, channel: number }} place
     * @returns {Promise<{ value: number, before: number | null, activation: string }>} the number, and what it was before its activation
     */
    async show(maps, start, index, place) {
      const current = (newest += 1);
      const map = maps[index];
      const { row: y, column: x, channel } = place;
      const value = map.values[(y * map.width + x) * map.channels + channel];
      const step = steps?.length === maps.length ? steps[index] : null;
      const activation = step?.activation ?? "";
      title.textContent = `Layer ${index + 1}, channel ${channel + 1}, row ${y + 1}, column ${x + 1}: ${formatNumber(value, 2)}`;
      const whole = { value, before: null, activation };
      // Of linear layers there is no patch: every number looks at all.
      const before = index > 0 ? maps[index - 1] : encoder ? channelsLast(start, input) : null;
      if (!step || step.type === "linear" || !before || before.height * before.width === 1) {
        sum.textContent = step?.type === "linear" ? "It looks at all numbers of the layer before." : "";
        row.replaceChildren();
        return whole;
      }
      const filter = (await filters.get(model))(step.params);
      if (current !== newest) return whole;
      const found = sumOf(step, before, filter, { ...place, channels: map.channels });
      const added = step.skip ? skipped(maps, start, index - step.skip, place, encoder, input) : 0;
      const inner = `bias ${formatNumber(found.bias, 2)} + filters × patch ${formatNumber(found.sum - found.bias, 2)}${step.skip ? ` + skip ${formatNumber(added, 2)}` : ""}`;
      sum.textContent = activation && activation !== "none" ? `${formatNumber(value, 2)} = ${NAMES[activation] ?? activation}(${inner})` : `${formatNumber(value, 2)} = ${inner}`;
      const strongest = found.parts.map((part, from) => ({ part, from })).sort((a, b) => Math.abs(b.part) - Math.abs(a.part)).slice(0, STRONGEST);
      const { rows, columns } = found;
      row.replaceChildren(
        ...(encoder && steps.slice(0, index + 1).every(({ type }) => type === "conv2d") ? [seenPatch(start, index, place)] : []),
        ...strongest.map(({ part, from }) => {
          const [kernel, patch] = [element("canvas"), element("canvas")];
          const weight = (i, j) => filter.weight(((rows[i][1] * step.kernel + columns[j][1]) * before.channels + from) * map.channels + channel);
          const seen = (i, j) => before.values[(rows[i][0] * before.width + columns[j][0]) * before.channels + from];
          const most = (read) => Math.max(...rows.flatMap((_, i) => columns.map((_, j) => Math.abs(read(i, j)))));
          paintSigned(kernel, rows.length, columns.length, weight, most(weight));
          paintSigned(patch, rows.length, columns.length, seen, most(seen));
          return figure(`${before.channels > 1 ? `channel ${from + 1}: ` : ""}filter × patch = ${formatNumber(part, 2)}`, kernel, patch);
        }),
      );
      return { value, before: found.sum + added, activation };
    },
  };
}

/** A picture with its channels innermost, as layers write. */
function channelsLast(pixels, { channels, height, width }) {
  const area = height * width;
  return { channels, height, width, values: Float32Array.from(pixels, (_, i) => pixels[(i % channels) * area + Math.floor(i / channels)]) };
}

/** What a skip connection brings: the same place of an earlier layer. */
function skipped(maps, start, index, { row, column, channel }, encoder, input) {
  const map = index >= 0 ? maps[index] : encoder ? channelsLast(start, input) : null;
  return map ? map.values[(row * map.width + column) * map.channels + channel] : 0;
}
