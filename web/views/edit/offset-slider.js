/**
 * A slider with a place where it rests, and a range where there is data. Its track is filled from where it
 * rests; a double click, the Delete key or the button beside it bring it back. Beyond the data it goes only
 * where the reader asks for that, and the track shows where that begins.
 */

import { clamp } from "../../api/numbers.js";
import { element } from "../../parts/dom.js";
import { createSlider } from "../../parts/slider.js";

/**
 * @param {HTMLElement} host receives the slider
 * @param {Parameters<typeof createSlider>[1] & { note?: string, sure: number[], onReset: () => void }} options
 */
export function createOffsetSlider(host, { note, sure, onReset, ...options }) {
  const { label } = options;
  const place = element("div");
  const back = element("button", { type: "button", className: "back", textContent: "↺", title: "Reset" });
  back.setAttribute("aria-label", `Reset ${label}`);
  const whole = element("div", { className: "offset" }, place, back);
  host.append(whole);
  const slider = createSlider(place, options);
  const input = slider.element.querySelector("input");
  if (note) slider.element.querySelector("label").title = note;

  const reset = () => {
    if (back.hidden) return;
    input.focus({ preventScroll: true }); // the button goes away
    onReset();
  };
  back.addEventListener("click", reset);
  input.addEventListener("dblclick", reset);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Delete" || event.key === "Backspace") reset();
  });

  let shown = {};
  input.addEventListener("input", () => {
    shown = {}; // it stands where the reader has put it
  });
  const partOf = (value) => String(clamp((value - Number(input.min)) / (Number(input.max) - Number(input.min)), 0, 1));
  const stretch = (ends) => {
    shown = {};
    slider.range = ends;
    input.style.setProperty("--sure-from", partOf(sure[0]));
    input.style.setProperty("--sure-to", partOf(sure[1]));
  };
  return {
    element: whole,
    /** @param {{ value: number, rest: number, moved: boolean }} next where it stands, where it rests, whether it can be reset */
    show(next) {
      // A face may have a number of its own from beyond.
      const ends = [Math.min(Number(input.min), next.rest), Math.max(Number(input.max), next.rest)];
      if (ends[0] < Number(input.min) || ends[1] > Number(input.max)) stretch(ends);
      if (next.value !== shown.value) slider.value = next.value;
      if (next.rest !== shown.rest) input.style.setProperty("--rest", partOf(next.rest));
      back.hidden = !next.moved;
      shown = next;
    },
    /** Whether a value that the reader has set lies where there is no data. @param {number} value */
    isBeyond: (value) => value < sure[0] || value > sure[1],
    /** Lets it go all the way, or only as far as there is data. @param {boolean} allowed */
    goBeyond(allowed) {
      stretch(allowed ? [options.min, options.max] : sure);
    },
  };
}
