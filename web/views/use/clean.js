/** Clean: the picture with noise, and what the network makes of it, beside a median filter. */

import { afterPause } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { numberParam, wordParam } from "../../parts/route.js";
import { createSlider } from "../../parts/slider.js";
import { decibels, median, savedAsJpeg, withNoise, withSpecks } from "./pictures.js";
import { createWork, fillChoice, panelOf } from "./work.js";

/** The noise of every picture; what is cleaned stays the same until the reader changes something. */
const SEED = 11;
const MOST = 0.5;
/** The quality of a JPEG file that stands for so much noise. */
const qualityOf = (noise) => Math.max(1, Math.round(50 - 100 * noise));
/** Kinds of noise: what the slider says, what becomes of a picture, and what `clean` is told of it. */
const KINDS = {
  gaussian: {
    name: "Gaussian",
    format: (noise) => `σ = ${noise.toFixed(2)}`,
    spoil: (picture, noise) => withNoise(picture, noise, SEED),
    known: (noise) => ({ noise }),
  },
  specks: {
    name: "Salt and pepper",
    format: (noise) => `${Math.round(100 * noise)} % of pixels`,
    spoil: (picture, noise, { width, height }) => withSpecks(picture, noise, SEED, width * height),
    known: (noise) => ({ specks: noise }),
  },
  jpeg: {
    name: "JPEG",
    format: (noise) => `quality ${qualityOf(noise)} of 100`,
    spoil: (picture, noise, input) => savedAsJpeg(picture, input, qualityOf(noise)),
    known: (noise) => ({ jpeg: qualityOf(noise) }),
  },
};

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
    async (signal) => {
      const { spoil, known } = KINDS[kind];
      const options = { ...known(noise), signal };
      const spoilt = await spoil(picture, noise, input);
      signal.throwIfAborted();
      noisy = spoilt;
      for (const [id, pixels] of [["clean-before", noisy], ["clean-median", median(noisy, input)]]) {
        paintPicture($(id), pixels, ink);
        $(`${id}-number`).textContent = decibels(pixels, picture);
      }
      return model.clean(noisy, options);
    },
    (cleaned) => {
      found = cleaned;
      paintPicture($("clean-after"), cleaned, ink);
      $("clean-after-number").textContent = decibels(cleaned, picture);
      announce(`Cleaned: ${decibels(cleaned, picture)} after, ${decibels(noisy, picture)} before.`);
    },
  );
  const renew = () => picture && work.renew();
  const soon = afterPause(renew, 60);

  fillChoice($("clean-kind"), "clean-kind", Object.fromEntries(Object.entries(KINDS).map(([word, { name }]) => [word, name])), kind, (word) => {
    kind = word;
    setParams({ kind: kind === "gaussian" ? null : kind });
    slider.value = noise; // in the words of this kind
    renew();
  });
  const slider = createSlider($("clean-noise-host"), {
    id: "clean-noise",
    label: "Noise",
    min: 0,
    max: MOST,
    step: 0.02,
    value: noise,
    format: (value) => KINDS[kind].format(value),
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
