/**
 * Trains in a worker, so that the page stays smooth. It takes steps for a slice of time, tells of their losses,
 * now and then of pictures, and listens in between.
 */

import init, * as glue from "../../../vaelet-learn-web.js";
import { CLOUD, SHOWN, SIDE } from "./sizes.js";

/** Milliseconds of steps between two looks at what the page wants. */
const SLICE = 60;
/** Milliseconds between two sets of pictures, and how many times longer than their own computation that is at least. */
const PICTURES = 400;
const SHARE = 5;
/** Milliseconds between two checkpoints of a run. */
const CHECKPOINT = 5_000;
/** Half the side of the map, in standard deviations of the prior. */
const REACH = 3;
/** Pictures of a batch that are followed. */
const FOLLOWED = 4;
/** Seed of the noise that is sampled from. */
const NOISE = 7;

const { Learner } = /** @type {any} */ (glue);
/** @type {Promise<unknown> | undefined} */
let ready;
/** @type {any} */
let learner;
let latents = 0;
let running = false;
let looping = false;
let nextPictures = 0;
let nextCheckpoint = 0;
let stepsASecond = 0;

/** Lets messages in; a timer would be slowed down in a hidden tab. */
const turn = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(0);
  });

const ACTIONS = {
  start({ pixels, heldOut, sides, numbers, one, many }) {
    replace(Learner.start(pixels, heldOut, sides, numbers, one, many), numbers[1]);
    return status();
  },
  restore({ checkpoint, pixels, heldOut, sides, count }) {
    replace(Learner.restore(checkpoint, pixels, heldOut, sides), count);
    return status();
  },
  run() {
    running = true;
    nextCheckpoint ||= performance.now() + CHECKPOINT;
    loop();
  },
  pause() {
    running = false;
    return { checkpoint: learner.checkpoint() };
  },
  step: () => ({ losses: learner.step(1), ...status() }),
  pictures,
  follow() {
    const batch = learner.follow(FOLLOWED);
    const names = batch.names().split(" ");
    const tensor = (name) => ({ name, shape: [...batch.shape(name)], gradient: batch.gradient(name), moved: batch.moved(name) });
    const [x, mean, sigma, epsilon, z, y, ofLogits] = [batch.x(), batch.mean(), batch.sigma(), batch.epsilon(), batch.z(), batch.y(), batch.ofLogits()];
    const shown = { x, mean, sigma, epsilon, z, y, ofLogits, losses: batch.losses(), tensors: names.map(tensor) };
    batch.free();
    return { ...shown, ...status() };
  },
  pace({ rate, beta, free }) {
    learner.setPace(rate, beta, free);
  },
  checkpoint: () => learner.checkpoint(),
  files({ name, title, data, licence, credit }) {
    const files = learner.files(name, title, data, licence, credit);
    const both = { description: files.description(), weights: files.weights() };
    files.free();
    return both;
  },
};

function replace(next, count) {
  running = false;
  learner?.free();
  learner = next;
  latents = count;
  nextPictures = nextCheckpoint = 0;
}

function status() {
  return { steps: learner.steps(), epochs: learner.epochs(), beta: learner.beta(), kl: learner.kl() };
}

function pictures() {
  const began = performance.now();
  learner.refresh();
  const shown = {
    reconstructions: learner.reconstructions(SHOWN),
    samples: learner.samples(NOISE, SHOWN),
    cloud: learner.cloud(CLOUD),
    map: latents === 2 ? learner.decode(gridOf()) : null,
    heldOut: learner.heldOut() ?? null,
    ...status(),
  };
  nextPictures = performance.now() + Math.max(PICTURES, SHARE * (performance.now() - began));
  return shown;
}

/** Latents of the map, row by row from above. */
function gridOf() {
  const at = (i) => REACH * ((2 * (i + 0.5)) / SIDE - 1);
  return Float32Array.from({ length: 2 * SIDE * SIDE }, (_, i) => {
    const cell = i >> 1;
    return i % 2 === 0 ? at(cell % SIDE) : -at(Math.floor(cell / SIDE));
  });
}

async function loop() {
  if (looping) return;
  looping = true;
  try {
    while (running) {
      const began = performance.now();
      const losses = [];
      do {
        losses.push(...learner.step(1));
      } while (performance.now() - began < SLICE);
      const now = performance.now();
      stepsASecond = losses.length / 2 / ((now - began) / 1000);
      postMessage({ event: "steps", losses: Float32Array.from(losses), stepsASecond, ...status() });
      if (now > nextPictures) postMessage({ event: "pictures", ...pictures() });
      if (now > nextCheckpoint) {
        nextCheckpoint = performance.now() + CHECKPOINT;
        const checkpoint = learner.checkpoint();
        postMessage({ event: "checkpoint", checkpoint }, { transfer: [checkpoint.buffer] });
      }
      await turn();
    }
  } catch (error) {
    running = false;
    postMessage({ event: "stopped", error: plain(error) });
  } finally {
    looping = false;
  }
}

/** An error as a message can hold it. */
function plain(error) {
  const crashed = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  return { message: error.message ?? String(error), code: error.code ?? (crashed ? "crashed" : "unknown"), advice: error.advice };
}

addEventListener("message", async ({ data: { id, action, options } }) => {
  try {
    ready ??= init();
    await ready;
    const result = ACTIONS[action](options ?? {});
    postMessage({ id, result });
  } catch (error) {
    postMessage({ id, error: plain(error) });
  }
});
