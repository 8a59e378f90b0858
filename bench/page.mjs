/**
 * Runs one engine on one model at one batch size, given by the page's URL. `window.result` is a
 * promise for its times in milliseconds.
 */

import { ENGINES } from "./engines.mjs";

const query = new URLSearchParams(location.search);
const number = (name) => Number(query.get(name));
const FEWEST = 3;
const MOST_CALLS = 500;
const MOST_FRAMES = 50;

window.result = measure({
  engine: query.get("engine"),
  job: { model: query.get("model"), latent: number("latent"), batch: number("batch") },
  image: [number("height"), number("width"), number("channels")],
  budget: number("budget"),
});

/**
 * - `first`: from the start of the navigation, with an empty cache, to the first images;
 * - `call`: median of one call, including readback;
 * - `frame`: time per call for many queued calls, of which only the last is read back;
 * - `submit`: median time of the main thread for a call without readback;
 * - `output`: the images of fixed latents, [N, C, H, W], in base64.
 *
 * @param {object} options
 * @param {number} options.budget approximate duration of each measurement; 0 measures only the first call
 */
async function measure({ engine: name, job, image, budget }) {
  const z = latents(job.batch * job.latent);
  const engine = await ENGINES[name](job);
  let values = await engine.call(z);
  const first = rounded(performance.now());
  if (engine.layout === "nhwc") values = channelsFirst(values, image);
  const output = await base64(values);
  if (!budget) return { first, call: null, frame: null, submit: null, output };
  const call = await timeCalls(engine, z, budget);
  return { first, call, ...(await timeFrames(engine, z, call, budget)), output };
}

/** Calls the engine for a while before timing it, because JIT compilers optimise code that is called often. */
async function timeCalls(engine, z, budget) {
  await repeat(() => engine.call(z), { budget: budget / 4, fewest: 1, most: MOST_CALLS });
  return median(await repeat(() => engine.call(z), { budget, fewest: FEWEST, most: MOST_CALLS }));
}

async function timeFrames(engine, z, call, budget) {
  const frame = await engine.frames();
  if (!frame) return { frame: null, submit: null };
  await frame(z);
  await engine.call(z);
  const count = Math.min(MOST_FRAMES, Math.max(FEWEST, Math.ceil(budget / call)));
  // The last call is read back, so it ends when all calls are done.
  const queue = await timed(async () => {
    for (let i = 1; i < count; i += 1) await frame(z);
    await engine.call(z);
  });
  const submits = [];
  await repeat(
    async () => {
      submits.push(await timed(() => frame(z)));
      await engine.call(z);
    },
    { budget, fewest: 2, most: MOST_FRAMES },
  );
  return { frame: rounded(queue / count), submit: median(submits) };
}

/** Repeats a call until the budget is spent, and returns the time of each. */
async function repeat(run, { budget, fewest, most }) {
  const times = [];
  const end = performance.now() + budget;
  while (times.length < fewest || (times.length < most && performance.now() < end)) times.push(await timed(run));
  return times;
}

async function timed(run) {
  const start = performance.now();
  const pending = run();
  // Awaiting takes a turn of the event loop, which a synchronous call must not be charged for.
  if (pending instanceof Promise) await pending;
  return performance.now() - start;
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return rounded(sorted[sorted.length >> 1]);
}

/** Rounds a time to µs; the clock has a resolution of 5 µs. */
function rounded(time) {
  return Math.round(time * 1000) / 1000;
}

/** Latents that are the same in every page: uniform with variance 1. */
function latents(length) {
  let state = 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * Math.sqrt(3);
  });
}

/** Images [N, H, W, C] as [N, C, H, W]. */
function channelsFirst(values, [height, width, channels]) {
  const pixels = height * width;
  return values.map((_, i) => {
    const [n, c, at] = [Math.floor(i / (channels * pixels)), Math.floor(i / pixels) % channels, i % pixels];
    return values[(n * pixels + at) * channels + c];
  });
}

function base64(values) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(new Blob([values]));
  });
}
