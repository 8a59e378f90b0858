/**
 * What the browser tests stand on: a server for the built page whose answers a
 * test can damage, a Chromium with or without WebGPU, a Firefox, and pages that remember
 * every complaint on their console.
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { delimiter, extname, join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

/** The page as it was built. */
export const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const SCREENSHOTS = fileURLToPath(new URL("../../target/screenshots/", import.meta.url));
/** The page must work in any folder, so it is not served from the root. */
const PREFIX = "/some/folder/";
const LIST = "models/index.json";
const CHROMIUMS = ["chromium", "chromium-browser", "google-chrome"];
const FIREFOXES = ["firefox", "firefox-esr"];
const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** No test may last longer: what a script on a page waits for has no limit of its own. In milliseconds. */
export const LIMIT = 180_000;

/** Chromium stays off the network, where it looks for updates of its own. */
const QUIET = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
/**
 * WebGPU in software: the same on every machine. The browser itself has to draw with
 * the same software Vulkan, or a device is lost as soon as it presents to a canvas.
 */
const WEBGPU = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-angle=vulkan",
];
const NO_WEBGPU = ["--disable-features=WebGPU"];
/** Chromium's own remark where a page asks for an adapter and there is none. */
const NO_ADAPTER = /No available adapters/;

/**
 * Serves `dist/`, or another published `folder`, on this machine. Until `repair`, `damage(path, change)`
 * replaces the answer for a path: `change` gets `{ status, body, headers }` and gives what differs; an
 * answer of `null` never comes, one with `stall` stops half-way. The list of models then knows no hash of
 * that file, as if it had been published so. Paths are those of the repository: the version's folder is left out.
 */
export async function startServer(folder = DIST) {
  assert(existsSync(join(folder, "version.json")), `${folder} holds no page: run \`cargo xtask build\` first`);
  let site = folder;
  const damaged = new Map();
  const requested = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const file = pathname.startsWith(PREFIX) ? decodeURIComponent(pathname.slice(PREFIX.length)) || "index.html" : null;
    const path = file?.replace(/^v\/[0-9a-f]{16}\//, "") ?? null;
    requested.push(path);
    const found = await answer(site, file, damaged.get(path) ?? (path === LIST ? withoutHashes(damaged) : damaged.get("*")));
    if (!found) return; // an answer that never comes
    const { status, body, headers, stall } = found;
    const all = {
      "access-control-allow-origin": "*", // as GitHub Pages has it, for elements on other sites
      "cache-control": "no-store",
      "content-length": body.length,
      "content-type": status === 200 ? (TYPES[extname(path)] ?? "application/octet-stream") : "text/plain",
      ...headers,
    };
    response.writeHead(status, Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
    if (stall) response.write(body.subarray(0, body.length / 2));
    else response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}${PREFIX}`,
    damage: (path, change) => damaged.set(path, change),
    repair: () => damaged.clear(),
    /** Publishes another folder at the same address. */
    publish: (next) => (site = next),
    /** Paths that were asked for so far. */
    requested,
    close() {
      server.closeAllConnections(); // some wait for answers that never come
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Serves one page of somebody else's, at an origin of its own and under a policy. */
export async function startArticle(body, policy) {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html", "content-security-policy": policy });
    response.end(`<!doctype html><html lang="en"><title>An article</title><link rel="icon" href="data:,">${body}`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** The list of models, as if damaged files had been published so. */
function withoutHashes(damaged) {
  if (![...damaged.keys()].some((path) => path.startsWith("models/"))) return damaged.get("*");
  return ({ body }) => {
    const list = JSON.parse(body);
    for (const { name, files } of list) for (const file of Object.keys(files)) if (damaged.has(`models/${name}/${file}`)) delete files[file];
    return { body: Buffer.from(JSON.stringify(list)) };
  };
}

async function answer(site, path, change) {
  const file = path === null ? null : normalize(join(site, path));
  const body = file?.startsWith(site) ? await readFile(file).catch(() => null) : null;
  const plain = body ? { status: 200, body } : { status: 404, body: Buffer.from("not found") };
  const changed = change?.(plain);
  return changed === null ? null : { ...plain, ...changed };
}

/** Starts Chromium, with WebGPU on its software adapter or without any adapter. */
export async function startBrowser({ webgpu }) {
  const args = [...QUIET, ...(webgpu ? WEBGPU : NO_WEBGPU)];
  return chromium.launch({ executablePath: findBrowser("CHROMIUM", CHROMIUMS), args });
}

/** Starts Firefox, which has no WebGPU on Linux, by WebDriver BiDi. */
export function startFirefox() {
  return puppeteer.launch({ browser: "firefox", executablePath: findBrowser("FIREFOX", FIREFOXES), headless: true });
}

function findBrowser(variable, programs) {
  const named = process.env[variable];
  if (named) {
    assert(existsSync(named), `${variable} names ${named}, which does not exist`);
    return named;
  }
  const files = (process.env.PATH ?? "").split(delimiter).flatMap((folder) => programs.map((name) => join(folder, name)));
  const found = files.find(existsSync);
  assert(found, `no ${programs[0]} was found: \`cargo xtask test browser\` installs it, or name one in ${variable}`);
  return found;
}

