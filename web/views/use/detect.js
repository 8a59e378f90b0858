/** Detect: how strange the picture is, among the model's own test images, and where. */

import { element, formatNumber, paperOf } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { ODD } from "./pictures.js";
import { createWork, panelOf } from "./work.js";

/** From this percentile on a picture counts as strange, and from this one a place of it. */
const STRANGE = 99;
const STRANGE_PLACE = 95;
/** Nats from which on a pixel is marked in full, or this part of the most. */
const FULL = 20;
const PART = 0.5;

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
    const { score, percentile, placePercentile, negLogLikelihood, map } = answer;
    $("detect-score").textContent = formatNumber(score, 1);
    $("detect-nats").textContent = `${formatNumber(negLogLikelihood, 0)} nats`;
    for (const [name, share] of Object.entries({ whole: percentile, place: placePercentile })) {
      $(`detect-${name}`).textContent = `${share.toFixed(share > 98 && share < 100 ? 1 : 0)} % of test images`;
      $(`detect-${name}-mark`).style.setProperty("--at", String(share / 100));
    }
    const strange = percentile >= STRANGE;
    const damaged = placePercentile >= STRANGE_PLACE;
    const whole = strange ? "As a whole it is strange: hardly one of the network’s own test images is as far from the others." : `As a whole it is usual: ${Math.max(1, Math.round(100 - percentile))} of 100 of the network’s own test images are as far from the others, or farther.`;
    const stranger = `${placePercentile < 99.5 ? Math.round(100 - placePercentile) : "none"} of 100 have a stranger one`;
    const place = damaged ? `One place is strange, and marked: ${stranger}.` : `No place is strange: ${stranger}.`;
    const verdict = `${whole} ${place}`;
    $("detect-verdict").textContent = verdict;
    node.dataset.strange = String(strange);
    node.dataset.damaged = String(damaged);
    paintHeat(map);
    announce(verdict);
  });

  /** Where it is strange, in the colour of the accent. @param {Float32Array} map */
  const paintHeat = (map) => {
    const image = new ImageData(input.width, input.height);
    const full = Math.max(FULL, PART * map.reduce((most, nats) => Math.max(most, nats), 0));
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
