/**
 * Times engines. A cell is one engine, one model and one batch size. Every measurement of a cell runs
 * in a new page.
 */

import { startBrowser, withPage } from "./browser.mjs";

/** Largest allowed difference between two engines' images: half a grey level of 255. */
const TOLERANCE = 0.5 / 255;
/** Time limit for one page, in milliseconds. */
const LIMIT = 300_000;
const TIMES = ["first", "call", "frame", "submit"];

/**
 * Times in milliseconds as `page.mjs` describes them, each the median of all rounds, or null.
 * @typedef {object} Cell
 * @property {string} model
 * @property {number} batch
 * @property {string} engine
 * @property {number | null} first
 * @property {number | null} call
 * @property {number | null} frame
 * @property {number | null} submit
 * @property {number[]} calls `call` of each round
 * @property {string[]} fetched paths that its page fetched
 * @property {string} [error] the reason if there are no times
 */

/** The environment of measurements. @typedef {{ browser: import("playwright-core").Browser, server: object, hardware: boolean }} Stage */

/**
 * Measures all cells of a plan once per round, so that other load on the machine affects all engines
 * equally. A cell with a call longer than the budget is measured only once.
 * @param {Stage} stage
 * @param {{ model: import("./prepare.mjs").ModelFacts, batch: number, engines: string[] }[]} plan
 * @param {{ rounds: number, budget: number }} options `budget` as in `page.mjs`
 * @returns {Promise<{ cells: Cell[], agreement: { model: string, batch: number, difference: number }[] }>}
 *   a cell whose images differ from the other engines' has an `error` instead of times
 */
export async function measureCells(stage, plan, { rounds, budget }) {
  const samples = new Map();
  const agreement = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const { model, batch, engines } of plan) {
      const outputs = [];
      for (const engine of engines) {
        const key = [model.name, batch, engine].join();
        const known = samples.get(key) ?? [];
        if (known.some(({ call, error }) => error || call > budget)) continue;
        const { output, ...sample } = await measureOnce(stage, { engine, model, batch, budget });
        if (output) outputs.push({ engine, key, output });
        samples.set(key, [...known, sample]);
        const { fetched, ...shown } = sample;
        console.error(JSON.stringify({ round, ...shown }));
      }
      if (round > 0 || outputs.length < 2) continue;
      const middle = elementwiseMedian(outputs.map(({ output }) => output));
      let difference = 0;
      for (const { engine, key, output } of outputs) {
        const own = largestDifference(output, middle);
        if (own < TOLERANCE) {
          difference = Math.max(difference, own);
          continue;
        }
        const error = `its images of ${model.name} at batch ${batch} differ from the other engines' by ${own}`;
        // An engine that computes something else is not timed.
        samples.set(key, [{ model: model.name, batch, engine, error }]);
        console.error(JSON.stringify({ round, model: model.name, batch, engine, error }));
      }
      agreement.push({ model: model.name, batch, difference });
    }
  }
  return { cells: [...samples.values()].map(summary), agreement };
}

/** Measures one cell in a new page. The result has an `error` instead of times if the engine fails. */
export async function measureOnce(stage, { engine, model, batch, budget, look }) {
  const [height, width, channels] = model.image;
  const query = new URLSearchParams({ engine, model: model.name, batch, budget, latent: model.latent, height, width, channels });
  const cell = { model: model.name, batch, engine };
  const { server } = stage;
  server.fetched();
  try {
    const result = await withPage(
      stage.browser,
      `${server.url}/bench/page.html?${query}`,
      async (page) => {
        const { output, ...times } = await page.evaluate(() => window.result);
        return { ...times, output: decode(output), look: await look?.(page) };
      },
      { limit: LIMIT },
    );
    return { ...cell, ...result, fetched: server.fetched() };
  } catch (error) {
    // A GPU that hangs eventually crashes the browser, so the next engine gets a new one.
    await stage.browser.close().catch(() => {});
    stage.browser = await startBrowser(stage);
    return { ...cell, error: error.message.split("\n")[0], fetched: server.fetched() };
  }
}

function decode(base64) {
  const bytes = Buffer.from(base64, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** For each value the median of the outputs. */
function elementwiseMedian(outputs) {
  return outputs[0].map((_, i) => median(outputs.map((output) => output[i])));
}

/** The largest difference between two outputs in any value; NaN if a value is NaN. */
function largestDifference(a, b) {
  if (a.length !== b.length) return Infinity;
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

function summary(samples) {
  const [{ model, batch, engine, fetched }] = samples;
  const good = samples.filter(({ error }) => !error);
  const times = TIMES.map((name) => [name, median(good.map((sample) => sample[name]).filter((time) => time != null))]);
  const error = good.length ? undefined : samples[0].error;
  return { model, batch, engine, ...Object.fromEntries(times), calls: good.map(({ call }) => call), fetched, error };
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : null;
}
