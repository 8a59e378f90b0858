/** The two VAEs in jax-js: one function for a step, with gradients and Adam, compiled by `jit`. */

import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";

const HIDDEN = 400;
const [NARROW, WIDE] = [16, 32];

/** Standard normals, by Box and Muller. */
function normals(length, scale) {
  return Float32Array.from({ length }, () => scale * Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));
}

/** @param {{ backend: "wasm" | "webgpu", network: "mlp" | "conv", latents: number, batch: number, x: Float32Array, rate: number }} options */
export async function trainer({ backend, network, latents, batch, x: pixels, rate }) {
  if (!(await init(backend)).includes(backend)) throw new Error(`jax-js does not support ${backend} here`);
  defaultDevice(backend);
  const shapes = network === "mlp" ? mlpShapes(latents) : convShapes(latents);
  const names = Object.keys(shapes);
  const filled = (make) => Object.fromEntries(names.map((name) => [name, np.array(make(shapes[name])).reshape(shapes[name])]));
  const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);
  const zeros = (shape) => new Float32Array(sizeOf(shape));
  let parameters = filled((shape) => (shape.length === 1 ? zeros(shape) : normals(sizeOf(shape), Math.sqrt((2 * shape.at(-1)) / sizeOf(shape)))));
  let [means, squares] = [filled(zeros), filled(zeros)];
  const x = np.array(pixels).reshape(network === "mlp" ? [batch, 784] : [batch, 1, 28, 28]);
  const { encode, decode } = network === "mlp" ? mlp() : conv(batch);

  const loss = (p, x, epsilon) => {
    const [mean, logVar] = encode(p, x.ref);
    const z = mean.ref.add(np.exp(logVar.ref.mul(0.5)).mul(epsilon));
    const logits = decode(p, z);
    const nats = nn.softplus(logits.ref).sub(logits.mul(x)).sum();
    const kl = np.square(mean).add(np.exp(logVar.ref)).sub(logVar).sub(1).sum().mul(0.5);
    return nats.add(kl).mul(1 / batch);
  };
  const step = jit((p, m, v, scales, x, epsilon) => {
    const keep = Object.fromEntries(names.map((name) => [name, p[name].ref]));
    const [nats, gradients] = valueAndGrad(loss)(p, x, epsilon);
    const [nextP, nextM, nextV] = [{}, {}, {}];
    const [first, second] = [scales.ref.slice(0), scales.slice(1)];
    for (const name of names) {
      const g = gradients[name];
      nextM[name] = m[name].mul(0.9).add(g.ref.mul(0.1));
      nextV[name] = v[name].mul(0.999).add(np.square(g).mul(0.001));
      const change = nextM[name].ref.mul(first.ref).div(np.sqrt(nextV[name].ref.mul(second.ref)).add(1e-8));
      nextP[name] = keep[name].sub(change.mul(rate));
    }
    first.dispose();
    second.dispose();
    return [nextP, nextM, nextV, nats];
  });

  let count = 0;
  let last = null;
  return {
    step() {
      count += 1;
      const scales = np.array(Float32Array.of(1 / (1 - 0.9 ** count), 1 / (1 - 0.999 ** count)));
      const epsilon = np.array(normals(batch * latents, 1)).reshape([batch, latents]);
      last?.dispose();
      [parameters, means, squares, last] = step(parameters, means, squares, scales, x.ref, epsilon);
    },
    /** Waits for all steps. */
    async settle() {
      await blockUntilReady(parameters);
      const nats = await last.ref.jsAsync();
      if (!Number.isFinite(nats)) throw new Error(`the loss is ${nats}`);
    },
  };
}

function mlpShapes(latents) {
  return { w1: [784, HIDDEN], b1: [HIDDEN], wm: [HIDDEN, latents], bm: [latents], wv: [HIDDEN, latents], bv: [latents], w3: [latents, HIDDEN], b3: [HIDDEN], w4: [HIDDEN, 784], b4: [784] };
}

function mlp() {
  const linear = (x, w, b) => np.matmul(x, w).add(b);
  return {
    encode(p, x) {
      const hidden = nn.relu(linear(x, p.w1, p.b1));
      return [linear(hidden.ref, p.wm, p.bm), linear(hidden, p.wv, p.bv)];
    },
    decode: (p, z) => linear(nn.relu(linear(z, p.w3, p.b3)), p.w4, p.b4),
  };
}

function convShapes(latents) {
  return { k1: [NARROW, 1, 4, 4], c1: [NARROW], k2: [WIDE, NARROW, 4, 4], c2: [WIDE], wm: [49 * WIDE, latents], bm: [latents], wv: [49 * WIDE, latents], bv: [latents], w4: [latents, 49 * WIDE], b4: [49 * WIDE], k5: [NARROW, WIDE, 4, 4], c5: [NARROW], k6: [1, NARROW, 4, 4], c6: [1] };
}

function conv(batch) {
  const linear = (x, w, b) => np.matmul(x, w).add(b);
  const perChannel = (b) => b.reshape([1, b.shape[0], 1, 1]);
  const half = (x, k, b) => nn.silu(lax.convGeneralDilated(x, k, [2, 2], [[1, 1], [1, 1]]).add(perChannel(b)));
  // A transposed convolution is a convolution of the zero-dilated image.
  const twice = (x, k, b) => lax.convGeneralDilated(x, k, [1, 1], [[2, 2], [2, 2]], { lhsDilation: [2, 2] }).add(perChannel(b));
  return {
    encode(p, x) {
      const flat = half(half(x, p.k1, p.c1), p.k2, p.c2).reshape([batch, 49 * WIDE]);
      return [linear(flat.ref, p.wm, p.bm), linear(flat, p.wv, p.bv)];
    },
    decode(p, z) {
      const image = nn.silu(linear(z, p.w4, p.b4)).reshape([batch, WIDE, 7, 7]);
      return twice(nn.silu(twice(image, p.k5, p.c5)), p.k6, p.c6);
    },
  };
}
