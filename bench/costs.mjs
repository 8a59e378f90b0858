/**
 * Costs besides the time per image: download size, memory, the time until the first digits are
 * visible, and the latency of drawing.
 */

import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { fileOf, residentBytes, startBrowser, withPage } from "./browser.mjs";
import { measureOnce } from "./cells.mjs";

const LIMIT = 120_000;
/** Number of pointer events in the measured stroke. */
const STROKE = 100;
const VIEWS = ["sample", "draw", "morph", "map", "edit", "inside"];
/** Number of measurements of the time to the first image. */
const VISITS = 5;
/** Milliseconds between visits. */
const SETTLED = 2000;

/**
 * Download size of each engine in bytes after `gzip -9`: once the program, and for each model its
 * description and weights.
 * @param {import("./cells.mjs").Cell[]} cells
 */
export async function measureBytes(cells) {
  const engines = {};
  for (const { engine, model, fetched, error } of cells) {
    if (error) continue;
    const { weights } = (engines[engine] ??= { program: await weigh(fetched.filter(isProgram)), weights: {} });
    weights[model] ??= await weigh(fetched.filter((path) => path.startsWith("/target/models/")));
  }
  return engines;
}

/** Whether a path is neither a model nor the measuring page. */
function isProgram(path) {
  return !path.startsWith("/target/models/") && !path.startsWith("/bench/");
}

const packed = new Map();

async function weigh(paths) {
  let sum = 0;
  for (const path of new Set(paths)) {
    if (!packed.has(path)) packed.set(path, gzipSync(await readFile(fileOf(path)), { level: 9 }).length);
    sum += packed.get(path);
  }
  return sum;
}

/**
 * Download size in bytes after `gzip -9` until a view is ready with its default model, by kind of file.
 * @returns {Promise<Record<string, { program: number, modules: number, styles: number, weights: number, other: number }>>} by view
 */
export async function measureDownload({ browser, server }) {
  const download = {};
  for (const view of VIEWS) {
    server.fetched();
    await withPage(browser, `${server.url}/dist/index.html#/${view}?backend=cpu`, viewIsReady, { limit: LIMIT, init: stayOnline });
    const paths = server.fetched();
    const kinds = Object.keys(KINDS).map(async (kind) => [kind, await weigh(paths.filter((path) => kindOf(path) === kind))]);
    download[view] = Object.fromEntries(await Promise.all(kinds));
  }
  console.error(JSON.stringify({ download }));
  return download;
}

/** A file has the first kind that matches its path. */
const KINDS = { program: /vaelet-web/, modules: /\.js$/, styles: /\.css$/, weights: /\.safetensors$/, other: /./ };

function kindOf(path) {
  return Object.keys(KINDS).find((kind) => KINDS[kind].test(path));
}

async function viewIsReady(page) {
  await page.waitForFunction(() => window.vaelet?.view && !vaelet.view.state.busy, null, { timeout: LIMIT });
  await page.evaluate(() => vaelet.ready.then(() => {}));
}

/** Runs in the page: removes the service worker, whose downloads for offline use do not count. */
function stayOnline() {
  delete Navigator.prototype.serviceWorker;
}

/**
 * Memory of a new browser's renderer and GPU process after a run, in bytes above that with an empty
 * page.
 */
export async function measureMemory(server, models, { engines, batch, budget, hardware }) {
  const results = [];
  for (const model of models) {
    for (const engine of engines) {
      const stage = { server, hardware, browser: await startBrowser({ hardware }) };
      try {
        const settled = async () => {
          await new Promise((resolve) => setTimeout(resolve, 1000));
          return residentBytes(stage.browser);
        };
        const blank = await withPage(stage.browser, "about:blank", settled, { limit: LIMIT });
        const { look: used, error } = await measureOnce(stage, { engine, model, batch, budget, look: settled });
        const bytes = blank == null || used == null ? null : used - blank;
        results.push({ engine, model: model.name, batch, bytes, error });
        console.error(JSON.stringify({ memory: results.at(-1) }));
      } finally {
        await stage.browser.close();
      }
    }
  }
  return results;
}

/**
 * Milliseconds from the start of the navigation, with an empty cache, until the published page shows the model's first
 * digit and all digits; and, for comparison, until TensorFlow.js has computed one image, and as many images.
 */
