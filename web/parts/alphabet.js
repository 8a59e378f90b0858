/**
 * A style as a typeface: all classes of a conditional model, drawn from one latent, and a line of the
 * reader's own in it, set letter by letter at the width that each has.
 */

import { join } from "../api/numbers.js";
import { fill, oncePerFrame } from "./dom.js";
import { createImageGrid } from "./image-grid.js";
import { paintPicture } from "./picture.js";

/** Characters in a row of the alphabet. */
const COLUMNS = 13;
/** Longest line of the reader's own. */
const LONGEST = 24;
/** What is ink, of 1; pixels between two characters, and those of a space. */
const INK = 0.35;
const GAP = 6;
const SPACE = 24;

const markup = (name) => `
  <figure class="alphabet">
    <figcaption>Every ${name}, from the same numbers</figcaption>
    <div class="sheet" id="alphabet"></div>
  </figure>
  <figure class="alphabet line">
    <figcaption class="field"><label for="line-text">Type a word</label> <input id="line-text" maxlength="${LONGEST}" spellcheck="false" autocomplete="off"></figcaption>
    <canvas id="line" class="ink" role="img" aria-label="Your word in this style"></canvas>
  </figure>`;

/**
 * @param {HTMLElement} host
 * @param {import("../vaelet.js").Model} model with a condition whose classes are characters
 * @param {string} text the line at first
 * @param {(text: string) => void} onText the reader has typed another
 */
export function createAlphabet(host, model, text, onText) {
  const { input, condition } = model.info;
  const { name, classes } = condition;
  const $ = fill(host, markup(name));
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

  $("line-text").value = text;
  $("line-text").addEventListener("input", () => {
    typeset();
    onText($("line-text").value);
  });

  const redraw = () => {
    if (!z) return;
    grid.show(repeated(classes.length), classes.map((_, i) => i));
    typeset();
  };
  return {
    /** @param {Float32Array} latent */
    show(latent) {
      z = latent;
      redraw();
    },
    get idle() {
      return grid.idle && !setting && !stale;
    },
    redraw,
    unmount() {
      unmounted = true;
      typeset.cancel();
      grid.unmount();
    },
  };
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
