/**
 * A picture to start from: sampled, drawn, or the reader's own, with the choice between them. It
 * owns the picture's latent and tells when it changes.
 */

import { newSeed } from "./route.js";
import { subjectOf } from "../models/subject.js";
import { choosePicture } from "./cropper.js";
import { afterPause, fill, oncePerFrame } from "./dom.js";
import { createPad } from "./pad.js";
import { markOwn } from "./own.js";
import { sizeFor } from "./picture.js";
import { formatSource, latentOf, latentSource, mannerOf, parseSource, undrawn } from "./source.js";

const markup = (id, title, { one, drawable, own }) => `
  <figcaption>${title}</figcaption>
  <div class="frame" id="${id}-frame">
    <canvas id="${id}-picture" class="live ink pixels" role="img" aria-label="${title}: a ${one}"></canvas>
    <canvas id="${id}-pad" class="pad ink" role="img" aria-label="${title}: drawing pad. Draw with mouse, pen or finger." hidden></canvas>
    <p class="invite" id="${id}-invite" hidden>Draw a digit</p>
  </div>
  <div class="row">
    <div class="choice" role="radiogroup" aria-label="${title}" ${drawable ? "" : "hidden"}>
      <label><input type="radio" name="${id}-kind" id="${id}-kind-sample" value="sample">Made up</label>
      <label><input type="radio" name="${id}-kind" id="${id}-kind-drawn" value="drawn">Draw it</label>
    </div>
    <button type="button" id="${id}-another">New one</button>
    <button type="button" id="${id}-own" ${drawable ? "hidden" : ""}>Use a ${own}…</button>
    <button type="button" id="${id}-clear" hidden>Clear</button>
  </div>
`;

/**
 * @param {HTMLElement} host
 * @param {object} options
 * @param {string} options.id prefix of the ids within
 * @param {string} options.title
 * @param {string | null} options.text the source as the hash has it
 * @param {number} options.seed of the sample that stands in for a missing source
 * @param {import("../vaelet.js").Model} options.model
 * @param {() => void} options.onChange the latent changed
 * @param {(text: string) => void} options.onCommit the source as text for the hash
 * @param {string} options.promise what becomes of a picture of the reader's own
 * @param {(error: Error) => void} options.report
 */
export function createSourceCard(host, { id, title, text, seed, model, onChange, onCommit, promise, report }) {
  const subject = subjectOf(model.info);
  const find = fill(host, markup(id, title, subject));
  const $ = (name) => find(`${id}-${name}`);
  let source = parseSource(text, seed, model.latentSize);
  if (!subject.drawable) source = undrawn(source, seed);
  /** What "Made up" goes back to. */
  let other = undrawn(source, seed);
  let latent = null;
  let encoding = false;
  let inkChanged = false;
  let unmounted = false;
  sizeFor($("picture"), model.info.input);

  const draw = oncePerFrame(() => {
    if (source.kind !== "drawn" && latent) model.present($("picture"), latent);
  });
  const setLatent = (next) => {
    latent = next;
    draw();
    onChange();
  };

  const encodeDrawing = oncePerFrame(async () => {
    if (encoding || source.kind !== "drawn") return;
    const image = pad.read();
    if (!image) {
      setLatent(null);
      return;
    }
    encoding = true;
    inkChanged = false;
    try {
      const { mean } = await model.encode(image);
      if (!unmounted && source.kind === "drawn" && !pad.empty) setLatent(mean);
    } catch (error) {
      if (!unmounted) report(error);
    } finally {
      encoding = false;
      if (inkChanged && !unmounted) encodeDrawing();
    }
  });
  const textOf = () => formatSource(source.kind === "drawn" ? { ...source, strokes: pad.strokes } : source);
  const remember = afterPause(() => onCommit(textOf()), 300);

  const pad = createPad($("pad"), {
    onInk() {
      inkChanged = true;
      $("invite").hidden = source.kind !== "drawn" || !pad.empty;
      encodeDrawing();
    },
    onCommit: remember,
  });

  const show = () => {
    const drawn = source.kind === "drawn";
    $("picture").hidden = drawn;
    $("pad").hidden = !drawn;
    $("another").hidden = drawn;
    $("clear").hidden = !drawn;
    $("invite").hidden = !drawn || !pad.empty;
    $(`kind-${drawn ? "drawn" : "sample"}`).checked = true;
    if (source.kind === "drawn") {
      encodeDrawing();
    } else {
      other = source;
      setLatent(latentOf(model, source));
    }
  };
  const take = (next) => {
    source = next;
    show();
    remember();
  };

  $("kind-sample").addEventListener("change", () => take(other));
  $("kind-drawn").addEventListener("change", () => take({ kind: "drawn" }));
  $("another").addEventListener("click", () => {
    take({ kind: "sample", seed: newSeed(), index: 0, ...mannerOf(source) });
  });
  const takeOwn = async (file) => {
    try {
      const pixels = await choosePicture(host, { model, promise, report, file });
      const posterior = pixels && (await model.encode(pixels));
      if (!posterior || unmounted) return;
      const source = latentSource(posterior.mean);
      markOwn(formatSource(source));
      take(source);
    } catch (error) {
      if (!unmounted) report(error);
    }
  };
  $("own").addEventListener("click", () => takeOwn());
  // Without an encoder nothing is known of a picture.
  if (model.info.lacks) for (const part of host.querySelectorAll(`#${id}-own, .choice`)) part.toggleAttribute("hidden", true);
  $("clear").addEventListener("click", () => pad.clear());

  if (source.kind === "drawn") pad.restore({ strokes: source.strokes });
  show();
  remember.cancel();

  return {
    /** `null` while a drawn source is empty. @type {Float32Array | null} */
    get latent() {
      return latent;
    },
    /** The source as an address has it. */
    get text() {
      return textOf();
    },
    /** Lets the reader crop a file; nothing where pictures are drawn. @type {((file: File) => Promise<void>) | undefined} */
    takePicture: subject.drawable || model.info.lacks ? undefined : takeOwn,
    redraw() {
      draw();
      encodeDrawing();
    },
    unmount() {
      unmounted = true;
      draw.cancel();
      encodeDrawing.cancel();
      remember.flush();
    },
  };
}
