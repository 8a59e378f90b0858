/**
 * A slider with a place where it rests. Its track is filled from there, and a double click, the
 * Delete key or the button beside it bring it back.
 */

import { clamp } from "../../api/numbers.js";
import { element } from "../../parts/dom.js";
import { createSlider } from "../../parts/slider.js";

/**
 * @param {HTMLElement} host receives the slider
 * @param {Parameters<typeof createSlider>[1] & { note?: string, onReset: () => void }} options
 */
export function createOffsetSlider(host, { note, onReset, ...options }) {
  const { label, min, max } = options;
  const place = element("div");
  const back = element("button", { type: "button", className: "back", textContent: "↺", title: "Put it back" });
  back.setAttribute("aria-label", `${label}: put it back`);
  const whole = element("div", { className: "offset" }, place, back);
  host.append(whole);
  const slider = createSlider(place, options);
  const input = slider.element.querySelector("input");
  if (note) slider.element.querySelector("label").append(" ", element("small", { textContent: note }));

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
  return {
    element: whole,
    /** @param {{ value: number, rest: number, moved: boolean }} next where it stands, where it rests, whether it can be put back */
    show(next) {
      if (next.value !== shown.value) slider.value = next.value;
      if (next.rest !== shown.rest) input.style.setProperty("--rest", String(clamp((next.rest - min) / (max - min), 0, 1)));
      back.hidden = !next.moved;
      shown = next;
    },
  };
}
