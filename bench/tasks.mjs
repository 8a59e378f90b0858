/**
 * How long each view keeps the page's thread busy at a time, while it loads and while it is used:
 * a browser calls a task of more than 50 ms a long one, and no input is answered during it.
 */

import { withPage } from "./browser.mjs";

const LIMIT = 120_000;
/** How often each view is opened; the median of the visits counts, because other programs run here too. */
const VISITS = 3;
/** Milliseconds without a task after which a view counts as done. */
const QUIET = 1000;

/** What a reader does first in each view. @type {Record<string, (page: import("playwright-core").Page) => Promise<unknown>>} */
const USES = {
  sample: (page) => page.click("#new-samples"),
  draw: (page) => drag(page, "#pad"),
  morph: (page) => slide(page, "#t"),
  map: (page) => drag(page, "#pad"),
  edit: (page) => slide(page, "#attribute-1"),
  inside: (page) => page.locator("#examples button").nth(5).click(),
};

/**
 * The longest task of each view in milliseconds, 0 where none was long, with the model it opens on.
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
  await page.waitForFunction(() => window.vaelet?.view, null, { timeout: LIMIT });
  await page.evaluate(() => vaelet.ready.then(() => {}));
  const load = await longest(page);
  await use(page);
  return { load, use: await longest(page) };
}

/** The longest task since the last time, once the page has been quiet for a while. */
async function longest(page) {
  await page.waitForFunction((quiet) => performance.now() - window.lastTask > quiet, QUIET, { timeout: LIMIT });
  return page.evaluate(() => {
    const found = Math.max(0, ...window.longTasks);
    window.longTasks = [];
    window.lastTask = performance.now();
    return found;
  });
}

/** Runs in the page before all else. */
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

/** Moves a slider to its end, step by step, as a finger does. */
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
