/**
 * Trains in a worker, so that the page stays smooth. It takes steps for a slice of time, tells of their losses,
 * now and then of pictures, and listens in between. Every run begins on the CPU; a GPU takes over while it runs.
 */

import { compare, startGpu, takeSteps } from "./gpu.js";
import { CLOUD, SHOWN, SIDE } from "./sizes.js";

/** A module with one instruction of relaxed SIMD, which adds a product in one go. */
const RELAXED = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11);
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
/** Losses of a step. */
const LOSSES = 4;
/** How often a GPU may be lost before no other is asked for. */
const MOST_LOST = 2;
/** Seed of the noise that is sampled from. */
const NOISE = 7;

/** @type {any} */
let Learner;
/** @type {Promise<void> | undefined} */
let ready;
/** @type {any} */
let learner;
let latents = 0;
let running = false;
let looping = false;
let nextPictures = 0;
let nextCheckpoint = 0;
let stepsASecond = 0;
/** Where the reader wants it to train. @type {"auto" | "webgpu" | "cpu"} */
let wanted = "auto";
/** The GPU with this run's network, once it is there. @type {any} */
let gpu = null;
/** Whether it is being made ready, how often it was lost, and what came of the comparison with the CPU. */
let preparing = false;
let timesLost = 0;
/** @type {"" | "faster" | "slower" | "differs"} */
let verdict = "";
/** Wishes for which there is no GPU. @type {Set<string>} */
const absent = new Set(["cpu"]);
/** Who judges this run. @type {"none" | "beside" | "alone"} */
let judge = "none";
/** Whether the state is there. */
let onGpu = false;

/** One thing after another: what the reader asks for happens between two slices. @type {Promise<any>} */
let last = Promise.resolve();
const alone = (work) => {
  const done = last.then(work);
  last = done.catch(() => {});
  return done;
};

/** Fetches the program, in the version that is faster where the browser can run it. */
async function load() {
  const glue = /** @type {any} */ (await (WebAssembly.validate(RELAXED) ? import("../../../vaelet-learn-web-relaxed.js") : import("../../../vaelet-learn-web.js")));
  await glue.default();
  ({ Learner } = glue);
}

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
  /** Encoder and decoder of one of the program's networks, as model.json has them. */
  network({ network, latents, sides }) {
    const { encoder, decoder } = JSON.parse(Learner.describe(network === "conv", latents, sides));
    return { encoder, decoder };
  },
  start({ pixels, heldOut, sides, numbers, tensors, one, many, judge }) {
    const next = Learner.start(pixels, heldOut, sides, numbers, one, many);
    for (const [name, values] of tensors) {
      if (!next.beginWith(name, values)) throw new Error(`the network has no tensor ${name} of ${values.length} values`);
    }
    replace(next, judge);
    return status();
  },
  restore({ checkpoint, pixels, heldOut, sides, judge }) {
    replace(Learner.restore(checkpoint, pixels, heldOut, sides), judge);
    return status();
  },
  run({ backend }) {
    wanted = backend;
    running = true;
    nextCheckpoint ||= performance.now() + CHECKPOINT;
    loop();
    prepareGpu();
  },
  device({ backend }) {
    wanted = backend;
    if (running) prepareGpu();
  },
  async pause() {
    await stop();
    return { checkpoint: learner.checkpoint() };
  },
  async step() {
    await stop();
    return { losses: learner.step(1), ...status() };
  },
  pictures,
  async follow() {
    await stop();
    const batch = learner.follow(FOLLOWED);
    const names = batch.names().split(" ");
    const tensor = (name) => ({ name, shape: [...batch.shape(name)], gradient: batch.gradient(name), moved: batch.moved(name) });
    const [x, mean, sigma, epsilon, z, y, ofLogits] = [0, 1, 2, 3, 4, 5, 6].map((which) => batch.part(which));
    const shown = { x, mean, sigma, epsilon, z, y, ofLogits, losses: batch.losses(), tensors: names.map(tensor) };
    batch.free();
    return { ...shown, ...status() };
  },
  pace({ rate, beta, free }) {
    learner.setPace(rate, beta, free);
  },
  async files({ name, title, data, licence, credit }) {
    await takeBack();
    const files = learner.files(name, title, data, licence, credit);
    const both = { description: files.description(), weights: files.weights() };
    files.free();
    return both;
  },
};

function replace(next, judgeOfNext) {
  judge = judgeOfNext;
  running = onGpu = false;
  learner?.free();
  forgetGpu();
  learner = next;
  latents = learner.kl().length;
  nextPictures = nextCheckpoint = timesLost = 0;
}

function status() {
  return { steps: learner.steps(), epochs: learner.epochs(), beta: learner.beta(), kl: learner.kl() };
}

async function pictures() {
  const began = performance.now();
  const runtime = onGpu ? gpu : learner;
  runtime.refresh();
  const [examples, heldOut] = [learner.examples(SHOWN), learner.heldOut()];
  const shown = {
    reconstructions: judge === "alone" ? null : await runtime.decode(means(await runtime.encode(examples))),
    samples: await runtime.decode(learner.noise(NOISE, SHOWN)),
    cloud: judge === "alone" ? new Float32Array() : means(await runtime.encode(learner.examples(CLOUD))),
    map: latents === 2 ? await runtime.decode(gridOf()) : null,
    heldOut: null,
    ...status(),
  };
  if (heldOut.length > 0 && judge !== "alone") {
    const posterior = await runtime.encode(heldOut);
    shown.heldOut = learner.measure(posterior, await runtime.decode(learner.sampled(posterior)));
  }
  nextPictures = performance.now() + Math.max(PICTURES, SHARE * (performance.now() - began));
  return shown;
}

