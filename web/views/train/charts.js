/** What is seen of training: curves, pictures, the map with its cloud, and a bar for each latent. */

import { createLines } from "../../parts/chart.js";
import { formatNumber, paperOf } from "../../parts/dom.js";
import { imageOf, inkImage } from "../../parts/picture.js";
import { setAttributes, shape } from "../../parts/svg.js";

/** Points of a curve that are drawn. */
const POINTS = 240;
/** Nats from which on a latent counts as used. */
const ALIVE = 0.1;

/** Losses of a step: reconstruction, KL, the judge's, and that of who is judged. */
const LOSSES = 4;
const zeros = () => Array.from({ length: LOSSES }, () => 0);

/** Losses of all steps, thinned as they become many: each value is the mean of so many steps. */
export function createHistory() {
  let each = 1;
  let sums = zeros();
  let count = 0;
  /** @type {number[][]} */
  let values = [];
  return {
    clear() {
      each = 1;
      count = 0;
      sums = zeros();
      values = [];
    },
    /** @param {ArrayLike<number>} losses all of each step */
    add(losses) {
      for (let i = 0; i < losses.length; i += LOSSES) {
        sums = sums.map((sum, which) => sum + losses[i + which]);
        count += 1;
        if (count < each) continue;
        values.push(sums.map((sum) => sum / count));
        [sums, count] = [zeros(), 0];
        if (values.length < 2 * POINTS) continue;
        values = Array.from({ length: POINTS }, (_, j) => {
          const [a, b] = [values[2 * j], values[2 * j + 1]];
          return a.map((value, which) => (value + b[which]) / 2);
        });
        each *= 2;
      }
    },
    /** @param {number} which @returns {number[]} */
    of: (which) => values.map((all) => all[which]),
    /** Steps between two values. */
    get each() {
      return each;
    },
  };
}

/**
 * A curve of losses: its chart, and what shows values in it.
 * @param {HTMLElement} host
 * @param {string} what the loss, in words
 */
export function createCurve(host, what) {
  let steps = 0;
  const lines = createLines(host, [what], { x: "steps", y: "nats", label: `Curve of the ${what}`, position: (at) => `step ${Math.max(1, Math.round(at * steps))}` });
  return {
    /** @param {number[]} values @param {number} each steps between two values */
    show(values, each) {
      steps = values.length * each;
      // The first steps are far above all others.
      const sorted = [...values].sort((a, b) => a - b);
      const high = Math.max((sorted[Math.floor(0.97 * (sorted.length - 1))] ?? 1) * 1.05, 1e-6);
      const low = Math.min(sorted[0] ?? 0, high / 2) * 0.9;
      lines.show([values], { low, high, x: `${steps} steps` });
      if (steps > 0) host.setAttribute("aria-label", `Curve of the ${what} over ${steps} steps: from ${values[0].toFixed(1)} to ${values[values.length - 1].toFixed(1)} nats`);
    },
  };
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

/** How many latents are used, in words. @param {ArrayLike<number>} kl nats of each latent */
export function sayUsed(kl) {
  const all = Array.from(kl);
  return `${all.filter((nats) => nats > ALIVE).length} of ${all.length} numbers carry information; the most has ${formatNumber(Math.max(...all), 1)} nats.`;
}

/** The two latents that carry most. @param {ArrayLike<number>} kl @returns {[number, number]} */
export function mainAxes(kl) {
  if (kl.length === 2) return [0, 1];
  const order = Array.from(kl, (nats, i) => [nats, i]).sort((a, b) => b[0] - a[0]);
  return [order[0][1], order[1][1]];
}
