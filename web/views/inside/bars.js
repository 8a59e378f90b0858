/**
 * A bar for each latent: how many nats of the KL it takes. Charts that are to be compared share
 * one scale.
 */

import { clamp } from "../../api/numbers.js";
import { element, formatNumber } from "../../parts/dom.js";

/**
 * @param {HTMLElement} host receives the bars
 * @param {number} size number of latents
 * @param {string} label what a screen reader hears before the values
 */
export function createBars(host, size, label) {
  const bars = Array.from({ length: size }, () => element("i"));
  host.classList.add("bars");
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", label);
  host.append(...bars);
  return {
    /** @param {Float32Array} values in nats @param {number} scale nats of a bar of full height */
    show(values, scale) {
      bars.forEach((bar, i) => bar.style.setProperty("--part", clamp(values[i] / scale, 0, 1)));
      host.setAttribute("aria-label", `${label}: ${Array.from(values, (value) => formatNumber(value, 1)).join(", ")}`);
    },
  };
}

/** A round number of nats that no bar exceeds. @param {Iterable<number>} values */
export function scaleFor(values) {
  const largest = Math.max(0.5, ...values);
  const step = 10 ** Math.floor(Math.log10(largest)) / 2;
  return Math.ceil(largest / step) * step;
}
