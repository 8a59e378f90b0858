/**
 * The picture that goes into the machine: drawn by the reader where the model knows digits,
 * otherwise one of the model's examples, a sample, or a picture of the reader's own.
 */

import { join } from "../../api/numbers.js";
import { choosePicture } from "../../parts/cropper.js";
import { element, fill, rove } from "../../parts/dom.js";
import { createDrawing } from "../../parts/drawing.js";
import { spread } from "../../parts/examples.js";
import { markOwn } from "../../parts/own.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { formatSource, latentOf, latentSource, parseSource } from "../../parts/source.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { newSeed } from "../../parts/route.js";
import { subjectOf } from "../../models/subject.js";
import { createTask } from "../../parts/task.js";

/** What is on the pad when nothing else was asked for. */
const FIRST_EXAMPLE = "2";
/** A digit that is neither a 4 nor a 9, as strokes. */
const BETWEEN = [[[0.36, 0.22], [0.31, 0.36], [0.36, 0.5], [0.5, 0.53], [0.64, 0.5]], [[0.4, 0.19], [0.53, 0.17], [0.63, 0.22], [0.64, 0.5], [0.6, 0.84]]];
/** Examples to choose from, and how many stand in a row. */
const CHOICES = 8;
const COLUMNS = 4;
/** Of the sample that stands in where there are no examples. */
const SEED = 7;

/**
 * @param {HTMLElement} host
 * @param {object} context of the view
 * @param {() => void} onChange there is another picture
 * @returns {{ pixels: Float32Array | null, busy: boolean, redraw: () => void, surprise: () => void, unmount: () => void, pad?: object, takePicture?: (file: File) => void }}
 *   `pixels` are null where nothing is drawn, or nothing there yet
 */
export function createInput(host, context, onChange) {
  return (subjectOf(context.model.info).drawable ? createDrawnInput : createChosenInput)(host, context, onChange);
}

const drawnMarkup = ({ width, height }) => `
  <div class="frame input-large">
    <canvas id="pad" class="pad ink" role="img" aria-label="Drawing pad. Draw with mouse, pen or finger, or choose one of the digits below."></canvas>
    <p class="invite" id="invite">Draw a digit here</p>
  </div>
  <div class="input-tools">
    <figure>
      <figcaption>What the network sees</figcaption>
      <div class="frame seen-frame"><canvas id="seen" class="ink pixels" role="img" aria-label="Your drawing as ${width} by ${height} pixels, cropped and centred"></canvas></div>
    </figure>
    <div class="row">
      <button type="button" id="undo">Undo</button>
      <button type="button" id="clear">Clear</button>
    </div>
  </div>
  <fieldset class="examples">
    <legend>Or use an example</legend>
    <div class="row" id="examples"></div>
  </fieldset>
`;

function createDrawnInput(host, { model, params, setParams }, onChange) {
  const { info } = model;
  const $ = fill(host, drawnMarkup(info.input));
  let pixels = null;
  let inkChanged = false;
  sizeFor($("seen"), info.input);

  const paintSeen = () => paintPicture($("seen"), pixels ?? new Float32Array(info.input.width * info.input.height), { ...info, ink: true });
  const drawing = createDrawing($, {
    model,
    params,
    setParams,
    first: FIRST_EXAMPLE,
    onInk() {
      inkChanged = true;
      onChange();
    },
  });
  drawing.start();

  return {
    /** Read off the pad when somebody asks, however often it changed before. */
    get pixels() {
      if (!inkChanged) return pixels;
      inkChanged = false;
      pixels = drawing.read();
      paintSeen();
      return pixels;
    },
    pad: drawing.pad,
    /** Something that is neither of two digits. */
    surprise: () => drawing.pad.show({ strokes: BETWEEN.map((points) => [...points]) }),
    get busy() {
      return !drawing.started;
    },
    redraw: paintSeen,
    unmount: drawing.unmount,
  };
}

