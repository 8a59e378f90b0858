/** Fill in: a brush hides a part of the picture, and the network completes it, several times. */

import { element, oncePerFrame, paperOf, rove } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { onePointer } from "../../parts/pointer.js";
import { newSeed, seedParam } from "../../parts/route.js";
import { createSlider } from "../../parts/slider.js";
import { createWork, panelOf } from "./work.js";

/** Squares along each side of the picture, of which each is hidden or seen: an address has room for them. */
const SIDE = 16;
/** Radius of the brush, in squares. */
const BRUSH = 1.6;
const COUNT = 4;
/** Parts that buttons hide. @type {Record<string, { name: string, hides: (x: number, y: number) => boolean }>} */
const PARTS = {
  lower: { name: "Lower half", hides: (_, y) => y >= SIDE / 2 },
  left: { name: "Left half", hides: (x) => x < SIDE / 2 },
  middle: { name: "Middle", hides: (x, y) => x >= 5 && x < 11 && y >= 5 && y < 11 },
  nothing: { name: "Nothing", hides: () => false },
};
const FIRST = "lower";

const squaresOf = ({ hides }) => Array.from({ length: SIDE * SIDE }, (_, i) => hides(i % SIDE, Math.floor(i / SIDE)));

/** The squares as an address has them, four to a digit. @param {boolean[]} hidden */
function format(hidden) {
  const known = Object.entries(PARTS).find(([, part]) => squaresOf(part).every((value, i) => value === hidden[i]));
  if (known) return known[0];
  return Array.from({ length: hidden.length / 4 }, (_, i) => hidden.slice(4 * i, 4 * i + 4).reduce((sum, value, bit) => sum + (value ? 2 ** bit : 0), 0).toString(16)).join("");
}

/** @param {string | null} text @returns {boolean[]} */
function parse(text) {
  if (text && new RegExp(`^[0-9a-f]{${SIDE ** 2 / 4}}$`).test(text)) return [...text].flatMap((digit) => [1, 2, 4, 8].map((bit) => (parseInt(digit, 16) & bit) > 0));
  return squaresOf(PARTS[text] ?? PARTS[FIRST]);
}

/** @param {import("./use.js").Panel} panel */
export function createFill({ $, model, subject, node, status, params, setParams, announce }) {
  const { input } = model.info;
  const { width, height } = input;
  const ink = { input, ink: subject.ink };
  for (const id of ["fill-given", "fill-chosen"]) sizeFor($(id), input);
  Object.assign($("fill-pad"), { width: SIDE, height: SIDE });
  let hidden = parse(params.get("hidden"));
  let seed = seedParam(params, "fill", 1);
  let picture = null;
  /** @type {import("../../vaelet.js").Explanations | null} */
  let found = null;
  let place = 0;

  const maskOf = () => Uint8Array.from({ length: width * height }, (_, i) => (hidden[Math.floor((Math.floor(i / width) * SIDE) / height) * SIDE + Math.floor(((i % width) * SIDE) / width)] ? 0 : 1));
  const paintMask = oncePerFrame(() => {
    const image = new ImageData(SIDE, SIDE);
    hidden.forEach((is, i) => image.data.set([128, 124, 118, is ? 255 : 0], 4 * i));
    paperOf($("fill-pad")).putImageData(image, 0, 0);
  });

  const work = createWork({ node, status }, (signal) => model.complete(picture, maskOf(), { count: COUNT, seed, signal }), (answer) => {
    found = answer;
    paintStrip();
    showPlace();
    announce(`Completed in ${COUNT} ways.`);
  });
  const each = (i) => found.images.subarray(i * picture.length, (i + 1) * picture.length);
  const strip = element("canvas", { className: "ink pixels" });
  sizeFor(strip, input, COUNT);
  $("fill-strip").append(strip);
  $("fill-strip").className = "image-grid";
  const paintStrip = () => {
    for (let i = 0; i < COUNT; i += 1) paintPicture(strip, each(i), ink, i * width);
  };
  /** The completion at the slider's place: one of them, or on the way to the next. */
  const showPlace = oncePerFrame(async () => {
    if (!found) return;
    const answer = found;
    const [from, part] = [Math.floor(place), place % 1];
    $("fill-caption").textContent = place === 0 ? "Most likely" : part === 0 ? `Completion ${from + 1}` : `From ${from + 1} to ${from + 2}`;
    picks.forEach((pick, i) => pick.setAttribute("aria-pressed", String(i === place)));
    if (part === 0) {
      paintPicture($("fill-chosen"), each(from), ink);
      return;
    }
    const size = model.latentSize;
    const z = model.interpolate(answer.z.subarray(from * size, (from + 1) * size), answer.z.subarray((from + 1) * size, (from + 2) * size), part);
    const [pixels, mask] = [await model.decode(z), maskOf()];
    if (answer !== found || model.state === "freed") return;
    paintPicture($("fill-chosen"), pixels.map((value, i) => (mask[i % mask.length] ? picture[i] : value)), ink);
  });

  const renew = () => {
    paintMask();
    if (picture) work.renew();
  };
  const hide = (next) => {
    hidden = next;
    setParams({ hidden: format(hidden) === FIRST ? null : format(hidden) });
    renew();
  };
  $("fill-hide").append(...Object.entries(PARTS).map(([part, { name }]) => {
    const button = element("button", { type: "button", textContent: name, onclick: () => hide(squaresOf(PARTS[part])) });
    button.dataset.part = part;
    return button;
  }));

  let erases = false;
  const brush = ({ clientX, clientY }, begins) => {
    const box = $("fill-pad").getBoundingClientRect();
    const [x, y] = [((clientX - box.left) / box.width) * SIDE, ((clientY - box.top) / box.height) * SIDE];
    // A stroke that begins on what is hidden brings it back.
    if (begins) erases = hidden[Math.min(SIDE - 1, Math.max(0, Math.floor(y))) * SIDE + Math.min(SIDE - 1, Math.max(0, Math.floor(x)))];
    hidden = hidden.map((is, i) => (Math.hypot((i % SIDE) + 0.5 - x, Math.floor(i / SIDE) + 0.5 - y) <= BRUSH ? !erases : is));
    paintMask();
  };
  onePointer($("fill-pad"), {
    start: (event) => brush(event, true),
    move: (event) => brush(event, false),
    end: () => hide(hidden),
  });

  const slider = createSlider($("fill-path-host"), {
    id: "fill-path",
    label: "From one to the next",
    min: 0,
    max: COUNT - 1,
    step: 0.05,
    value: 0,
    format: (value) => `${(value + 1).toFixed(1)}`,
    onInput: (value) => {
      place = value;
      showPlace();
    },
  });
  const picks = Array.from({ length: COUNT }, (_, i) => {
    const pick = element("button", {
      type: "button",
      onclick: () => {
        slider.value = place = i;
        showPlace();
      },
    });
    pick.setAttribute("aria-label", i === 0 ? "The most likely completion" : `Completion ${i + 1}`);
    return pick;
  });
  $("fill-picks").append(...picks);
  $("fill-picks").style.setProperty("--columns", String(COUNT));
  rove($("fill-picks"), picks, () => COUNT);
  $("fill-another").addEventListener("click", () => {
    seed = newSeed();
    setParams({ fill: seed });
    work.renew();
  });

  return panelOf(work, {
    show(next) {
      picture = next;
      paintPicture($("fill-given"), picture, ink);
      renew();
    },
    answer: () => found,
    waits: [paintMask, showPlace],
  });
}
