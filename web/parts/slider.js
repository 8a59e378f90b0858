/**
 * A labelled range slider. It is the browser's own control, so arrows, Home,
 * End and Page keys work as readers expect; this adds the value in words and
 * the filled part of the track.
 */

import { element } from "./dom.js";

/**
 * @param {HTMLElement} host replaced by the slider
 * @param {object} options
 * @param {string} options.id
 * @param {string} options.label
 * @param {number} options.min
 * @param {number} options.max
 * @param {number} options.step
 * @param {number} options.value
 * @param {(value: number) => string} options.format
 * @param {(value: number) => void} options.onInput
 * @param {(value: number) => void} [options.onChange] when the reader lets go
 * @returns {{ value: number, range: [number, number], element: HTMLElement }} setting `value` moves the slider without calling back
 */
export function createSlider(host, { id, label, min, max, step, value, format, onInput, onChange }) {
  const caption = element("label", { htmlFor: id, textContent: label });
  const readout = element("output", { htmlFor: id });
  readout.setAttribute("aria-hidden", "true"); // aria-valuetext says it already
  const input = element("input", { type: "range", id, min, max, step, value });
  const slider = element("div", { className: "slider" }, caption, readout, input);
  host.replaceWith(slider);

  const show = () => {
    const text = format(input.valueAsNumber);
    readout.textContent = text;
    input.setAttribute("aria-valuetext", text);
    input.style.setProperty("--filled", String((input.valueAsNumber - Number(input.min)) / (Number(input.max) - Number(input.min))));
  };
  input.addEventListener("input", () => {
    show();
    onInput(input.valueAsNumber);
  });
  input.addEventListener("change", () => onChange?.(input.valueAsNumber));
  show();

  return {
    element: slider,
    get value() {
      return input.valueAsNumber;
    },
    set value(next) {
      input.valueAsNumber = next;
      show();
    },
    /** @param {[number, number]} ends */
    set range([low, high]) {
      Object.assign(input, { min: low, max: high });
      show();
    },
  };
}

/** The slider of the temperature. @param {string} label what it means in the view */
export function createTemperature(host, label, value, onInput) {
  return createSlider(host, {
    id: "temperature",
    label: `${label}, T`,
    min: 0,
    max: 2,
    step: 0.05,
    value,
    format: (temperature) => temperature.toFixed(2),
    onInput,
  });
}
