/** The two VAEs in TensorFlow.js, trained with its Adam. `run.mjs` bundles it with one backend. */

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients";

const HIDDEN = 400;
const [NARROW, WIDE] = [16, 32];

/** @param {{ backend: "wasm" | "webgpu", network: "mlp" | "conv", latents: number, batch: number, x: Float32Array, rate: number }} options */
export async function trainer({ backend, network, latents, batch, x: pixels, rate }) {
  if (backend === "wasm") {
    const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
    setWasmPaths("/node_modules/@tensorflow/tfjs-backend-wasm/dist/");
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false); // one thread each
  }
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js does not support ${backend} here`);
  await tf.ready();
  const variable = (shape, fan) => tf.variable(tf.randomNormal(shape, 0, Math.sqrt(2 / fan)));
  const bias = (size) => tf.variable(tf.zeros([size]));
  const { encode, decode, x } = network === "mlp" ? mlp() : conv();
  const optimizer = tf.train.adam(rate);

  function mlp() {
    const [w1, b1, w2, b2] = [variable([784, HIDDEN], 784), bias(HIDDEN), variable([HIDDEN, 2 * latents], HIDDEN), bias(2 * latents)];
    const [w3, b3, w4, b4] = [variable([latents, HIDDEN], latents), bias(HIDDEN), variable([HIDDEN, 784], HIDDEN), bias(784)];
    return {
      x: tf.tensor2d(pixels, [batch, 784]),
      encode: (x) => tf.add(tf.matMul(tf.relu(tf.add(tf.matMul(x, w1), b1)), w2), b2),
      decode: (z) => tf.add(tf.matMul(tf.relu(tf.add(tf.matMul(z, w3), b3)), w4), b4),
    };
  }

  function conv() {
    const silu = (y) => tf.mul(y, tf.sigmoid(y));
    const [k1, b1, k2, b2] = [variable([4, 4, 1, NARROW], 16), bias(NARROW), variable([4, 4, NARROW, WIDE], 16 * NARROW), bias(WIDE)];
    const [w3, b3, w4, b4] = [variable([49 * WIDE, 2 * latents], 49 * WIDE), bias(2 * latents), variable([latents, 49 * WIDE], latents), bias(49 * WIDE)];
    const [k5, b5, k6, b6] = [variable([4, 4, NARROW, WIDE], 4 * WIDE), bias(NARROW), variable([4, 4, 1, NARROW], 4 * NARROW), bias(1)];
    return {
      x: tf.tensor4d(pixels, [batch, 28, 28, 1]),
      encode(x) {
        const first = silu(tf.add(tf.conv2d(x, k1, 2, "same"), b1));
        const second = silu(tf.add(tf.conv2d(first, k2, 2, "same"), b2));
        return tf.add(tf.matMul(tf.reshape(second, [batch, 49 * WIDE]), w3), b3);
      },
      decode(z) {
        const image = tf.reshape(silu(tf.add(tf.matMul(z, w4), b4)), [batch, 7, 7, WIDE]);
        const larger = silu(tf.add(tf.conv2dTranspose(image, k5, [batch, 14, 14, NARROW], 2, "same"), b5));
        return tf.add(tf.conv2dTranspose(larger, k6, [batch, 28, 28, 1], 2, "same"), b6);
      },
    };
  }

  const loss = () => {
    const posterior = encode(x);
    const [mean, logVar] = tf.split(posterior, 2, 1);
    const z = tf.add(mean, tf.mul(tf.exp(tf.mul(logVar, 0.5)), tf.randomNormal([batch, latents])));
    const logits = decode(z);
    const nats = tf.sum(tf.sub(tf.softplus(logits), tf.mul(x, logits)));
    const kl = tf.mul(tf.sum(tf.sub(tf.sub(tf.add(tf.square(mean), tf.exp(logVar)), logVar), 1)), 0.5);
    return tf.div(tf.add(nats, kl), batch);
  };
  let last = null;
  return {
    step() {
      last?.dispose();
      last = tf.tidy(() => optimizer.minimize(loss, true));
    },
    /** Waits for all steps. */
    async settle() {
      const [nats] = await last.data();
      if (!Number.isFinite(nats)) throw new Error(`the loss is ${nats}`);
    },
  };
}
