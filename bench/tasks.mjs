/**
 * Measures the longest task of the page's main thread in each view, while it loads and while it is used.
 * Browsers report tasks of more than 50 ms as long tasks; the page cannot respond to input during them.
 */

import { withPage } from "./browser.mjs";

const LIMIT = 120_000;
/** Number of visits to each view. The result is the median, because other programs run at the same time. */
const VISITS = 3;
/** Milliseconds without a long task after which a view counts as idle. */
const QUIET = 1000;

/** The first thing that a user does in each view. @type {Record<string, (page: import("playwright-core").Page) => Promise<unknown>>} */
const USES = {
  sample: (page) => page.click("#new-samples"),
  draw: (page) => drag(page, "#pad"),
  morph: (page) => slide(page, "#t"),
  map: (page) => drag(page, "#pad"),
  edit: (page) => slide(page, "#attribute-1"),
  inside: (page) => page.locator("#examples button").nth(5).click(),
  use: (page) => page.click("#another"),
  train: async (page) => {
    await page.click("#run");
    await page.waitForFunction(() => vaelet.training.steps >= 50, null, { timeout: LIMIT });
    await page.click("#run");
  },
};

/**
 * The longest task of each view with its default model, in milliseconds; 0 if there was no long task.
 * @param {import("./cells.mjs").Stage} stage
 * @returns {Promise<{ view: string, backend: string, load: number, use: number }[]>} medians of all visits
 */
export async function measureTasks({ browser, server }) {
  const results = [];
  for (const backend of ["cpu", "auto"]) {
    for (const [view, use] of Object.entries(USES)) {
      const visits = [];
      for (let visit = 0; visit < VISITS; visit += 1) {
        const url = `${server.url}/dist/index.html#/${view}?backend=${backend}`;
        visits.push(await withPage(browser, url, (page) => watch(page, use), { limit: LIMIT, init: noteTasks }));
      }
      results.push({ view, backend, load: median(visits.map(({ load }) => load)), use: median(visits.map((times) => times.use)) });
      console.error(JSON.stringify({ tasks: results.at(-1) }));
    }
  }
  return results;
}

async function watch(page, use) {
  await page.waitForFunction(() => window.vaelet?.view || window.vaelet?.training, null, { timeout: LIMIT });
  await page.evaluate(() => vaelet.ready.then(() => {}));
  const load = await longest(page);
  await use(page);
  return { load, use: await longest(page) };
}

/** Waits until the page is idle and returns the longest task since the last call. */
async function longest(page) {
  await page.waitForFunction((quiet) => performance.now() - window.lastTask > quiet, QUIET, { timeout: LIMIT });
  return page.evaluate(() => {
    const found = Math.max(0, ...window.longTasks);
    window.longTasks = [];
    window.lastTask = performance.now();
    return found;
  });
}

/** Runs in the page before its scripts: records long tasks. */
function noteTasks() {
  window.longTasks = [];
  window.lastTask = 0;
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      window.longTasks.push(Math.round(duration));
      window.lastTask = startTime + duration;
    }
  }).observe({ type: "longtask", buffered: true });
}

/** Moves a slider step by step. */
async function slide(page, slider) {
  await page.focus(slider);
  for (let i = 0; i < 20; i += 1) await page.keyboard.press("ArrowRight");
}

async function drag(page, target) {
  const box = await page.locator(target).boundingBox();
  const at = (part) => [box.x + box.width * (0.3 + 0.4 * part), box.y + box.height * (0.3 + 0.3 * part)];
  await page.mouse.move(...at(0));
  await page.mouse.down();
  for (let i = 1; i <= 20; i += 1) await page.mouse.move(...at(i / 20));
  await page.mouse.up();
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
