/**
 * Charts of one style: axes with their units, a light grid, names at the lines themselves, and the value that is pointed at.
 * Text stands beside the drawing, which is stretched to its place.
 */

import { clamp } from "../api/numbers.js";
import { element, formatNumber } from "./dom.js";
import { setAttributes, shape } from "./svg.js";

/**
 * @typedef {object} Axes
 * @property {string} x what goes to the right
 * @property {string} y what goes up, with its unit
 * @property {string} label what a screen reader hears before the values
 */

/** The axes of charts of how many nats each latent takes. */
export const KL = { x: "latents", y: "KL, in nats", unit: "nats", name: (i) => `latent ${i + 1}` };

/** A round number that no value exceeds. @param {Iterable<number>} values @param {number} [least] */
export function scaleFor(values, least = 0.5) {
  const largest = Math.max(least, ...values);
  const step = 10 ** Math.floor(Math.log10(largest)) / 2;
  return Math.ceil(largest / step) * step;
}

/**
 * The frame of a chart: the drawing, from 0 to 1 both ways, with its axes. A host that has a role keeps it, and its name.
 * @param {HTMLElement} host
 * @param {Axes} axes
 * @param {(at: number) => string} read what stands at a part of the width, in words
 */
export function createFrame(host, { x, y, label }, read) {
  const svg = shape("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
  const grid = shape("path", { class: "plot-grid", d: "M0 0H1M0 0.5H1M0 1H1" });
  const cursor = shape("path", { class: "plot-cursor" });
  svg.append(grid, cursor);
  const ticks = [0, 0.5, 1].map((at) => {
    const tick = element("span", { className: "plot-tick" });
    tick.style.setProperty("--at", String(1 - at));
    return tick;
  });
  const value = element("span", { className: "plot-value" });
  const area = element("div", { className: "plot-area" }, ...ticks);
  area.append(svg);
  host.classList.add("plot");
  if (!host.hasAttribute("role")) {
    host.setAttribute("role", "img");
    host.setAttribute("aria-label", label);
  }
  const along = element("span", { className: "plot-x", textContent: x });
  host.append(element("span", { className: "plot-y", textContent: y }), value, area, along);
  const point = (/** @type {PointerEvent} */ { clientX }) => {
    const box = svg.getBoundingClientRect();
    const at = clamp((clientX - box.left) / Math.max(1, box.width), 0, 1);
    value.textContent = read(at);
    setAttributes(cursor, { d: value.textContent ? `M${at} 0V1` : "" });
  };
  for (const type of ["pointermove", "pointerdown"]) area.addEventListener(type, point);
  area.addEventListener("pointerleave", () => {
    value.textContent = "";
    setAttributes(cursor, { d: "" });
  });
  return {
    svg,
    area,
    along,
    /** @param {number} low @param {number} high @param {number} [middle] what stands half-way up */
    range(low, high, middle = (low + high) / 2) {
      const values = [low, middle, high];
      ticks.forEach((tick, i) => {
        const digits = [0, 1, 2].find((some) => Math.abs(values[i] - Number(values[i].toFixed(some))) < 1e-9) ?? 1;
        tick.textContent = formatNumber(values[i], digits);
      });
    },
  };
}

/**
 * A bar for each of some numbers. Charts that are to be compared share one scale; with `root` it is that of their square roots, so that
 * small bars are seen beside large ones.
 * @param {HTMLElement} host receives the bars
 * @param {number} count
 * @param {Axes & { unit: string, name: (i: number) => string, root?: boolean }} options how a bar is called where it is pointed at
 */
export function createBars(host, count, { unit, name, root = false, ...axes }) {
  const height = (/** @type {number} */ share) => (root ? Math.sqrt(share) : share);
  /** @type {ArrayLike<number>} */
  let values = [];
  const frame = createFrame(host, { ...axes, x: `${count} ${axes.x}` }, (at) => {
    const i = Math.min(count - 1, Math.floor(at * count));
    return i in values ? `${name(i)}: ${formatNumber(values[i], 2)} ${unit}` : "";
  });
  const bars = shape("path", { class: "plot-bars" });
  frame.svg.append(bars);
  return {
    /** @param {ArrayLike<number>} next @param {number} scale value of a bar of full height */
    show(next, scale) {
      values = next;
      const room = 0.84 / count;
      const d = Array.from(next, (value, i) => `M${(i + 0.08) / count} 1v${-height(clamp(value / scale, 0, 1))}h${room}V1z`).join("");
      setAttributes(bars, { d });
      frame.range(0, scale, root ? scale / 4 : scale / 2);
      host.setAttribute("aria-label", `${axes.label}: ${Array.from(next, (value) => formatNumber(value, 1)).join(", ")}`);
    },
    clear() {
      values = [];
      bars.removeAttribute("d");
    },
  };
}

/**
 * Lines over one axis, each with its name at its end.
 * @param {HTMLElement} host receives the lines
 * @param {string[]} names
 * @param {Axes & { position: (at: number) => string }} options what a part of the width is called
 */
export function createLines(host, names, { position, ...axes }) {
  /** @type {number[][]} */
  let lines = [];
  const near = (line, at) => line[Math.round(at * Math.max(0, line.length - 1))];
  const frame = createFrame(host, axes, (at) => (lines.some(({ length }) => length) ? `${position(at)}: ${lines.map((line, i) => `${names.length > 1 ? `${names[i]} ` : ""}${formatNumber(near(line, at), 1)}`).join(", ")}` : ""));
  const band = shape("rect", { class: "plot-band", x: 0, width: 1 });
  const marker = shape("path", { class: "plot-marker" });
  const paths = names.map((_, i) => shape("path", { class: "plot-line", "data-series": i }));
  frame.svg.append(band, marker, ...paths);
  const labels = names.map((name, i) => {
    const label = element("span", { className: "plot-name", textContent: name });
    label.dataset.series = String(i);
    return label;
  });
  if (names.length > 1) frame.area.append(...labels);
  return {
    /**
     * @param {number[][]} next values of each line, evenly spaced
     * @param {{ low: number, high: number, usual?: [number, number], x?: string }} shown the range of the axis, a band of usual values, and what goes to the right where that has changed
     */
    show(next, { low, high, usual, x }) {
      lines = next;
      if (x) frame.along.textContent = x;
      const y = (value) => 1 - clamp((value - low) / (high - low || 1), 0, 1);
      frame.range(low, high);
      if (usual) setAttributes(band, { y: y(usual[1]), height: Math.max(0, y(usual[0]) - y(usual[1])) });
      next.forEach((line, i) => {
        setAttributes(paths[i], { d: line.map((value, j) => `${j ? "L" : "M"}${(j / Math.max(1, line.length - 1)).toFixed(4)} ${y(value).toFixed(4)}`).join("") });
        // Names stand where their line is, in the middle, one above and one below.
        labels[i].style.setProperty("--at", String(y(near(line, 0.5) ?? low)));
        labels[i].classList.toggle("is-below", next.some((other, k) => k !== i && near(other, 0.5) > near(line, 0.5)));
      });
    },
    /** Where the reader is, as a part of the width. @param {number} at */
    mark(at) {
      setAttributes(marker, { d: `M${at} 0V1` });
    },
  };
}
