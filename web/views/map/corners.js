/**
 * The three pictures that a plane goes through: a small one of each with a button for another,
 * and the triangle between them on the map.
 */

import { fill } from "../../parts/dom.js";
import { sizeFor } from "../../parts/picture.js";
import { formatSource, latentOf, mannerOf, parseSource, undrawn } from "../../parts/source.js";
import { newSeed } from "../../parts/route.js";
import { subjectOf } from "../../models/subject.js";
import { CORNERS, TRIANGLE, partsOf } from "./plane.js";

export const LETTERS = ["a", "b", "c"];
/** Of the samples to begin with. */
const FIRST = [28, 8, 56];

const cards = (one) =>
  LETTERS.map((letter) => `
    <figure>
      <div class="frame"><canvas id="corner-${letter}" class="live ink pixels" role="img" aria-label="The ${one} at corner ${letter}"></canvas></div>
      <button type="button" id="another-${letter}" aria-label="Another ${one} at corner ${letter}">Another <i>${letter}</i></button>
    </figure>`).join("");

const triangle = () => {
  const points = CORNERS.map((corner) => partsOf(TRIANGLE, corner).map((part) => (100 * part).toFixed(2)));
  const outline = `<polygon points="${points.join(" ")}"></polygon>`;
  return `<svg class="triangle" viewBox="0 0 100 100" aria-hidden="true">${outline}${outline}</svg>${LETTERS.map((letter) => `<b>${letter}</b>`).join("")}`;
};

/**
 * @param {HTMLElement} host receives the pictures
 * @param {HTMLElement} overlay receives the triangle; lies on the map
 * @param {object} options
 * @param {import("../../vaelet.js").Model} options.model
 * @param {(string | null)[]} options.texts the sources as the hash has them
 * @param {number} options.seed of the samples that stand in for missing sources
 * @param {(letter: string, text: string) => void} options.onChange
 */
export function createCorners(host, overlay, { model, texts, seed, onChange }) {
  const { one } = subjectOf(model.info);
  const $ = fill(host, cards(one));
  fill(overlay, triangle());
  overlay.querySelectorAll("b").forEach((mark, i) => {
    const [left, top] = partsOf(TRIANGLE, CORNERS[i]);
    mark.style.setProperty("--left", String(left));
    mark.style.setProperty("--top", String(top));
  });

  const sources = texts.map((text, i) => {
    return undrawn(parseSource(text ?? `sample-${seed}-${FIRST[i]}-1`, seed, model.latentSize), seed);
  });
  const latents = sources.map((source) => latentOf(model, source));
  LETTERS.forEach((letter, i) => {
    sizeFor($(`corner-${letter}`), model.info.input);
    $(`another-${letter}`).addEventListener("click", () => {
      sources[i] = { kind: "sample", seed: newSeed(), index: 0, ...mannerOf(sources[i]) };
      latents[i] = latentOf(model, sources[i]);
      onChange(letter, formatSource(sources[i]));
    });
  });

  return {
    /** Of a, b and c. @type {Float32Array[]} */
    latents,
    draw() {
      LETTERS.forEach((letter, i) => model.present($(`corner-${letter}`), latents[i]));
    },
  };
}
