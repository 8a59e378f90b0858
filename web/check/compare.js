/** How far the two runtimes of a model are apart, and how long each takes. */

import { largestDifference, noise } from "./numbers.js";
import { open } from "./runtimes.js";

/** What GPU and CPU may differ by: sums are added up in another order. As in crates/gpu. */
export const TOLERANCE = 2e-3;
/** Side of the picture that is drawn. */
const SIDE = 64;
/** A measurement lasts so many milliseconds, or so many ticks of the clock, whichever is longer. */
const LONG_ENOUGH = 40;
const TICKS = 40;

/**
 * @typedef {object} Found
 * @property {number} largest
 * @property {number} gpu milliseconds of decoding one latent
 * @property {number} cpu
 */

/**
 * @param {{ spec: string, weights: Uint8Array }} files
 * @param {{ batches: number[], pictures: boolean }} how what is encoded is noise, or with `pictures` what the decoder makes
 *   of it: a trained encoder exaggerates differences on what is no picture
 * @param {AbortSignal} signal
 * @returns {Promise<Found>}
 */
export async function compare(files, { batches, pictures }, signal) {
  const { input, latents } = JSON.parse(files.spec);
  const sizes = { image: input.channels * input.height * input.width, latent: latents.reduce((sum, { size }) => sum + size, 0) };
  const { gpu, cpu, free } = await open(files, signal);
  try {
    let largest = 0;
    for (const batch of batches) {
      signal.throwIfAborted();
      largest = Math.max(largest, await differences(gpu, cpu, sizes, batch, pictures));
    }
    largest = Math.max(largest, await reconstruction(gpu, cpu, sizes, pictures));
    signal.throwIfAborted();
    const z = noise(2, sizes.latent);
    return { largest, gpu: await milliseconds(gpu, z), cpu: await milliseconds(cpu, z) };
  } finally {
    free();
  }
}

/** Encodes and decodes a batch. */
async function differences(gpu, cpu, { image, latent }, batch, pictures) {
  const z = noise(2, batch * latent);
  const decoded = await cpu.decode(z);
  const images = pictures ? decoded : noise(1, batch * image);
  return Math.max(
    largestDifference(await gpu.decode(z), decoded),
    largestDifference(await gpu.encode(images), await cpu.encode(images)),
  );
}

/** Encodes an image, samples, decodes and draws: the numbers and the picture. */
async function reconstruction(gpu, cpu, { image, latent }, pictures) {
  const questions = [pictures ? await cpu.decode(noise(2, latent)) : noise(1, image), noise(3, latent), 0.5];
  const canvases = [0, 1].map(() => Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE }));
  const found = await gpu.reconstruct(canvases[0], ...questions);
  const expected = await cpu.reconstruct(canvases[1], ...questions);
  const largest = largestDifference(found, expected);
  // The canvas of a GPU can be read in the task that has drawn it, and no later.
  const z = expected.slice(2 * latent, 3 * latent);
  gpu.present(canvases[0], z, 1);
  const [drawn, painted] = canvases.map(bytesOf);
  const off = drawn.reduce((most, byte, i) => Math.max(most, Math.abs(byte - painted[i])), 0);
  return Math.max(largest, off > 2 ? off / 255 : 0);
}

function bytesOf(canvas) {
  const copy = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return context.getImageData(0, 0, SIDE, SIDE).data;
}

/** Decodes twice as often until it lasts long enough for the browser's clock. */
async function milliseconds(runtime, z) {
  const enough = Math.max(LONG_ENOUGH, TICKS * tick());
  for (let count = 1; ; count *= 2) {
    const start = performance.now();
    await Promise.all(Array.from({ length: count }, () => runtime.decode(z)));
    const time = performance.now() - start;
    if (time >= enough) return time / count;
  }
}

let resolution = 0;

/** The shortest time, in milliseconds, that the browser's clock tells from none. */
export function tick() {
  if (resolution) return resolution;
  const start = performance.now();
  let now = start;
  while (now === start) now = performance.now();
  resolution = now - start;
  return resolution;
}
