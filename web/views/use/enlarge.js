/** Enlarge: the picture made small, and at full size again: as squares, by cubic convolution, by the network. */

import { element } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { newSeed, seedParam, wordParam } from "../../parts/route.js";
import { decibels, shrink, stretch } from "./pictures.js";
import { createWork, fillChoice, panelOf } from "./work.js";

const COUNT = 4;

/** @param {import("./use.js").Panel} panel */
export function createEnlarge({ $, model, subject, node, status, params, setParams, announce }) {
  const { input } = model.info;
  const ink = { input, ink: subject.ink };
  for (const id of ["enlarge-nearest", "enlarge-bicubic", "enlarge-model"]) sizeFor($(id), input);
  const scales = [2, 4, 8].filter((scale) => input.width % scale === 0 && input.height % scale === 0);
  const words = Object.fromEntries(scales.map((scale) => [String(scale), `${scale} ×`]));
  const standard = scales.includes(4) ? "4" : String(scales[0] ?? 1);
  let scale = Number(wordParam(params, "scale", [standard, ...Object.keys(words)]));
  let seed = seedParam(params, "enlarge", 1);
  let picture = null;
  let small = null;
  let found = null;
  const strip = element("canvas", { className: "ink pixels" });
  strip.setAttribute("role", "img");
  strip.setAttribute("aria-label", "Other pictures that fit the small one");
  sizeFor(strip, input, COUNT);
  $("enlarge-strip").append(strip);
  $("enlarge-strip").className = "image-grid";

  const work = createWork({ node, status }, (signal) => model.enlarge(small, { scale, count: COUNT, seed, signal }), (answer) => {
    found = answer;
    const each = (i) => answer.images.subarray(i * picture.length, (i + 1) * picture.length);
    paintPicture($("enlarge-model"), each(0), ink);
    $("enlarge-model-number").textContent = decibels(each(0), picture);
    for (let i = 0; i < COUNT; i += 1) paintPicture(strip, each(i), ink, i * input.width);
    announce(`Enlarged: ${decibels(each(0), picture)}; bicubic ${$("enlarge-bicubic-number").textContent}.`);
  });
  const renew = () => {
    small = shrink(picture, input, scale);
    $("enlarge-nearest-caption").textContent = `Given: ${input.width / scale} × ${input.height / scale}`;
    for (const how of /** @type {const} */ (["nearest", "bicubic"])) {
      const pixels = stretch(small, input, scale, how);
      paintPicture($(`enlarge-${how}`), pixels, ink);
      $(`enlarge-${how}-number`).textContent = decibels(pixels, picture);
    }
    work.renew();
  };
  fillChoice($("enlarge-scale"), "enlarge-scale", words, String(scale), (word) => {
    scale = Number(word);
    setParams({ scale: word === standard ? null : word });
    renew();
  });
  $("enlarge-another").addEventListener("click", () => {
    seed = newSeed();
    setParams({ enlarge: seed });
    work.renew();
  });

  return panelOf(work, {
    show(next) {
      picture = next;
      renew();
    },
    answer: () => found,
  });
}
