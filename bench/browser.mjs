/**
 * The basis of all measurements: a server that records what is fetched, a Chromium with software
 * or hardware WebGPU, fresh pages, and the memory of its processes.
 */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { delimiter, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/** The served folders, by the first part of a URL's path. */
const FOLDERS = {
  bench: fileURLToPath(new URL("./", import.meta.url)),
  dist: fileURLToPath(new URL("../dist/", import.meta.url)),
  node_modules: fileURLToPath(new URL("./node_modules/", import.meta.url)),
  target: fileURLToPath(new URL("../target/bench/", import.meta.url)),
};
const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];
const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};
/** Pages of Chromium's address bar. It builds them in the first second of a new window, which disturbs measurements. */
const OWN_PAGES = ["PreloadTopChromeWebUI", "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"];
const QUIET = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", `--disable-features=${OWN_PAGES}`];
const WEBGPU = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--use-angle=vulkan"];
/** The browser must draw with the same software Vulkan, as in the browser tests. */
const SOFTWARE = ["--use-webgpu-adapter=swiftshader", "--use-vulkan=swiftshader"];
const HARDWARE = ["--ignore-gpu-blocklist"];

/** The file for a path of the server, or null. */
export function fileOf(path) {
  const [, name, ...rest] = path.split("/");
  const folder = Object.hasOwn(FOLDERS, name) ? FOLDERS[name] : null;
  const file = folder && normalize(join(folder, ...rest.map(decodeURIComponent)));
  return file?.startsWith(folder) ? file : null;
}

/** Serves the built page, the other engines and the models. `fetched()` returns the paths requested since its last call. */
export async function startServer() {
  let paths = [];
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const file = fileOf(path);
    const body = file ? await readFile(file).catch(() => null) : null;
    if (body) paths.push(path);
    response.writeHead(body ? 200 : 404, {
      "cache-control": "no-store",
      "content-length": body?.length ?? 0,
      "content-type": TYPES[extname(path)] ?? "application/octet-stream",
      // The clock of an isolated page has a resolution of 5 µs instead of 100 µs.
      "cross-origin-embedder-policy": "require-corp",
      "cross-origin-opener-policy": "same-origin",
    });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const fetched = () => {
    const list = paths;
    paths = [];
    return list;
  };
  return { url: `http://127.0.0.1:${server.address().port}`, fetched, close: () => server.close() };
}

/** Starts Chromium with hardware or software WebGPU. */
export function startBrowser({ hardware }) {
  return chromium.launch({ executablePath: findBrowser(), args: [...QUIET, ...WEBGPU, ...(hardware ? HARDWARE : SOFTWARE)] });
}

function findBrowser() {
  const { CHROMIUM, PATH = "" } = process.env;
  const files = PATH.split(delimiter).flatMap((folder) => BROWSERS.map((name) => join(folder, name)));
  const found = CHROMIUM ?? files.find(existsSync);
  if (!found) throw new Error("no Chromium found: run `cargo xtask bench`, which installs it, or set CHROMIUM to its path");
  return found;
}

/**
 * Opens a URL in a new page with an empty cache, and calls `use` with it.
 * @template T
 * @param {import("playwright-core").Browser} browser
 * @param {string} url
 * @param {(page: import("playwright-core").Page) => Promise<T>} use
 * @param {{ limit: number, init?: () => void }} options `limit` in milliseconds; `init` runs in the page before its scripts
 * @returns {Promise<T>}
 */
export async function withPage(browser, url, use, { limit, init }) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
  let timer;
  try {
    const page = await context.newPage();
    if (init) await page.addInitScript(init);
    const failed = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`took longer than ${limit / 1000} s`)), limit);
      page.on("crash", () => reject(new Error("the page crashed")));
      page.on("pageerror", reject);
    });
    failed.catch(() => {}); // reported by the race, unless it has ended
    await Promise.race([page.goto(url), failed]);
    const used = use(page);
    used.catch(() => {}); // likewise
    return await Promise.race([used, failed]);
  } finally {
    clearTimeout(timer);
    await context.close().catch(() => {}); // the browser may have crashed
  }
}

/**
 * Resident memory of a browser's renderers and GPU process, in bytes.
 * @returns {Promise<number | null>} null if the system does not report it
 */
export async function residentBytes(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const sizes = processInfo.filter(({ type }) => ["renderer", "GPU"].includes(type)).map(({ id }) => residentSize(id));
  const found = await Promise.all(sizes);
  return found.includes(null) ? null : found.reduce((sum, bytes) => sum + bytes, 0);
}

async function residentSize(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes ? 1024 * Number(kilobytes) : null;
}
