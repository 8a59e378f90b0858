/**
 * A model on both runtimes, as the program has them: a model of the API would go on with the CPU
 * where the GPU fails.
 */

import { Cpu } from "../api/cpu.js";
import { Gpu } from "../api/gpu.js";
import { discard, loadProgram, readModel } from "../api/program.js";

/**
 * @typedef {object} Runtime
 * @property {(images: Float32Array) => Promise<Float32Array>} encode all means, then all log-variances
 * @property {(z: Float32Array) => Promise<Float32Array>} decode
 * @property {(canvas: HTMLCanvasElement, z: Float32Array, columns: number) => Promise<boolean>} present
 * @property {(canvas: HTMLCanvasElement, image: Float32Array, epsilon: Float32Array, temperature: number) => Promise<Float32Array>} reconstruct
 *   μ, log σ², z and the image
 *
 * @param {{ spec: string, weights: Uint8Array }} files
 * @param {AbortSignal} signal
 * @returns {Promise<{ gpu: Runtime, cpu: Runtime, free: () => void }>}
 */
export async function open({ spec, weights }, signal) {
  const info = JSON.parse(spec);
  const { input, latents } = info;
  const model = await readModel(await loadProgram(info), spec, weights, signal);
  const cpu = new Cpu(model, { image: input.channels * input.height * input.width, latent: latents.reduce((sum, { size }) => sum + size, 0) });
  let gpu;
  const free = () => {
    gpu?.free();
    cpu.free();
    discard(model);
  };
  try {
    gpu = await Gpu.build(model);
    await cpu.ready();
  } catch (error) {
    free();
    throw error;
  }
  return { gpu, cpu, free };
}
