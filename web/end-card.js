/**
 * One end of a morph: a picture that is either sampled or drawn, with the
 * choice between the two. It owns the end's latent and tells when it changes.
 */

import { afterPause, fill, oncePerFrame } from "./dom.js";
import { drawnEnd, parseEnd, sampleEnd, sampleLatent } from "./ends.js";
import { createPad } from "./pad.js";
import { sizeFor } from "./picture.js";
import { newSeed } from "./route.js";
import { subjectOf } from "./subject.js";
import { normalizeDrawing } from "./vaelet.js";

const markup = (id, title, { one, drawable }) => `
  <figcaption>${title}</figcaption>
  <div class="frame" id="${id}-frame">
    <canvas id="${id}-sample" class="ink pixels" role="img" aria-label="${title}: a sampled ${one}"></canvas>
    <canvas id="${id}-pad" class="ink" role="img" aria-label="${title}: drawing pad. Draw with mouse, pen or finger." hidden></canvas>
    <p class="invite" id="${id}-invite" hidden>Draw a digit</p>
  </div>
  <div class="row">
    <div class="choice" role="radiogroup" aria-label="${title}" ${drawable ? "" : "hidden"}>
      <label><input type="radio" name="${id}-kind" id="${id}-kind-sample" value="sample">Sampled</label>
      <label><input type="radio" name="${id}-kind" id="${id}-kind-drawn" value="drawn">Drawn</label>
    </div>
    <button type="button" id="${id}-another">Another</button>
    <button type="button" id="${id}-clear" hidden>Clear</button>
  </div>
`;

/**
 * @param {HTMLElement} host
 * @param {object} options
 * @param {string} options.id prefix of the ids within
 * @param {string} options.title
 * @param {string | null} options.text the end as the hash has it
 * @param {number} options.seed of the sample that stands in for a missing end
 * @param {import("./vaelet.js").Model} options.model
 * @param {() => void} options.onChange the latent changed
 * @param {(text: string) => void} options.onCommit the end as text for the hash
 * @param {(error: Error) => void} options.report
 */
export function createEnd(host, { id, title, text, seed, model, onChange, onCommit, report }) {
  const subject = subjectOf(model.info);
  const find = fill(host, markup(id, title, subject));
  const $ = (name) => find(`${id}-${name}`);
  let end = parseEnd(text, seed);
  if (end.kind === "drawn" && !subject.drawable) end = parseEnd(null, seed);
  let sample = end.kind === "sample" ? end : parseEnd(null, seed);
  let latent = null;
  let encoding = false;
  let inkChanged = false;
  let gone = false;
  sizeFor($("sample"), model.info.input);

  const setLatent = (next) => {
    latent = next;
    onChange();
  };

  const drawSample = oncePerFrame(() => {
    if (end.kind === "sample") model.present($("sample"), latent);
  });

  const encodeDrawing = oncePerFrame(async () => {
    if (encoding || end.kind !== "drawn") return;
    const { pixels, width, height } = pad.read();
    const image = normalizeDrawing(pixels, width, height);
    if (!image) {
      setLatent(null);
      return;
    }
    encoding = true;
    inkChanged = false;
    try {
      const { mean } = await model.encode(image);
      if (!gone && end.kind === "drawn" && !pad.empty) setLatent(mean);
    } catch (error) {
      if (error.code !== "lost") report(error);
    } finally {
      encoding = false;
      if (inkChanged && !gone) encodeDrawing();
    }
  });
  const remember = afterPause(() => onCommit(end.kind === "drawn" ? drawnEnd(pad.strokes) : sampleEnd(end)), 300);

  const pad = createPad($("pad"), {
    onInk() {
      inkChanged = true;
      $("invite").hidden = end.kind !== "drawn" || !pad.empty;
      encodeDrawing();
    },
    onCommit: remember,
  });

  const show = () => {
    const drawn = end.kind === "drawn";
    $("sample").hidden = drawn;
    $("pad").hidden = !drawn;
    $("another").hidden = drawn;
    $("clear").hidden = !drawn;
    $("invite").hidden = !drawn || !pad.empty;
    $(`kind-${end.kind}`).checked = true;
    if (drawn) {
      encodeDrawing();
    } else {
      sample = end;
      setLatent(sampleLatent(model, end));
      drawSample();
    }
  };

  $("kind-sample").addEventListener("change", () => {
    end = sample;
    show();
    remember();
  });
  $("kind-drawn").addEventListener("change", () => {
    end = { kind: "drawn" };
    show();
    remember();
  });
  $("another").addEventListener("click", () => {
    end = { kind: "sample", seed: newSeed(), index: 0, temperature: end.temperature, prior: end.prior };
    show();
    remember();
  });
  $("clear").addEventListener("click", () => pad.clear());

  if (end.kind === "drawn") pad.restore({ strokes: end.strokes });
  show();
  remember.cancel();

  return {
    /** `null` while a drawn end is empty. @type {Float32Array | null} */
    get latent() {
      return latent;
    },
    unmount() {
      gone = true;
      drawSample.cancel();
      encodeDrawing.cancel();
      remember.flush();
    },
  };
}
