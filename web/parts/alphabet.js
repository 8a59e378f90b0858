/**
 * A style as a typeface: all classes of a conditional model, drawn from one latent; a line of the
 * reader's own in it, set letter by letter at the width that each has; and a pad, on which one letter
 * gives the style.
 */

import { join } from "../api/numbers.js";
import { fill, oncePerFrame } from "./dom.js";
import { createImageGrid } from "./image-grid.js";
import { decodeInk, encodeInk } from "./ink-text.js";
import { letterOf } from "./letter.js";
import { createPad } from "./pad.js";
import { paintPicture } from "./picture.js";
import { createSlider } from "./slider.js";

/** Characters in a row of the alphabet. */
const COLUMNS = 13;
/** Longest line of the reader's own. */
const LONGEST = 24;
/** What is ink, of 1; pixels between two characters, and those of a space. */
const INK = 0.35;
const GAP = 6;
const SPACE = 24;
/** Widths of the pen in pixels of the model. */
const PEN = { min: 2, max: 11, step: 0.5, value: 5 };

const markup = (name, drawn) => `
  ${drawn === null ? "" : `<figure class="alphabet own-letter">
    <figcaption>Draw ${drawn === "A" ? "an" : "a"} ${drawn} of your own, and the others follow</figcaption>
    <div class="frame">
      <canvas id="letter-pad" class="pad ink" role="img" aria-label="Pad for one letter. Draw with mouse, pen or finger."></canvas>
      <p class="invite" id="letter-invite">Draw here</p>
    </div>
    <div id="letter-pen-host"></div>
    <div class="row"><button type="button" id="letter-undo" disabled>Undo</button> <button type="button" id="letter-clear" disabled>Clear</button></div>
  </figure>`}
  <figure class="alphabet">
    <figcaption>Every ${name}, from the same numbers</figcaption>
    <div class="sheet" id="alphabet"></div>
  </figure>
  <figure class="alphabet line">
    <figcaption class="field"><label for="line-text">Type a word</label> <input id="line-text" maxlength="${LONGEST}" spellcheck="false" autocomplete="off"></figcaption>
    <canvas id="line" class="ink" role="img" aria-label="Your word in this style"></canvas>
  </figure>`;

/** The line at first: a word that typographers judge typefaces by. */
const WORD = "Handgloves";

/**
 * @param {HTMLElement} host
 * @param {import("../vaelet.js").Model} model with a condition whose classes are characters
 * @param {object} options
 * @param {URLSearchParams} options.params `word` and `letter`, what the reader has typed and drawn
 * @param {(changes: object) => void} options.setParams
 * @param {number | null} [options.drawn] the class that the reader may draw, if any
 * @param {(error: Error) => void} options.report
 */
