/**
 * The posterior as a picture: for each latent a band μ ± σ with a tick at μ
 * and a dot at the sampled z, and below it the arithmetic of one latent in
 * full. Readers choose that latent by pointing or with the arrow keys.
 */

import { clamp } from "../api/numbers.js";
import { createFrame } from "./chart.js";
import { element, fill, formatNumber } from "./dom.js";
import { onePointer } from "./pointer.js";
import { setAttributes, shape } from "./svg.js";

/** σ of a log σ², which counts as within ±80 as in the runtimes. */
export const sigmaOf = (logVar) => Math.exp(clamp(logVar, -80, 80) / 2);

/** Values beyond ±LIMIT are drawn at the edge. */
const LIMIT = 3;
/** How far an arrow key moves a latent. */
const STEP = 0.1;

/**
 * @param {HTMLElement} host receives the chart
 * @param {HTMLElement} readout receives the arithmetic of one latent
 * @param {number} size number of latents
 * @param {object} [options]
 * @param {(i: number, value: number) => void} [options.onDrag] the reader moves a latent to this value; without it the chart is to be read only
 * @param {() => void} [options.onDrop] and has let go
 * @param {(string | undefined)[]} [options.followed] the factor that a latent follows, where it follows one
 */
export function createPosterior(host, readout, size, { onDrag, onDrop, followed = [] } = {}) {
  const numberAt = (at) => clamp(Math.floor(at * size), 0, size - 1);
  const frame = createFrame(host, { x: `${size} numbers`, y: "value", label: "" }, (at) => (shown ? `number ${numberAt(at) + 1}: ${formatNumber(shown.z[numberAt(at)], 2)}` : ""));
  frame.range(-LIMIT, LIMIT);
  const svg = shape("svg", { viewBox: `0 0 ${size} ${2 * LIMIT}`, width: 1, height: 1, preserveAspectRatio: "none" });
  svg.append(shape("rect", { class: "prior", "data-term": "prior", x: 0, width: size, y: LIMIT - 1, height: 2 }));
  const cursor = shape("rect", { class: "cursor", y: 0, height: 2 * LIMIT, width: 1 });
  svg.append(cursor);
  const columns = Array.from({ length: size }, (_, i) => {
    const column = {
      band: shape("rect", { class: "band", x: i + 0.16, width: 0.68 }),
      mean: line("mean", i + 0.16, i + 0.84, 0, 0),
      // A line of no length with round caps stays round however the chart is stretched.
      sample: line("sample", i + 0.5, i + 0.5, 0, 0),
    };
    for (const [part, term] of [["band", "width"], ["mean", "mean"], ["sample", "z"]]) column[part].setAttribute("data-term", term);
    svg.append(...Object.values(column));
    return column;
  });
  frame.svg.append(svg);
  host.querySelector(".plot-y").append(element("span", { className: "notation", textContent: "; grey: 𝒩(0, 1)" }));

  /**
   * @typedef {object} Shown
   * @property {Float32Array} mean
   * @property {Float32Array} z
   * @property {Float32Array} [logVar] with what follows, of a posterior; without, there are only numbers
   * @property {Float32Array} [klToStandardNormal]
   * @property {Float32Array} [epsilon]
   * @property {number} [temperature]
   * @property {Map<number, number>} [moved] latents that the reader has moved
   */
  /** @type {Shown | null} */
  let shown = null;
  let chosen = null; // null: the latent that carries most information about this drawing

  const latent = () => {
    if (chosen !== null || !shown) return chosen ?? 0;
    const kl = shown.klToStandardNormal ?? shown.z.map(Math.abs);
    return columns.reduce((best, _, i) => (kl[i] > kl[best] ? i : best), 0);
  };

  const explain = () => {
    const i = latent();
    cursor.setAttribute("x", i);
    host.setAttribute("aria-valuenow", i + 1);
    if (!shown) {
      readout.textContent = "";
      host.setAttribute("aria-valuetext", `latent ${i + 1}, nothing drawn yet`);
      return;
    }
    if (!shown.logVar) {
      const value = formatNumber(shown.z[i], 2);
      fill(readout, `<var>z</var><sub>${i + 1}</sub> = <b class="is-sample">${value}</b>`);
      host.setAttribute("aria-valuetext", `number ${i + 1}: ${value}`);
      return;
    }
    const sigma = sigmaOf(shown.logVar[i]);
    const [mean, width, epsilon, z] = [shown.mean[i], sigma, shown.epsilon[i], shown.z[i]].map((v) => formatNumber(v, 2));
    const heat = shown.temperature === 1 ? "" : `${shown.temperature.toFixed(2)} · `;
    const factor = shown.epsilon[i] < 0 ? `(${epsilon})` : epsilon;
    if (shown.moved?.has(i)) fill(readout, `<var>z</var><sub>${i + 1}</sub> = <b class="is-sample">${z}</b>, moved by hand`);
    else fill(readout, `<var>z</var><sub>${i + 1}</sub> = <b class="is-mean">${mean}</b> + ${heat}<b class="is-band">${width}</b> · ${factor} = <b class="is-sample">${z}</b>`);
    const name = followed[i] ? ` (${followed[i]})` : "";
    readout.append(name);
    host.setAttribute("aria-valuetext", `latent ${i + 1}${name}: mean ${mean}, sigma ${width}, epsilon ${epsilon}, z ${z}`);
  };

  const choose = (i) => {
    chosen = i;
    explain();
  };
  const columnAt = ({ clientX }) => {
    const box = frame.svg.getBoundingClientRect();
    return numberAt((clientX - box.left) / box.width);
  };
  let dragging = false;
  const drag = ({ clientY }) => {
    const box = frame.svg.getBoundingClientRect();
    onDrag(latent(), clamp(LIMIT - ((clientY - box.top) / box.height) * 2 * LIMIT, -LIMIT, LIMIT));
  };
  frame.area.addEventListener("pointermove", (event) => {
    if (!dragging) choose(columnAt(event));
  });
  if (onDrag) {
    host.classList.add("draggable");
    host.setAttribute("aria-description", "Left and right choose a number, up and down change it.");
    onePointer(frame.area, {
      start(event) {
        host.focus({ preventScroll: true });
        dragging = true;
        choose(columnAt(event));
        drag(event);
      },
      move: drag,
      end() {
        dragging = false;
        onDrop?.();
      },
    });
  }
  frame.area.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && !dragging) choose(null);
  });
  host.addEventListener("keydown", (event) => {
    const i = latent();
    const step = onDrag && shown && { ArrowDown: -STEP, ArrowUp: STEP }[event.key];
    if (step) {
      event.preventDefault();
      chosen = i;
      onDrag(i, clamp(shown.z[i] + step, -LIMIT, LIMIT));
      onDrop?.();
      return;
    }
    const target = { ArrowLeft: i - 1, ArrowDown: i - 1, ArrowRight: i + 1, ArrowUp: i + 1, PageDown: i - 8, PageUp: i + 8, Home: 0, End: size - 1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    choose(clamp(target, 0, size - 1));
  });
  host.setAttribute("aria-valuemin", "1");
  host.setAttribute("aria-valuemax", String(size));
  explain();

  return {
    /** @param {Shown} posterior */
    show(posterior) {
      shown = posterior;
      columns.forEach(({ band, mean, sample }, i) => {
        // Of numbers alone the band is a bar from zero.
        if (!posterior.logVar) {
          const [zero, at] = [0, posterior.z[i]].map(height);
          setAttributes(band, { y: Math.min(zero, at), height: Math.abs(zero - at) });
          setAttributes(mean, { y1: at, y2: at });
          setAttributes(sample, { y1: at, y2: at });
          return;
        }
        const sigma = sigmaOf(posterior.logVar[i]);
        const [top, middle, bottom, z] = [posterior.mean[i] + sigma, posterior.mean[i], posterior.mean[i] - sigma, posterior.z[i]].map(height);
        setAttributes(band, { y: top, height: bottom - top });
        setAttributes(mean, { y1: middle, y2: middle });
        setAttributes(sample, { y1: z, y2: z });
      });
      explain();
    },
    clear() {
      shown = null;
      explain();
    },
  };
}

const height = (value) => LIMIT - clamp(value, -LIMIT, LIMIT);

function line(name, x1, x2, from, to) {
  return shape("line", { class: name, x1, x2, y1: height(from), y2: height(to) });
}