const chosenMarkup = ({ one, many, own }) => `
  <div class="frame input-large"><canvas id="picked" class="ink pixels" role="img" aria-label="The ${one} that goes in"></canvas></div>
  <div class="input-tools">
    <div class="sheet" id="choices-sheet">
      <div id="choices"></div>
      <div class="picks" id="picks" role="group" aria-label="Take one of these ${many}"></div>
    </div>
    <div class="row">
      <button type="button" id="another">New example</button>
      <button type="button" id="own">Use a ${own}…</button>
    </div>
  </div>
  <p class="note input-origin" id="origin"></p>
`;

function createChosenInput(host, { model, params, setParams, atlas, promise, report }, onChange) {
  const { info, latentSize } = model;
  const subject = subjectOf(info);
  const $ = fill(host, chosenMarkup(subject));
  const choices = createImageGrid($("choices"), model, COLUMNS, `Examples of ${subject.many}`);
  /** @type {{ text: string, z: Float32Array, credit?: string }[]} */
  const examples = spread(atlas.examples, CHOICES).map(({ z, credit }) => {
    const latent = Float32Array.from(z);
    return { text: formatSource(latentSource(latent)), z: latent, credit };
  });
  let source = null;
  /** The reader's own picture; only its latent is ever in a link. */
  let own = null;
  let pixels = null;
  let unmounted = false;
  sizeFor($("picked"), info.input);

  const show = createTask(
    () => own ?? model.decode(latentOf(model, source)),
    (picture) => {
      pixels = picture;
      paintPicture($("picked"), pixels, { ...info, ink: false });
      onChange();
    },
    { report },
  );

  const standIn = () => (examples[0] ? latentSource(examples[0].z) : parseSource(null, SEED, latentSize));
  const take = (next, picture = null) => {
    source = next;
    own = picture;
    const text = formatSource(source);
    examples.forEach((example, i) => $("picks").children[i].setAttribute("aria-pressed", !own && example.text === text));
    $("origin").textContent = originOf(source, examples.find((example) => !own && example.text === text));
    setParams({ face: text === formatSource(standIn()) ? null : text });
    show();
  };
  const originOf = ({ kind, seed }, example) => {
    if (own) return promise;
    if (example) return `A picture that the model was tested on, as it redraws it${example.credit ? ` (${example.credit})` : ""}; shown here instead of the original ${subject.own}.`;
    return kind === "sample" ? `A sample, from seed ${seed}: this ${subject.one} never existed.` : "Decoded from the latent in the link.";
  };

  $("another").addEventListener("click", () => take(parseSource(`sample-${newSeed()}-0-1`, SEED, latentSize)));
  const takeOwn = async (file) => {
    try {
      const picture = await choosePicture(host, { model, promise, report, file });
      const posterior = picture && (await model.encode(picture));
      if (!posterior || unmounted) return;
      const source = latentSource(posterior.mean);
      markOwn(formatSource(source));
      take(source, picture);
    } catch (error) {
      if (!unmounted) report(error);
    }
  };
  $("own").addEventListener("click", () => takeOwn());

  $("choices-sheet").hidden = examples.length === 0;
  $("choices-sheet").style.setProperty("--columns", COLUMNS);
  choices.show(join(examples.map(({ z }) => z)));
  const picks = examples.map(({ z }, i) => {
    const pick = element("button", { type: "button", onclick: () => take(latentSource(z)) });
    pick.setAttribute("aria-label", `${subject.one} ${i + 1}`);
    return pick;
  });
  $("picks").append(...picks);
  rove($("picks"), picks, () => COLUMNS);
  const linked = parseSource(params.get("face"), SEED, latentSize);
  take(params.has("face") && linked.kind !== "drawn" ? linked : standIn());

  return {
    takePicture: takeOwn,
    surprise: () => $("another").click(),
    get pixels() {
      return pixels;
    },
    get busy() {
      return show.busy || !choices.idle;
    },
    redraw() {
      choices.redraw();
      show();
    },
    unmount() {
      unmounted = true;
      show.cancel();
      choices.unmount();
    },
  };
}
