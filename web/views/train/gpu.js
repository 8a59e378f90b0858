/**
 * Training on the GPU: a program of its own, which is fetched where there is one. It is used once it has taken a step as the
 * CPU takes it, and where it is faster.
 */

/** Milliseconds after which a GPU that does not answer counts as lost. Its first step compiles all kernels. */
const PATIENCE = 60_000;
/** Steps that are timed. */
const TIMED = 4;
/** Most steps that the GPU is given ahead of their losses, and milliseconds that they may take. */
const AHEAD = 8;
const QUEUE = 60;
/** How many times slower than the CPU a GPU is that is timed no further. */
const HOPELESS = 4;
/** Largest difference of the losses of a step, as a share, and of what the step changes in the state. */
const LOSSES_APART = 1e-3;
const CHANGE_APART = 0.05;

/**
 * The program with the learner's network, once it has taken a step that does not count.
 * @param {any} learner
 * @param {boolean} evenSlow whether a GPU that is a program itself will do
 * @returns {Promise<any>} a `GpuLearner` whose promises have an end
 */
export async function startGpu(learner, evenSlow) {
  const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("This browser has no WebGPU here.");
  if (adapter.info?.isFallbackAdapter && !evenSlow) throw new Error("WebGPU is there, but it is computed by the CPU too.");
  const { default: init, GpuLearner } = /** @type {any} */ (await import("../../../vaelet-learn-gpu-web.js"));
  await init();
  const made = await answered(GpuLearner.start(learner.description()));
  const gpu = {
    ahead: 1,
    setState: (state, steps) => made.setState(state, steps),
    refresh: () => made.refresh(),
    free: () => made.free(),
    state: () => answered(made.state()),
    step: (x, epsilon, numbers) => answered(made.step(x, epsilon, numbers)),
    encode: (pictures) => answered(made.encode(pictures)),
    decode: (z) => answered(made.decode(z)),
  };
  gpu.setState(learner.handOver(), learner.steps());
  await submit(gpu, learner, 0).losses;
  return gpu;
}

/** @template T @param {Promise<T>} promise @returns {Promise<T>} */
function answered(promise) {
  return new Promise((resolve, reject) => {
    const silence = Object.assign(new Error("the GPU does not answer"), { code: "lost" });
    const timer = setTimeout(reject, PATIENCE, silence);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Gives the GPU the step after the next `ahead` ones. */
function submit(gpu, learner, ahead) {
  const errand = learner.errand(ahead);
  const numbers = errand.numbers();
  const losses = gpu.step(errand.x(), errand.epsilon(), numbers);
  errand.free();
  losses.catch(() => {}); // whoever waits for an earlier step hears of it
  return { losses, needsEach: numbers[3] > 0 };
}

/**
 * Steps until a point in time. Afterwards the learner has noted all of them.
 * @param {any} gpu @param {any} learner @param {number} end
 * @returns {Promise<number[]>} both losses of each
 */
export async function takeSteps(gpu, learner, end) {
  const losses = [];
  const flying = [];
  do {
    const { losses: next, needsEach } = submit(gpu, learner, flying.length);
    flying.push(next);
    // A Gaussian's σ follows from the loss of the step before.
    if (needsEach || flying.length === gpu.ahead) losses.push(...learner.note(await flying.shift()));
  } while (performance.now() < end);
  while (flying.length > 0) losses.push(...learner.note(await flying.shift()));
  return losses;
}

/**
 * Takes one step on both and compares. Afterwards the learner is one step further, and the GPU has to be given its state.
 * @param {any} gpu @param {any} learner
 * @returns {Promise<{ losses: Float32Array, differs: boolean, gpuTime: number, cpuTime: number }>} times in milliseconds a step
 */
export async function compare(gpu, learner) {
  const before = learner.handOver();
  gpu.setState(before, learner.steps());
  const begun = performance.now();
  const [found, ...kl] = await submit(gpu, learner, 0).losses;
  let gpuTime = performance.now() - begun;
  const state = await gpu.state();

  const start = performance.now();
  const losses = learner.step(1);
  const cpuTime = performance.now() - start;
  const expected = learner.handOver();
  const total = kl.reduce((sum, nats) => sum + nats, 0);
  const scale = LOSSES_APART * (Math.abs(losses[0]) + Math.abs(losses[1]));
  const agrees = Math.abs(found - losses[0]) <= scale && Math.abs(total - losses[1]) <= scale;
  const differs = !agrees || !isSameChange(before, expected, state);

  if (gpuTime < HOPELESS * cpuTime) {
    const began = performance.now();
    await Promise.all(Array.from({ length: TIMED }, () => submit(gpu, learner, 0).losses));
    gpuTime = (performance.now() - began) / TIMED;
  }
  gpu.ahead = Math.max(1, Math.min(AHEAD, Math.floor(QUEUE / gpuTime)));
  return { losses, differs, gpuTime, cpuTime };
}

/** Whether two states have come from one by the same step, part by part. */
function isSameChange(before, expected, found) {
  const length = expected.length / 4;
  return found.length === expected.length && [0, 1, 2, 3].every((part) => {
    let [change, apart] = [0, 0];
    for (let i = part * length; i < (part + 1) * length; i += 1) {
      change += (expected[i] - before[i]) ** 2;
      apart += (found[i] - expected[i]) ** 2;
    }
    return apart <= CHANGE_APART ** 2 * change;
  });
}
