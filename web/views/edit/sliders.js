/**
 * The sliders of the edit view: one for each attribute, and one for each latent, those first that
 * say most about a picture.
 */

import { element, formatNumber } from "../../parts/dom.js";
import { LIMIT, SURE } from "./edits.js";
import { createOffsetSlider } from "./offset-slider.js";

/** Latents that are there without asking. */
const FIRST = 8;
/** Steps of an attribute, and of a latent. */
const STEP = 0.05;
const FINE = 0.01;

/** A value with its sign. */
export const signed = (value) => (value > 0 ? "+" : "") + formatNumber(value, 2);

/**
 * @typedef {object} Knob
 * @property {string} label
 * @property {"attributes" | "latents"} part of the edits that it changes
 * @property {string | number} key within that part
 *
 * @typedef {{ edits: import("./edits.js").Edits, before: Float32Array, after: Float32Array }} Shown
 */

/**
 * @param {(id: string) => any} $ finds `attributes` and `latents`, which receive the sliders, `more`, which shows all
 *   latents or few again, and `beyond`, which lets sliders go where there is no data
 * @param {object} options
 * @param {import("./edits.js").Direction[]} options.directions
 * @param {number[]} options.kl of each latent; NaN where the model does not say
 * @param {(canvas: HTMLCanvasElement) => void} options.size gives a canvas room for one picture
 * @param {(string | undefined)[]} options.followed the factor that a latent follows, where it follows one
 * @param {(knob: Knob, value: number | null) => void} options.onInput a slider moved; null resets it
 * @param {(knob: Knob, value: number | null) => void} options.onChange the reader let go of it
 */
export function createEditSliders($, { directions, kl, size, followed, onInput, onChange }) {
  const [attributes, latents, more, beyond] = ["attributes", "latents", "more", "beyond"].map($);
  const add = (host, knob, range) => {
    const slider = createOffsetSlider(host, {
      ...range,
      label: knob.label,
      value: 0,
      format: knob.part === "attributes" ? signed : (value) => formatNumber(value, 2),
      onInput: (value) => onInput(knob, value),
      onChange: (value) => onChange(knob, value),
      onReset() {
        onInput(knob, null);
        onChange(knob, null);
      },
    });
    return { knob, slider };
  };
  /** The picture at an end of a slider, by which the slider goes there. */
  const addEnd = ({ knob, slider }, value, side) => {
    const canvas = element("canvas", { className: "live ink pixels" });
    size(canvas);
    const end = element("button", { type: "button", className: "end" }, canvas);
    end.setAttribute("aria-label", `${knob.label} ${signed(value)}`);
    end.addEventListener("click", () => {
      onInput(knob, value);
      onChange(knob, value);
    });
    const [track, back] = slider.element.children;
    (side === 0 ? track : back).before(end);
    return { end, value };
  };
  /** @type {{ knob: Knob, slider: ReturnType<typeof createOffsetSlider>, ends?: { end: HTMLElement, value: number }[] }[]} */
  const sliders = directions.map(({ name, low, high, sure }, i) => {
    const knob = { label: name[0].toUpperCase() + name.slice(1), part: "attributes", key: name };
    const whole = (value) => Number((Math.round(value / STEP) * STEP).toFixed(2)); // so that 0 is one of the steps
    const one = add(attributes, knob, { id: `attribute-${i + 1}`, min: whole(low), max: whole(high), sure: sure.map(whole), step: STEP });
    const last = addEnd(one, whole(sure[1]), 1);
    return { ...one, ends: [addEnd(one, whole(sure[0]), 0), last] };
  });
  const addLatent = (i) => {
    const note = Number.isFinite(kl[i]) ? `${kl[i].toFixed(2)} nats` : "";
    const name = followed[i] ? `: ${followed[i]}` : "";
    const knob = { label: `Number ${i + 1}${name}`, part: "latents", key: i };
    sliders.push(add(latents, knob, { id: `latent-${i + 1}`, min: -LIMIT, max: LIMIT, sure: [-SURE, SURE], step: FINE, note }));
  };

  const order = kl.map((_, i) => i).sort((a, b) => (kl[b] || 0) - (kl[a] || 0) || a - b);
  order.slice(0, FIRST).forEach(addLatent);
  let all = false;
  /** @type {Shown | null} */
  let shown = null;
  const show = (next) => {
    shown = next;
    const { edits, before, after } = next;
    for (const { knob, slider } of sliders) {
      if (slider.element.hidden) continue;
      const { part, key } = knob;
      const [value, rest] = part === "attributes" ? [edits.attributes.get(key) ?? 0, 0] : [after[key], before[key]];
      slider.show({ value, rest, moved: edits[part].has(key) });
    }
  };
  const showAll = (showsAll) => {
    all = showsAll;
    if (all && latents.children.length === FIRST) {
      order.slice(FIRST).forEach(addLatent);
      goBeyond();
    }
    [...latents.children].slice(FIRST).forEach((slider) => {
      slider.toggleAttribute("hidden", !all);
    });
    more.textContent = all ? `Show the first ${FIRST}` : `Show all ${kl.length}`;
    more.setAttribute("aria-expanded", String(all));
    if (shown) show(shown);
  };
  more.hidden = kl.length <= FIRST;
  more.addEventListener("click", () => showAll(!all));
  showAll(false);

  const goBeyond = () => {
    for (const { slider } of sliders) slider.goBeyond(beyond.checked);
    if (shown) show(shown);
  };
  beyond.addEventListener("change", goBeyond);
  goBeyond();

  return {
    /**
     * Draws the pictures at the ends of the attributes' sliders.
     * @param {(canvas: HTMLCanvasElement, key: string, value: number) => void} draw the picture with this attribute at this value
     */
    showEnds(draw) {
      for (const { knob, ends = [] } of sliders) {
        // A model that moves to another backend gets fresh canvases.
        for (const { end, value } of ends) draw(/** @type {HTMLCanvasElement} */ (end.firstChild), String(knob.key), value);
      }
    },
    /** @param {Shown} next */
    show(next) {
      // What an address changes must not be out of sight, nor out of reach.
      if (!shown && order.slice(FIRST).some((i) => next.edits.latents.has(i))) showAll(true);
      if (!beyond.checked && sliders.some(({ knob, slider }) => slider.isBeyond(/** @type {Map<any, number>} */ (next.edits[knob.part]).get(knob.key) ?? 0))) {
        beyond.checked = true;
        goBeyond();
      }
      show(next);
    },
  };
}
