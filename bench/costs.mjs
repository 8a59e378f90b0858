/**
 * What an engine or the page costs beside time for each picture: bytes to fetch, memory,
 * the wait until a reader sees the first digits, and the wait for each piece of a stroke.
 */

import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { fileOf, residentBytes, startBrowser, withPage } from "./browser.mjs";
import { measureOnce } from "./cells.mjs";

const LIMIT = 120_000;
/** Pointer events of the stroke that is measured. */
const STROKE = 100;
const VIEWS = ["sample", "draw", "morph", "map", "edit", "inside"];
/** How often the wait for the first picture is measured. */
const VISITS = 5;

/**
 * Bytes after `gzip -9` of all that a page of each engine fetched: the program once,
 * and for each model its description and weights.
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

/** Neither a model nor the page that measures. */
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
 * Bytes after `gzip -9` that a reader downloads until a view works on the model it opens with, by what they are.
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

/** The first that fits. */
const KINDS = { program: /vaelet-web/, modules: /\.js$/, styles: /\.css$/, weights: /\.safetensors$/, other: /./ };

function kindOf(path) {
  return Object.keys(KINDS).find((kind) => KINDS[kind].test(path));
}

async function viewIsReady(page) {
  await page.waitForFunction(() => window.vaelet?.view && !vaelet.view.state.busy, null, { timeout: LIMIT });
  await page.evaluate(() => vaelet.ready.then(() => {}));
}

/** Runs in the page: what is kept for later visits without a network is no part of this one. */
function stayOnline() {
  delete Navigator.prototype.serviceWorker;
}

/**
 * Bytes that the renderer and the GPU process of a browser of its own hold after a run,
 * above what they hold with an empty page.
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
 * Milliseconds from the start of the navigation until the model's first digits, and until all of them, are on the
 * screen of the page that readers get, with nothing cached; and, for comparison, until TensorFlow.js has its first
 * image, and its first images of as many digits.
 */
export async function measurePicture(stage, digits) {
  const waits = {};
  const note = (name, time) => (waits[name] ??= []).push(time);
  for (let visit = 0; visit < VISITS; visit += 1) {
    let batch;
    for (const backend of ["auto", "webgpu", "cpu"]) {
      const url = `${stage.server.url}/dist/index.html#/sample?model=digits&backend=${backend}`;
      const { first, wall, count } = await withPage(stage.browser, url, pictures, { limit: LIMIT, init: watchPictures });
      note(`vaelet page, ${backend}, first`, first);
      note(`vaelet page, ${backend}, wall of ${count}`, wall);
      batch = count;
    }
    for (const count of [1, batch]) {
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
  await page.waitForFunction(() => window.pictures.wall, null, { timeout: LIMIT });
  return page.evaluate(() => window.pictures);
}

/**
 * Milliseconds from a pointer event on the drawing pad to the redrawn reconstruction, median
 * and nine in ten, on the CPU. Most of it is the wait for the next frame.
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

/** Runs in the page: notes how long after a pointer event its reconstruction is in the canvas, where the CPU puts it at once. */
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
 * Runs in the page: notes when the model's first pictures are on the screen, which the CPU draws whatever the page is
 * to run on, and when the sheet of samples has been drawn and the GPU has done all it was given.
 */
function watchPictures() {
  window.pictures = { first: null, wall: null, count: 0 };
  const now = () => Math.round(performance.now());
  const { putImageData } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.putImageData = function (...given) {
    putImageData.apply(this, given);
    if (!this.canvas.matches(".view .live")) return;
    CanvasRenderingContext2D.prototype.putImageData = putImageData;
    // A message comes after the frame that shows it.
    requestAnimationFrame(() => setTimeout(() => (window.pictures.first = now())));
  };
  const look = async () => {
    const { view, model } = window.vaelet ?? {};
    if (!view?.state.z || view.state.busy) {
      requestAnimationFrame(look);
      return;
    }
    await model.decode(view.state.z.slice(0, model.latentSize));
    Object.assign(window.pictures, { wall: now(), count: view.state.count });
  };
  look();
}