/** For the tests of one `describe`: a server and a Chromium, there before them and gone after. */
export function useBrowser({ webgpu }) {
  const env = {};
  before(async () => {
    env.server = await startServer();
    env.browser = await startBrowser({ webgpu });
  });
  after(async () => {
    await env.browser?.close();
    await env.server?.close();
  });
  return env;
}

/** Gives a function that tests the page at a hash, on this backend, once everything is on the screen. */
export function pageTests(env, backend) {
  return (name, hash, use, options) =>
    test(name, () =>
      withPage(env, `${hash}${hash.includes("?") ? "&" : "?"}backend=${backend}`, async (page) => {
        await ready(page);
        await settle(page);
        await use(page);
      }, options));
}

/**
 * Opens the page at a hash, or any other `url`, gives it to `use`, and asserts that nothing was
 * said on its console but what is `expected`.
 */
export async function withPage({ browser, server }, hash, use, { expected, init, url = server.url + hash, ...context } = {}) {
  const tab = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...context });
  const limit = setTimeout(() => tab.close({ reason: `the test lasted longer than ${LIMIT / 1000} s` }).catch(() => {}), LIMIT);
  try {
    // A GPU in software on a busy machine takes its time.
    tab.setDefaultTimeout(120_000);
    const page = await tab.newPage();
    const complaints = listen(page);
    if (init) await page.addInitScript(init);
    await page.goto(url);
    await use(page);
    const unexpected = complaints.filter((text) => !NO_ADAPTER.test(text) && !expected?.test(text));
    assert.deepEqual(unexpected, [], "the console is not free of errors");
  } finally {
    clearTimeout(limit);
    await tab.close();
  }
}

/** Everything a page complains of on its console. Works for Playwright's pages and Puppeteer's. */
export function listen(page) {
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning", "warn"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.stack}`));
  return complaints;
}

/** Waits until a view is there and its model runs where it was asked to. */
export async function ready(page) {
  const failed = page.waitForSelector("#error:not([hidden])").then(
    async () => assert.fail(`the page says: ${await page.textContent("#error-message")}`),
    () => {}, // the page worked, or was closed
  );
  await Promise.race([page.waitForFunction(() => window.vaelet?.view), failed]);
  await page.evaluate(() => vaelet.ready.then(() => {}));
}

/** Waits until everything that was asked for is on the screen. */
export async function settle(page) {
  const twoFrames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
  await page.evaluate(twoFrames);
  await page.waitForFunction(() => window.vaelet.view && !vaelet.view.state.busy);
  await page.evaluate(twoFrames);
}

/** The numbers of the view on the page, typed arrays as plain ones. */
export function state(page) {
  return page.evaluate(() => {
    const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
    return Object.fromEntries(Object.entries(vaelet.view.state).map(([name, value]) => [name, plain(value)]));
  });
}

