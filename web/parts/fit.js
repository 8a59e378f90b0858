/**
 * A face finds its place under the frame: the detector says about where it is (`face.js`), and then the placement is moved,
 * coarse to fine, to where the model redraws it with the least error. The error alone does not find a face: a plain wall is
 * redrawn with less. What it says of a placement is put in words before a photo is used.
 */

import { join } from "../api/numbers.js";
import { crop } from "./crop.js";
import { paperOf } from "./dom.js";
import { findFaces } from "./face.js";
import { pixelsOf } from "./picture.js";

/**
 * The frame of aligned portraits, in sides of the detector's window: how far its middle lies above the window's, and its
 * width. Medians over training portraits, set on grey.
 */
const ABOVE = 0.155;
const ACROSS = 1.526;
/** First steps: of the frame's width, in powers of 2, in radians; each is halved until a step is `FINEST` of the width. */
const STEPS = { move: 0.06, zoom: 0.08, tilt: 0.1 };
const FINEST = 0.01;
/** How far the search may go from where the detector points, in steps. */
const FARTHEST = 3;
/** Rounds of the search. */
const ROUNDS = 10;
/** How many times the error of pictures that a model knows counts as fitting, and as roughly fitting. */
const WELL = 2;
const ROUGHLY = 4.5;
/** Beyond so much of a found face's zoom, tilt and place a photo lies wrong: powers of 2, radians, parts of the width. */
const ASTRAY = { zoom: 0.4, tilt: 0.2, move: 0.15 };

/**
 * @typedef {import("./crop.js").Picture} Picture
 * @typedef {import("./crop.js").Placement} Placement
 */

/** Mean squared difference of pixels. @param {Float32Array} a @param {Float32Array} b @param {number} [offset] where `b`'s picture begins */
export function errorOf(a, b, offset = 0) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] - b[offset + i]) ** 2;
  return sum / a.length;
}

/** The placements one step away. @param {Placement} placement @param {number} width of the frame, in pixels of the photo @param {number} scale of the steps */
export function neighboursOf(placement, width, scale) {
  const { move, zoom, tilt } = STEPS;
  return [-scale, scale].flatMap((step) => [
    { ...placement, x: placement.x + step * move * width },
    { ...placement, y: placement.y + step * move * width },
    { ...placement, zoom: placement.zoom + step * zoom },
    { ...placement, tilt: placement.tilt + step * tilt },
  ]);
}

/**
 * @param {Picture} picture
 * @param {import("../vaelet.js").Model} model of faces
 * @param {() => boolean} isWanted the search ends early where it is not
 * @returns {Promise<{ placement: Placement, across: number } | null>} with the pixels of the photo that the frame is wide; `null` where no face was found
 */
export async function fitFace(picture, model, isWanted) {
  const [face] = await findFaces(picture, isWanted);
  if (!face || !isWanted()) return null;
  const { input } = model.info;
  const aspect = input.height / input.width;
  const widthAt = (zoom) => Math.min(picture.width, picture.height / aspect) / 2 ** zoom;
  const start = { x: face.x, y: face.y - ABOVE * face.side, zoom: Math.log2(widthAt(0) / (ACROSS * face.side)), tilt: 0 };
  /** @param {Placement[]} placements */
  const errors = async (placements) => {
    const seen = placements.map((placement) => pixelsOf(paperOf(crop(picture, placement, input)), input));
    const { mean } = await model.encode(/** @type {Float32Array} */ (join(seen)));
    const back = await model.decode(mean);
    return seen.map((pixels, i) => errorOf(pixels, back, i * pixels.length));
  };
  const { move, zoom, tilt } = STEPS;
  const isNear = (next) =>
    Math.hypot(next.x - start.x, next.y - start.y) <= FARTHEST * move * widthAt(start.zoom) &&
    Math.abs(next.zoom - start.zoom) <= FARTHEST * zoom &&
    Math.abs(next.tilt - start.tilt) <= FARTHEST * tilt;
  let best = start;
  let [least] = await errors([start]);
  let scale = 1;
  for (let round = 0; round < ROUNDS && scale * move > FINEST && isWanted(); round += 1) {
    const next = neighboursOf(best, widthAt(best.zoom), scale).filter(isNear);
    const found = await errors(next);
    const i = found.indexOf(Math.min(...found));
    if (found[i] < least) [best, least] = [next[i], found[i]];
    else scale /= 2;
  }
  return { placement: best, across: widthAt(best.zoom) };
}

/**
 * What a reader should know before the photo is used.
 * @param {number} error mean squared, of what is in the frame
 * @param {import("../vaelet.js").ModelInfo} info
 * @param {{ placement: Placement, found: { placement: Placement, across: number } | null | undefined, width: number }} where the
 *   placement now; what was found, `null` where nothing was, `undefined` where it was not looked for; the frame's width in pixels of the photo
 * @returns {string} nothing where nothing is known
 */
export function verdictOf(error, { likelihood, input, subject, training }, { placement, found, width }) {
  const many = subject?.many ?? "pictures";
  const { data } = /** @type {{ data?: string }} */ (Object(training));
  const known = likelihood.kind === "gaussian" && likelihood.sigma > 0 ? error / likelihood.sigma ** 2 : NaN;
  const what = found === null ? ["No face was found: move the photo by hand, or take one from the front, in even light."] : [];
  if (found) {
    const { x, y, zoom, tilt } = found.placement;
    if (zoom - placement.zoom > ASTRAY.zoom) what.push("Too far away: zoom in.");
    else if (placement.zoom - zoom > ASTRAY.zoom) what.push("Too close: zoom out.");
    if (Math.abs(placement.tilt - tilt) > ASTRAY.tilt) what.push("Tilted: rotate it until the eyes are level.");
    if (Math.hypot(placement.x - x, placement.y - y) > ASTRAY.move * width) what.push("Off the centre: move the face to the middle.");
    if (found.across < input.width) what.push("Too far away: the face is too small in this photo to be seen well. Take one from closer.");
  }
  if (!Number.isFinite(known)) return what.join(" ");
  const times = `The error is ${known < 1 ? "below" : `${known.toFixed(1)} times`} that of ${many} the network knows.`;
  if (known <= WELL) what.push(`Fits well. ${times}`);
  else if (known <= ROUGHLY) what.push(`Fits roughly: expect a likeness, not a copy. ${times}`);
  else what.push(`Fits badly: expect little likeness. ${times}${data ? ` It knows only what it was trained on: ${data}.` : ""}`);
  return what.join(" ");
}
