/**
 * A model on both runtimes, as the program has them: a model of the API would go on with the CPU
 * where the GPU fails.
 */

import { createRuntime, loadRuntime } from "../api/program.js";

/**
 * @typedef {object} Runtime
 * @property {(images: Float32Array) => Promise<Float32Array>} encode all means, then all log-variances
 * @property {(z: Float32Array) => Promise<Float32Array>} decode
 * @property {(canvas: HTMLCanvasElement, z: Float32Array, columns: number) => unknown} present
 * @property {(canvas: HTMLCanvasElement, image: Float32Array, epsilon: Float32Array, temperature: number) => Promise<Float32Array>} reconstruct
 *   μ, log σ², z and the image
 *
 * @param {{ spec: string, weights: Uint8Array }} files
 * @returns {Promise<{ gpu: Runtime, cpu: Runtime, free: () => void }>}
 */
export async function open({ spec, weights }) {
  await loadRuntime();
  const inner = [];
  const free = () => inner.forEach((runtime) => runtime.free());
  try {
    for (const backend of ["webgpu", "cpu"]) inner.push(await createRuntime(spec, weights, backend));
  } catch (error) {
    free();
    throw error;
  }
  const [gpu, cpu] = inner.map((runtime) => ({
    encode: async (images) => join(Object.values(await runtime.encode(images))),
    decode: async (z) => runtime.decode(z),
    present: (canvas, z, columns) => runtime.present(canvas, z, columns),
    reconstruct: async (...question) => {
      const { mean, logVar, z, image } = await runtime.reconstruct(...question);
      return join([mean, logVar, z, image]);
    },
  }));
  return { gpu, cpu, free };
}

function join(parts) {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