/**
 * Draws strokes with the mouse; points are parts of the pad's width, and may lie outside.
 * Like a real mouse it does not wait for the page: what comes within a frame arrives at once.
 */
export async function drawStrokes(page, strokes, pad = "#pad") {
  const box = await page.locator(pad).boundingBox();
  const cdp = await page.context().newCDPSession(page);
  const send = (type, [x, y], buttons) =>
    cdp.send("Input.dispatchMouseEvent", {
      type,
      x: box.x + x * box.width,
      y: box.y + y * box.height,
      button: type === "mouseMoved" && !buttons ? "none" : "left",
      buttons,
      clickCount: type === "mouseMoved" ? 0 : 1,
    });
  for (const points of strokes) {
    const [first, last] = [points[0], points.at(-1)];
    await Promise.all([
      send("mouseMoved", first, 0),
      send("mousePressed", first, 1),
      ...points.slice(1).map((point) => send("mouseMoved", point, 1)),
      send("mouseReleased", last, 0),
    ]);
  }
  await cdp.detach();
}

/** What axe-core has against the page as it is, in words. The page has to be opened with `bypassCSP`. */
export async function audit(page) {
  axe ??= await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} – ${failureSummary}`).join("; ")}`);
}

/** Drags with the mouse. Places are parts of the element's width and height. */
export async function drag(page, selector, from, to) {
  await page.locator(selector).scrollIntoViewIfNeeded();
  const box = await page.locator(selector).boundingBox();
  const move = ([x, y], options) => page.mouse.move(box.x + x * box.width, box.y + y * box.height, options);
  await move(from);
  await page.mouse.down();
  await move(to, { steps: 5 });
  await page.mouse.up();
}

/** @type {string | undefined} */
let axe;

/** Drags a finger over an element; points are parts of its width and height. */
export async function touchDrag(page, selector, points) {
  await page.locator(selector).scrollIntoViewIfNeeded();
  const box = await page.locator(selector).boundingBox();
  const cdp = await page.context().newCDPSession(page);
  const send = (type, touches) =>
    cdp.send("Input.dispatchTouchEvent", { type, touchPoints: touches.map(([x, y]) => ({ x: box.x + x * box.width, y: box.y + y * box.height })) });
  const [first, ...rest] = points;
  await send("touchStart", [first]);
  for (const point of rest) await send("touchMove", [point]);
  await send("touchEnd", []);
  await cdp.detach();
}

/** What is really on the screen where a canvas is: grey values, `width` × `height`. */
export async function seen(page, selector, width, height) {
  const png = (await page.locator(selector).screenshot()).toString("base64");
  return page.evaluate(
    async ([png, width, height]) => {
      const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height);
      return Array.from({ length: width * height }, (_, i) => data[4 * i]);
    },
    [png, width, height],
  );
}

/** Images [N, 28, 28] put together as a sheet, row by row. */
export function sheet(images, columns, size = 28) {
  const count = images.length / (size * size);
  const width = columns * size;
  const pixels = new Array(width * size * Math.ceil(count / columns)).fill(0);
  images.forEach((value, i) => {
    const [n, y, x] = [Math.floor(i / (size * size)), Math.floor(i / size) % size, i % size];
    pixels[(Math.floor(n / columns) * size + y) * width + (n % columns) * size + x] = value;
  });
  return pixels;
}

/** Pearson's correlation of two pictures: 1 where they show the same. */
export function correlation(a, b) {
  assert.equal(a.length, b.length);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    ab += (value - meanA) * (b[i] - meanB);
    aa += (value - meanA) ** 2;
    bb += (b[i] - meanB) ** 2;
  });
  return aa && bb ? ab / Math.sqrt(aa * bb) : 0;
}

/** The largest absolute difference of two lists of numbers. */
export function maxDifference(a, b) {
  assert.equal(a.length, b.length);
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i])), 0);
}

/** Keeps a picture of the whole page for a person to look at. */
export async function screenshot(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