export async function measurePicture(stage, digits) {
  const waits = {};
  const note = (name, time) => (waits[name] ??= []).push(time);
  // The browser's GPU process still compiles for the page before, which would delay the next.
  const settled = () => new Promise((resolve) => setTimeout(resolve, SETTLED));
  for (let visit = 0; visit < VISITS; visit += 1) {
    let batch;
    for (const backend of ["auto", "webgpu", "cpu"]) {
      const url = `${stage.server.url}/dist/index.html#/sample?model=digits&backend=${backend}`;
      await settled();
      const { first, all, count } = await withPage(stage.browser, url, pictures, { limit: LIMIT, init: watchPictures });
      note(`vaelet page, ${backend}, first`, first);
      note(`vaelet page, ${backend}, all ${count}`, all);
      batch = count;
    }
    for (const count of [1, batch]) {
      await settled();
      const { first } = await measureOnce(stage, { engine: "tfjs-webgpu", model: digits, batch: count, budget: 0 });
      note(`tfjs-webgpu, ${count}`, first ?? NaN);
    }
  }
  const medians = Object.entries(waits).map(([name, times]) => [name, times.sort((a, b) => a - b)[times.length >> 1]]);
  const picture = Object.fromEntries(medians);
  console.error(JSON.stringify({ picture }));
  return picture;
}

async function pictures(page) {
  await page.waitForFunction(() => window.pictures.all, null, { timeout: LIMIT });
  return page.evaluate(() => window.pictures);
}

/**
 * Milliseconds from a pointer event on the drawing pad to the updated reconstruction on the CPU: median
 * and 90th percentile. Most of it is the wait for the next frame.
 */
export async function measureStroke(stage) {
  const url = `${stage.server.url}/dist/index.html#/draw?backend=cpu`;
  const waits = await withPage(stage.browser, url, drawStroke, { limit: LIMIT });
  waits.sort((a, b) => a - b);
  const at = (part) => Number(waits[Math.floor(part * waits.length)].toFixed(1));
  const stroke = { median: at(0.5), nineInTen: at(0.9), events: waits.length };
  console.error(JSON.stringify({ stroke }));
  return stroke;
}

async function drawStroke(page) {
  await page.waitForFunction(() => window.vaelet?.view, null, { timeout: LIMIT });
  await page.evaluate(() => vaelet.ready.then(() => {}));
  await page.evaluate(watchStroke);
  const box = await page.locator("#pad").boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.2);
  await page.mouse.down();
  for (let i = 0; i < STROKE; i += 1) {
    const angle = (i / 20) * Math.PI;
    await page.mouse.move(box.x + box.width * (0.5 + 0.25 * Math.sin(angle)), box.y + box.height * (0.45 - 0.25 * Math.cos(angle)));
    await page.waitForTimeout(30);
  }
  await page.mouse.up();
  return page.evaluate(() => window.strokeWaits);
}

/** Runs in the page: records the time from a pointer event until the CPU has drawn its reconstruction. */
function watchStroke() {
  window.strokeWaits = [];
  const { model } = window.vaelet;
  const reconstruct = model.reconstruct.bind(model);
  let since = null;
  addEventListener("pointermove", (event) => (since ??= event.timeStamp), true);
  model.reconstruct = (...given) => {
    const answer = reconstruct(...given);
    if (since !== null) window.strokeWaits.push(performance.now() - since);
    since = null;
    return answer;
  };
}

/**
 * Runs in the page: records when the first images are visible, which the CPU draws for every backend, and when all
 * samples have been drawn and the GPU is idle.
 */
function watchPictures() {
  window.pictures = { first: null, all: null, count: 0 };
  const now = () => Math.round(performance.now());
  const { putImageData } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.putImageData = function (...given) {
    putImageData.apply(this, given);
    if (!this.canvas.matches(".view .live")) return;
    CanvasRenderingContext2D.prototype.putImageData = putImageData;
    // The timeout fires after the frame that shows the image.
    requestAnimationFrame(() => setTimeout(() => (window.pictures.first = now())));
  };
  const look = async () => {
    const { view, model } = window.vaelet ?? {};
    if (!view?.state.z || view.state.busy) {
      requestAnimationFrame(look);
      return;
    }
    await model.decode(view.state.z.slice(0, model.latentSize));
    Object.assign(window.pictures, { all: now(), count: view.state.count });
  };
  look();
}
