/** The file that says how a model was at several moments of its training, which the trainer writes with `--snapshots`. */

import { VaeletError } from "../../api/errors.js";
import { subjectOf } from "../../models/subject.js";

/** In the model's folder. */
export const FILE = "snapshots.json";

/**
 * @typedef {object} Moment
 * @property {string} folder of the network as it was, relative to the model's
 * @property {number} passes over the training images until then
 * @property {number} reconstruction in nats per test image
 * @property {number} kl likewise
 * @property {number[]} means two numbers for each of the listed test images
 *
 * @typedef {{ images: number, labels: number[], snapshots: Moment[] }} Snapshots `images` in a pass, and the class of each listed test image
 */

/** The model whose training can be shown beside this one: its own, or that of another for the same kind of picture. @param {import("../../models/library.js").Entry[]} models @param {import("../../models/library.js").Entry} own */
export function recordedIn(models, own) {
  const { one } = subjectOf(own);
  const isLike = (/** @type {import("../../models/library.js").Entry} */ entry) =>
    entry.latents === 2 && Object.hasOwn(entry.files ?? {}, FILE) && subjectOf(entry).one === one && ["channels", "height", "width"].every((side) => entry.input[side] === own.input[side]);
  return [own, ...models].find(isLike);
}

/** Places from a flat list. @param {number[]} means @returns {[number, number][]} */
export function pairs(means) {
  return Array.from({ length: means.length / 2 }, (_, i) => [means[2 * i], means[2 * i + 1]]);
}

/** Takes what the file says, or refuses it. @param {any} file @returns {Snapshots} @throws {VaeletError} */
export function readSnapshots(file) {
  const { images, labels, snapshots } = Object(file);
  const areNumbers = (values) => Array.isArray(values) && values.every(Number.isFinite);
  const isMoment = (moment) => {
    const { folder, passes, reconstruction, kl, means } = Object(moment);
    return /^snapshots\/\d[\d.]*$/.test(folder) && areNumbers([passes, reconstruction, kl]) && areNumbers(means) && means.length === 2 * labels.length;
  };
  if (!(images > 0) || !areNumbers(labels) || !Array.isArray(snapshots) || snapshots.length < 2 || !snapshots.every(isMoment)) {
    throw new VaeletError("bad-model", `${FILE} does not list snapshots of a model with two latents. Train with --snapshots again.`);
  }
  return { images, labels, snapshots };
}