export function createAlphabet(host, model, { params, setParams, drawn = null, report }) {
  const { input, condition } = model.info;
  const { name, classes } = condition;
  const $ = fill(host, markup(name, drawn === null ? null : classes[drawn]));
  const grid = createImageGrid($("alphabet"), model, COLUMNS, `Every ${name} in this style`);
  /** @type {Float32Array | null} */
  let z = null;
  let setting = false;
  let stale = false;
  let unmounted = false;

  const repeated = (count) => join(Array(count).fill(z));

  /** Sets the line; while it is being drawn, only the newest wish is kept. */
  const typeset = oncePerFrame(async () => {
    stale = true;
    if (setting || !z) return;
    setting = true;
    try {
      while (stale && !unmounted) {
        stale = false;
        await setLine();
      }
    } finally {
      setting = false;
    }
  });
  const setLine = async () => {
    const places = [...$("line-text").value].map((character) => classes.indexOf(character));
    const known = places.filter((place) => place >= 0);
    const length = input.width * input.height;
    const images = known.length > 0 ? await model.decode(repeated(known.length), { classes: known }) : new Float32Array(0);
    if (unmounted) return;
    let next = 0;
    const letters = places.map((place) => (place < 0 ? null : trimmed(images.subarray(next * length, (next += 1) * length), input)));
    const widths = letters.map((letter) => (letter ? letter.width : SPACE));
    const canvas = $("line");
    canvas.width = Math.max(1, widths.reduce((sum, width) => sum + width + GAP, -GAP));
    canvas.height = input.height;
    let left = 0;
    for (const [i, letter] of letters.entries()) {
      if (letter) paintPicture(canvas, letter.pixels, { input: letter, ink: true }, left);
      left += widths[i] + GAP;
    }
  };

  $("line-text").value = params.get("word") ?? WORD;
  $("line-text").addEventListener("input", () => {
    typeset();
    const word = $("line-text").value;
    setParams({ word: word === WORD ? null : word });
  });

  /** The style of what is on the pad, instead of the one that was given. */
  let own = false;
  const readLetter = drawn === null ? null : createLetter($, { model, params, setParams, drawn }, async (pixels) => {
    own = pixels !== null;
    if (!pixels) {
      if (given) show(given);
      return;
    }
    try {
      const { mean } = await model.encode(pixels, { classes: drawn });
      if (!unmounted && own) show(mean);
    } catch (error) {
      if (!unmounted) report(error);
    }
  });

  /** @type {Float32Array | null} */
  let given = null;
  const show = (latent) => {
    z = latent;
    redraw();
  };
  const redraw = () => {
    if (!z) return;
    grid.show(repeated(classes.length), classes.map((_, i) => i));
    typeset();
  };
  return {
    /** The style, unless the reader has drawn another. @param {Float32Array} latent */
    show(latent) {
      given = latent;
      if (!own) show(latent);
    },
    get idle() {
      return grid.idle && !setting && !stale;
    },
    redraw,
    unmount() {
      unmounted = true;
      readLetter?.cancel();
      typeset.cancel();
      grid.unmount();
    },
  };
}

/**
 * The pad for one letter.
 * @param {(id: string) => any} $
 * @param {{ model: import("../vaelet.js").Model, params: URLSearchParams, setParams: (changes: object) => void, drawn: number }} options
 * @param {(pixels: Float32Array | null) => void} onLetter it has changed, as the encoder sees it
 */
function createLetter($, { model, params, setParams, drawn }, onLetter) {
  /** @type {Promise<Float32Array>} */
  const average = model.decode(new Float32Array(model.latentSize), { classes: drawn });
  const read = oncePerFrame(async () => onLetter(letterOf(pad.strokes, await average, model.info.input, pen.value)));
  const pad = createPad($("letter-pad"), {
    onInk() {
      $("letter-invite").hidden = !pad.empty;
      read();
    },
    onCommit() {
      $("letter-undo").disabled = !pad.canUndo;
      $("letter-clear").disabled = pad.empty;
      setParams({ letter: encodeInk(pad.strokes) || null });
    },
  });
  const width = Number(params.get("pen")) || PEN.value;
  const pen = createSlider($("letter-pen-host"), {
    ...PEN,
    id: "letter-pen",
    label: "Width of the pen",
    value: Math.min(PEN.max, Math.max(PEN.min, width)),
    format: (value) => `${value} px`,
    onInput: read,
    onChange: (value) => setParams({ pen: value === PEN.value ? null : value }),
  });
  $("letter-undo").addEventListener("click", () => pad.undo());
  $("letter-clear").addEventListener("click", () => pad.clear());
  const strokes = decodeInk(params.get("letter"));
  if (strokes.length > 0) pad.restore({ strokes });
  return read;
}

/** The columns of a character between its first and its last ink. */
function trimmed(pixels, { width, height }) {
  const hasInk = (x) => Array.from({ length: height }, (_, y) => pixels[y * width + x]).some((value) => value > INK);
  const columns = Array.from({ length: width }, (_, x) => x).filter(hasInk);
  const [first, last] = columns.length > 0 ? [columns[0], columns.at(-1)] : [0, width - 1];
  const size = last - first + 1;
  const kept = Float32Array.from({ length: size * height }, (_, i) => pixels[Math.floor(i / size) * width + first + (i % size)]);
  return { pixels: kept, width: size, height };
}
