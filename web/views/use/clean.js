/** Clean: the picture with noise, and what the network makes of it, beside a median filter. */

import { afterPause } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { numberParam, wordParam } from "../../parts/route.js";
import { createSlider } from "../../parts/slider.js";
import { decibels, median, withNoise, withSpecks } from "./pictures.js";
import { createWork, fillChoice, panelOf } from "./work.js";

/** The noise of every picture; what is cleaned stays the same until the reader changes something. */
const SEED = 11;
const KINDS = { gaussian: "Gaussian", specks: "Salt and pepper" };
const MOST = 0.5;

/** @param {import("./use.js").Panel} panel */
export function createClean({ $, model, subject, node, status, params, setParams, announce }) {
  const { input } = model.info;
  const ink = { input, ink: subject.ink };
  for (const id of ["clean-before", "clean-after", "clean-median"]) sizeFor($(id), input);
  let picture = null;
  let noisy = null;
  let found = null;
  let kind = wordParam(params, "kind", Object.keys(KINDS));
  let noise = numberParam(params, "noise", 0.2, 0, MOST);

  const work = createWork(
    { node, status },
    (signal) => (kind === "specks" ? model.clean(noisy, { specks: noise, signal }) : model.clean(noisy, { noise, signal })),
    (cleaned) => {
      found = cleaned;
      paintPicture($("clean-after"), cleaned, ink);
      $("clean-after-number").textContent = decibels(cleaned, picture);
      announce(`Cleaned: ${decibels(cleaned, picture)} after, ${decibels(noisy, picture)} before.`);
    },
  );
  const renew = () => {
    if (!picture) return;
    const { width, height } = input;
    noisy = kind === "specks" ? withSpecks(picture, noise, SEED, width * height) : withNoise(picture, noise, SEED);
    const filtered = median(noisy, input);
    for (const [id, pixels] of [["clean-before", noisy], ["clean-median", filtered]]) {
      paintPicture($(id), pixels, ink);
      $(`${id}-number`).textContent = decibels(pixels, picture);
    }
    work.renew();
  };
  const soon = afterPause(renew, 60);

  fillChoice($("clean-kind"), "clean-kind", KINDS, kind, (word) => {
    kind = word;
    setParams({ kind: kind === "gaussian" ? null : kind });
    renew();
  });
  createSlider($("clean-noise-host"), {
    id: "clean-noise",
    label: "Noise",
    min: 0,
    max: MOST,
    step: 0.02,
    value: noise,
    format: (value) => (kind === "specks" ? `${Math.round(100 * value)} % of pixels` : `σ = ${value.toFixed(2)}`),
    onInput: (value) => {
      noise = value;
      setParams({ noise: value === 0.2 ? null : value });
      soon();
    },
  });

  return panelOf(work, {
    show(next) {
      picture = next;
      renew();
    },
    answer: () => found,
    waits: [soon],
  });
}
