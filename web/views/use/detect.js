/** Detect: how strange the picture is, among the model's own test images, and where. */

import { element, formatNumber, paperOf } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { ODD } from "./pictures.js";
import { createWork, panelOf } from "./work.js";

/** From this percentile on a picture counts as strange. */
const STRANGE = 99;
/** Nats of a value from which on a pixel is marked in full, or this many times the mean of all. */
const FULL = 3;
const ABOVE_MEAN = 6;

/** @param {import("./use.js").Panel} panel */
export function createDetect({ $, model, subject, node, status, odd, announce }) {
  const { input } = model.info;
  const ink = { input, ink: subject.ink };
  for (const id of ["detect-picture", "detect-map"]) sizeFor($(id), input);
  /** @type {Float32Array} */
  let picture;
  let found = null;

  const buttons = Object.entries(ODD).map(([word, { name }]) => {
    const button = element("button", { type: "button", textContent: name, onclick: () => odd.toggle(word) });
    button.dataset.odd = word;
    return button;
  });
  $("detect-odd").append(...buttons);

  const work = createWork({ node, status }, (signal) => model.score(picture, { signal }), (answer) => {
    found = answer;
    const { score, percentile, negLogLikelihood, map } = answer;
    $("detect-score").textContent = formatNumber(score, 1);
    $("detect-percentile").textContent = `${percentile.toFixed(percentile > 99 && percentile < 100 ? 1 : 0)} %`;
    $("detect-nats").textContent = `${formatNumber(negLogLikelihood, 0)} nats`;
    $("detect-mark").style.setProperty("--at", String(percentile / 100));
    const strange = percentile >= STRANGE;
    const verdict = strange ? "Strange: hardly one of its own test images is as far from the others." : `Not strange: ${Math.max(1, Math.round(100 - percentile))} of 100 of its own test images are as far from the others, or farther.`;
    $("detect-verdict").textContent = verdict;
    node.dataset.strange = String(strange);
    paintHeat(map);
    announce(verdict);
  });

  /** Where it is strange, in the colour of the accent. @param {Float32Array} map */
  const paintHeat = (map) => {
    const image = new ImageData(input.width, input.height);
    const mean = map.reduce((sum, nats) => sum + nats, 0) / map.length;
    const full = Math.max(FULL * input.channels, ABOVE_MEAN * mean);
    map.forEach((nats, i) => {
      image.data.set([255, 60, 0, Math.round(230 * Math.min(1, nats / full))], 4 * i);
    });
    paperOf($("detect-map")).putImageData(image, 0, 0);
  };

  return panelOf(work, {
    show(next) {
      picture = next;
      paintPicture($("detect-picture"), picture, ink);
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.odd === odd.word));
      work.renew();
    },
    answer: () => found,
  });
}