/** μ of posteriors that have μ and log σ² of each picture. @param {Float32Array} posterior */
const means = (posterior) => posterior.filter((_, i) => i % (2 * latents) < latents);

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
      await alone(slice);
      await turn();
    }
  } catch (error) {
    running = onGpu = false;
    postMessage({ event: "stopped", error: plain(error) });
  } finally {
    looping = false;
  }
}

/** Steps for a while, and what is due then. */
async function slice() {
  if (!running) return;
  await chooseDevice();
  try {
    const began = performance.now();
    const found = onGpu ? await takeSteps(gpu, learner, began + SLICE) : stepsOnCpu(began + SLICE);
    const now = performance.now();
    stepsASecond = found.length / LOSSES / ((now - began) / 1000);
    tellSteps(found);
    if (now > nextPictures) postMessage({ event: "pictures", ...(await pictures()) });
    if (now > nextCheckpoint) {
      nextCheckpoint = performance.now() + CHECKPOINT;
      await takeBack();
      const checkpoint = learner.checkpoint();
      postMessage({ event: "checkpoint", checkpoint }, { transfer: [checkpoint.buffer] });
    }
  } catch (error) {
    if (!onGpu || !isOfGpu(error)) throw error;
    giveUp(error);
  }
}

function stepsOnCpu(end) {
  const found = [];
  do {
    found.push(...learner.step(1));
  } while (performance.now() < end);
  return found;
}

function tellSteps(found) {
  postMessage({ event: "steps", losses: Float32Array.from(found), stepsASecond, device: onGpu ? "GPU" : "CPU", ...status() });
}

const tellDevice = (text) => postMessage({ event: "device", text });
const isOfGpu = (error) => error.code === "lost" || error.code === "gpu";

/** Makes the learner's state that of now. */
async function takeBack() {
  if (onGpu) learner.adopt(await gpu.state());
}

async function stop() {
  running = false;
  await chooseDevice();
}

/** Fetches the program for the GPU and makes it ready, unless that has been done. */
async function prepareGpu() {
  if (gpu || preparing || absent.has(wanted) || timesLost > MOST_LOST) return;
  if (judge !== "none") {
    tellDevice("With a judge it trains on the CPU.");
    return;
  }
  preparing = true;
  const of = learner;
  try {
    const made = await startGpu(learner, wanted === "webgpu");
    if (of === learner) gpu = made;
    else made.free();
  } catch (error) {
    if (of === learner && !isOfGpu(error)) absent.add(wanted);
    tellDevice(`It trains on the CPU. ${error.message}`);
  } finally {
    preparing = false;
  }
  if (of !== learner && running) prepareGpu();
}

/** Moves the state to the GPU or back, if it should be there. */
async function chooseDevice() {
  try {
    if (running && gpu && wanted !== "cpu" && !verdict) await tryGpu();
    const use = running && gpu && ((wanted === "auto" && verdict === "faster") || (wanted === "webgpu" && verdict !== "differs"));
    if (Boolean(use) === onGpu) return;
    if (use) {
      gpu.setState(learner.handOver(), learner.steps());
      onGpu = true;
    } else {
      await takeBack();
      onGpu = false;
    }
  } catch (error) {
    if (!isOfGpu(error)) throw error;
    giveUp(error);
  }
}

/** Compares the GPU with the CPU. */
async function tryGpu() {
  const { losses: found, differs, gpuTime, cpuTime } = await compare(gpu, learner);
  tellSteps(found);
  verdict = differs ? "differs" : gpuTime < cpuTime ? "faster" : "slower";
  const times = `A step takes ${gpuTime.toFixed(1)} ms on the GPU and ${cpuTime.toFixed(1)} ms on the CPU.`;
  tellDevice(differs ? "It trains on the CPU, because the GPU computes something else." : times);
}

/** The GPU is lost: the state of the last seconds is taken back. */
function giveUp(error) {
  const steps = learner.steps();
  if (onGpu) learner.giveUp();
  onGpu = false;
  forgetGpu();
  timesLost += 1;
  tellDevice(`The GPU was lost after step ${steps} (${error.message}). It goes on from step ${learner.steps()} on the CPU.`);
  if (running) prepareGpu();
}

function forgetGpu() {
  gpu?.free();
  gpu = null;
  verdict = "";
}

/** An error as a message can hold it. */
function plain(error) {
  const crashed = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  return { message: error.message ?? String(error), code: error.code ?? (crashed ? "crashed" : "unknown"), advice: error.advice };
}

addEventListener("message", async ({ data: { id, action, options } }) => {
  try {
    ready ??= load();
    await ready;
    const result = await alone(() => ACTIONS[action](options ?? {}));
    postMessage({ id, result });
  } catch (error) {
    postMessage({ id, error: plain(error) });
  }
});
