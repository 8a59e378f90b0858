/** What is seen of training: curves, pictures, the map with its cloud, and a bar for each latent. */

import { element, formatNumber, paperOf } from "../../parts/dom.js";
import { imageOf, inkImage } from "../../parts/picture.js";
import { setAttributes, shape } from "../../parts/svg.js";

/** Points of a curve that are drawn. */
const POINTS = 240;
/** Nats from which on a latent counts as used. */
const ALIVE = 0.1;
const WIDTH = 100;
const HEIGHT = 40;

/** Losses of all steps, thinned as they become many: each value is the mean of so many steps. */
export function createHistory() {
  let each = 1;
  let sums = [0, 0];
  let count = 0;
  /** @type {[number, number][]} */
  let values = [];
  return {
    clear() {
      each = 1;
      count = 0;
      sums = [0, 0];
      values = [];
    },
    /** @param {ArrayLike<number>} losses reconstruction and KL of each step */
    add(losses) {
      for (let i = 0; i + 1 < losses.length; i += 2) {
        sums = [sums[0] + losses[i], sums[1] + losses[i + 1]];
        count += 1;
        if (count < each) continue;
        values.push([sums[0] / count, sums[1] / count]);
        [sums, count] = [[0, 0], 0];
        if (values.length < 2 * POINTS) continue;
        values = Array.from({ length: POINTS }, (_, j) => {
          const [a, b] = [values[2 * j], values[2 * j + 1]];
          return /** @type {[number, number]} */ ([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
        });
        each *= 2;
      }
    },
    /** @param {0 | 1} which @returns {number[]} */
    of: (which) => values.map((pair) => pair[which]),
    /** Steps between two values. */
    get each() {
      return each;
    },
  };
}

/**
 * @param {SVGElement} svg
 * @param {number[]} values
 * @param {number} each steps between two values
 */
export function drawCurve(svg, values, each) {
  if (values.length === 0) {
    svg.replaceChildren();
    return;
  }
  // The first steps are far above all others.
  const sorted = [...values].sort((a, b) => a - b);
  const high = Math.max(sorted[Math.floor(0.97 * (sorted.length - 1))] * 1.05, 1e-6);
  const low = Math.min(sorted[0], high / 2) * 0.9;
  const x = (i) => (WIDTH * i) / Math.max(1, values.length - 1);
  const y = (value) => HEIGHT * (1 - Math.min(1, (value - low) / (high - low)));
  const path = values.map((value, i) => `${i ? "L" : "M"}${x(i).toFixed(2)} ${y(value).toFixed(2)}`).join("");
  const line = svg.querySelector("path") ?? svg.appendChild(shape("path", { class: "curve" }));
  setAttributes(line, { d: path });
  const [first, last] = [values[0], values[values.length - 1]];
  svg.setAttribute("aria-label", `${svg.id === "kl" ? "KL" : "Reconstruction loss"} over ${values.length * each} steps: from ${first.toFixed(1)} to ${last.toFixed(1)} nats`);
  const host = /** @type {HTMLElement} */ (svg.parentNode);
  host.dataset.high = formatNumber(high, high < 10 ? 1 : 0);
  host.dataset.low = formatNumber(low, high < 10 ? 1 : 0);
}

/**
 * Rows of pictures in one canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array[]} rows each `[N, C, H, W]`
 * @param {[number, number, number]} sides channels, height, width
 * @param {boolean} ink whether the pictures are ink on paper
 */
export function paintRows(canvas, rows, [channels, height, width], ink) {
  const length = channels * height * width;
  const columns = rows[0].length / length;
  if (canvas.width !== columns * width || canvas.height !== rows.length * height) Object.assign(canvas, { width: columns * width, height: rows.length * height });
  const context = paperOf(canvas);
  rows.forEach((row, y) => {
    for (let x = 0; x < columns; x += 1) {
      const pixels = row.subarray(x * length, (x + 1) * length);
      const image = ink ? inkImage(pixels, width, height) : imageOf(pixels, { channels, width, height }, false);
      context.putImageData(image, x * width, y * height);
    }
  });
}

/** Cuts an array into rows of so many. @param {Float32Array} values @param {number} length */
export function rowsOf(values, length) {
  return Array.from({ length: values.length / length }, (_, i) => values.subarray(i * length, (i + 1) * length));
}

/**
 * The cloud of posterior means, one path for each class.
 * @param {SVGElement} svg
 * @param {Float32Array} cloud `[N, latents]`
 * @param {number} latents
 * @param {[number, number]} axes
 * @param {Uint8Array | null} labels
 */
export function drawCloud(svg, cloud, latents, axes, labels) {
  const count = cloud.length / latents;
  const paths = Array.from({ length: 10 }, () => "");
  for (let i = 0; i < count; i += 1) {
    const [x, y] = axes.map((axis) => Math.max(-2.97, Math.min(2.97, cloud[i * latents + axis])));
    paths[labels ? labels[i] % 10 : 0] += `M${x.toFixed(2)} ${(-y).toFixed(2)}h0`;
  }
  const used = paths.map((d, label) => ({ d, label })).filter(({ d }) => d);
  while (svg.children.length > used.length) svg.lastChild.remove();
  while (svg.children.length < used.length) svg.append(shape("path", {}));
  used.forEach(({ d, label }, i) => {
    const path = svg.children[i];
    setAttributes(path, { d });
    if (labels) path.setAttribute("data-class", String(label));
    else path.removeAttribute("data-class");
  });
}

/**
 * @param {HTMLElement} host
 * @param {ArrayLike<number>} kl nats of each latent
 * @returns {string} how many are used, in words
 */
export function drawBars(host, kl) {
  while (host.children.length > kl.length) host.lastChild.remove();
  while (host.children.length < kl.length) host.append(element("i"));
  const most = Math.max(0.5, ...Array.from(kl));
  const used = Array.from(kl).filter((nats) => nats > ALIVE).length;
  Array.from(kl).forEach((nats, i) => {
    const bar = /** @type {HTMLElement} */ (host.children[i]);
    bar.style.setProperty("--share", String(Math.max(0.01, nats / most)));
    bar.classList.toggle("dead", nats <= ALIVE);
  });
  const words = `${used} of ${kl.length} numbers carry information; the most has ${formatNumber(Math.max(...Array.from(kl)), 1)} nats.`;
  host.setAttribute("aria-label", words);
  return words;
}

/** The two latents that carry most. @param {ArrayLike<number>} kl @returns {[number, number]} */
export function mainAxes(kl) {
  if (kl.length === 2) return [0, 1];
  const order = Array.from(kl, (nats, i) => [nats, i]).sort((a, b) => b[0] - a[0]);
  return [order[0][1], order[1][1]];
}
