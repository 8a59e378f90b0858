/** Trains with one engine for some seconds. `window.result` is a promise for `{ rate }` in images a second, or for the seconds to a goal. */

const query = new URLSearchParams(location.search);
const [engine, network] = [query.get("engine"), query.get("network")];
const BATCH = 128;
const LATENTS = 20;
const SIDE = 28;
const PIXELS = SIDE * SIDE;
const HELD_OUT = 500;
/** Milliseconds from which on a step is one of a GPU that is computed by the CPU, of which a few have to do. */
const SLOW = 500;
/** Milliseconds between two looks at the loss on held-out digits. */
const LOOK = 1_000;

window.result = query.has("goal") ? reach(Number(query.get("goal"))) : measure();

async function measure() {
  const trainer = await (engine.startsWith("vaelet") ? vaelet(0.001, 0) : peer());
  const take = async (steps) => {
    const began = performance.now();
    for (let i = 0; i < steps; i += 1) await trainer.step();
    await trainer.settle();
    return performance.now() - began;
  };
  await take(1); // kernels are compiled
  const isSlow = (await take(1)) > SLOW;
  // Compilers optimise what is called often.
  if (!isSlow) await take(5);
  let [steps, time] = [0, 0];
  while (time < 1000 * Number(query.get("seconds"))) {
    const group = isSlow ? 1 : 5;
    time += await take(group);
    steps += group;
  }
  const programs = performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname);
  return { rate: (BATCH * steps) / (time / 1000), programs: programs.filter((path) => /\.(m?js|wasm)$/.test(path) && !path.endsWith("/page.mjs")) };
}

/** Seconds of steps until −ELBO on held-out digits is below the goal; what it is after two minutes where it never is. */
async function reach(goal) {
  const trainer = await vaelet(0.003, 1);
  const began = performance.now();
  let looked = began;
  for (;;) {
    await trainer.step();
    const now = performance.now();
    if (now - looked < LOOK) continue;
    looked = now;
    const nats = trainer.heldOut();
    if (nats <= goal) return { seconds: (now - began) / 1000, nats };
    if (now - began > 120_000) return { seconds: null, nats };
  }
}

/** Our own program on the page's digits. */
async function vaelet(rate, warmly) {
  const site = `/dist/v/${query.get("version")}`;
  const { default: init, Learner } = await import(`${site}/vaelet-learn-web-relaxed.js`); // as the page does in Chromium
  await init();
  const pixels = await digitsOf(`${site}/web/data/digits.png`);
  const numbers = Float64Array.from([BATCH, rate, 1, warmly ? 200 : 0, 0, 1, 0, 1, network === "conv" ? 1 : 0, LATENTS, 0]);
  const learner = Learner.start(pixels, HELD_OUT, Uint32Array.of(1, SIDE, SIDE), numbers, "digit", "digits");
  if (engine === "vaelet-webgpu") return onGpu(learner, await import(`${site}/vaelet-learn-gpu-web.js`));
  return {
    step: () => learner.step(1),
    settle: () => undefined,
    heldOut() {
      learner.refresh();
      const posterior = learner.encode(learner.heldOut());
      return learner.measure(posterior, learner.decode(learner.sampled(posterior)));
    },
  };
}

/** The same steps on the GPU. */
async function onGpu(learner, { default: init, GpuLearner }) {
  await init();
  const gpu = await GpuLearner.start(learner.description());
  gpu.setState(learner.handOver(), 0);
  const flying = [];
  return {
    step() {
      const errand = learner.errand(flying.length);
      flying.push(gpu.step(errand.x(), errand.epsilon(), errand.numbers()));
      errand.free();
    },
    async settle() {
      for (const losses of flying.splice(0)) learner.note(await losses);
    },
  };
}

/** The digits that the page trains on, one after the other. */
async function digitsOf(url) {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob());
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const [columns, rows] = [width, height].map((side) => Math.floor(side / SIDE));
  return Uint8Array.from({ length: columns * rows * PIXELS }, (_, i) => {
    const [digit, y, x] = [Math.floor(i / PIXELS), Math.floor(i / SIDE) % SIDE, i % SIDE];
    return data[4 * ((Math.floor(digit / columns) * SIDE + y) * width + (digit % columns) * SIDE + x)];
  });
}

async function peer() {
  const [name, backend] = engine.split("-");
  const module = await import(name === "tfjs" ? `/target/learning/tfjs-${backend}.mjs` : "/target/learning/jax/jax.js");
  const x = Float32Array.from({ length: BATCH * PIXELS }, (_, i) => (Math.imul(i, 2654435761) >>> 0 < 2 ** 32 / 5 ? 1 : 0));
  return module.trainer({ backend, network, latents: LATENTS, batch: BATCH, x, rate: 0.001 });
}
