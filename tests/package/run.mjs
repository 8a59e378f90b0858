/**
 * The npm package as its users meet it: packed, installed into a project with TypeScript and a
 * bundler, checked, built, and opened in a browser from a folder of a server with a strict policy.
 * Each step prints a line, and the first that fails ends the run.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { cp, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const path = (address) => fileURLToPath(new URL(address, import.meta.url));
const PROJECT = path("./");
const BROWSER_TESTS = path("../browser/");
const PACKAGE = path("../../npm/");
const DIST = path("../../dist/");
const MODELS = path("../../models/");
const SITE = path("./dist/");
const INSTALLED = path("./node_modules/vaelet/");

/** Every script of the package is reached from one of these. */
const ENTRIES = ["web/vaelet.js", "web/vae-let.js"];
/** What is in the package beside scripts and what they name. */
const BESIDE = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json", "web/vae-let.d.ts", "web/vaelet.d.ts"];
/** The least that a site has to allow. */
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src 'self'; style-src 'self'";
const PREFIX = "/some/folder/";
const TYPES = { ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm" };
/** A picture with ink on paper has greys that lie at least this far apart. */
const CONTRAST = 100;

/** @param {() => string | Promise<string>} action gives what there is to say */
async function step(name, action) {
  const start = performance.now();
  process.stdout.write(`${name}: `);
  const said = await action();
  console.log(`${said} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}

/** What a program printed; throws with all of it where it fails. */
function run(folder, program, ...args) {
  const { status, error, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8", shell: process.platform === "win32" });
  assert(status === 0, `\`${[program, ...args].join(" ")}\` failed in ${folder}\n${error ?? ""}${stdout}${stderr}`);
  return stdout + stderr;
}

/** Installs the locked packages of a folder unless they are there. */
function provide(folder) {
  const [lock, done] = ["package-lock.json", "node_modules/.package-lock.json"].map((file) => join(folder, file));
  if (existsSync(done) && statSync(done).mtimeMs >= statSync(lock).mtimeMs) return "there";
  run(folder, "npm", "ci", "--no-audit", "--no-fund");
  return "installed";
}

/** All files under a folder, relative to it. */
async function filesIn(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).replaceAll(sep, "/"));
}

/** The files that scripts import or fetch, from `entries` on. */
async function reached(folder, entries) {
  const found = new Set(entries);
  for (const file of found) {
    if (!file.endsWith(".js")) continue;
    const source = await readFile(join(folder, file), "utf8");
    const named = source.matchAll(/(?:\bfrom|\bimport|\bimport\(|new URL\()["']([^"']+\.(?:js|css|wasm))["']/g);
    for (const [, name] of named) found.add(join(file, "..", name).replaceAll(sep, "/"));
  }
  return [...found];
}

async function serve(folder) {
  const server = createServer(async (request, response) => {
    const pathname = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    // Browsers ask the server for this, whatever the page says.
    if (pathname === "/favicon.ico") return void response.writeHead(204).end();
    const file = normalize(join(folder, pathname.slice(PREFIX.length) || "index.html"));
    const body = pathname.startsWith(PREFIX) && file.startsWith(folder) ? await readFile(file).catch(() => null) : null;
    response.writeHead(body ? 200 : 404, { "content-security-policy": POLICY, "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    response.end(body ?? "not found");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}${PREFIX}`, close: () => server.close() };
}

/** Waits until a picture is on the screen; canvases are drawn a frame after their model is there. */
async function painted({ seen }, page, selector) {
  let contrast = 0;
  for (const end = Date.now() + 10_000; contrast < CONTRAST && Date.now() < end; ) {
    const greys = await seen(page, selector, 28, 28);
    contrast = Math.max(...greys) - Math.min(...greys);
  }
  assert(contrast >= CONTRAST, `nothing is painted in ${selector}`);
}

async function look(harness, page) {
  page.setDefaultTimeout(30_000);
  const report = await (await page.waitForFunction(() => window.report)).jsonValue();
  assert.equal(report.failure, undefined);
  const { title, weights } = JSON.parse(await readFile(join(MODELS, "digits/model.json"), "utf8"));
  assert.deepEqual(report.loaded, [title, title], "both elements load the model");
  assert.deepEqual(report.progress, { loaded: weights.bytes, total: weights.bytes }, "the element tells how much it has fetched");
  const { pixels } = report;
  assert.equal(pixels.length, 4 * 28 * 28);
  assert(pixels.every((value) => value >= 0 && value <= 1), "pixels lie in [0, 1]");
  assert(Math.max(...pixels) > 0.9 && Math.min(...pixels) < 0.1, "the pixels hold ink and paper");
  for (const selector of ["#written", "#morphed"]) await painted(harness, page, `${selector} canvas.live >> visible=true >> nth=0`);
  await painted(harness, page, "#decoded");
  await page.getByRole("button", { name: "New digits" }).click();
  const changes = await (await page.waitForFunction(() => window.report.changes.length > 0 && window.report.changes)).jsonValue();
  assert.equal(changes[0].view, "sample");
  assert.match(changes[0].state, /^seed=\d+$/);
}

const temporary = await mkdtemp(join(tmpdir(), "vaelet-package-"));
try {
  let tarball;
  await step("npm pack", async () => {
    run(PACKAGE, "npm", "pack", "--pack-destination", temporary);
    const [name] = await readdir(temporary);
    tarball = join(temporary, name);
    return `${name}, ${(statSync(tarball).size / 1000).toFixed(0)} kB`;
  });
  await step("npm ci", () => `packages of tests/package ${provide(PROJECT)}, of tests/browser ${provide(BROWSER_TESTS)}`);
  await step("npm install", async () => {
    run(PROJECT, "npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefer-offline", tarball);
    const files = await filesIn(INSTALLED);
    const used = await reached(INSTALLED, ENTRIES);
    assert.deepEqual(files.sort(), [...used, ...BESIDE].sort(), "the package holds what its scripts name, types, licences, and nothing else (see PAGE_ONLY in npm/prepack.mjs)");
    return `${files.length} files`;
  });
  await step("tsc", () => run(PROJECT, "npm", "run", "--silent", "check") || "no complaint");
  await step("vite build", async () => {
    const said = run(PROJECT, "npm", "run", "--silent", "build");
    assert.doesNotMatch(said, /warn|at build time/i);
    await rm(join(SITE, "models"), { recursive: true, force: true });
    await cp(join(MODELS, "digits"), join(SITE, "models/digits"), { recursive: true });
    const { version } = JSON.parse(await readFile(join(DIST, "version.json"), "utf8"));
    await cp(join(DIST, "v", version, "models/index.json"), join(SITE, "models/index.json"));
    return (await readdir(join(SITE, "assets"))).join(" ");
  });
  await step("browser", async () => {
    // It stands on packages that were only now installed.
    const harness = await import("../browser/harness.mjs");
    const server = await serve(SITE);
    const browser = await harness.startBrowser({ webgpu: false });
    try {
      await harness.withPage({ browser, server }, "", (page) => look(harness, page));
    } finally {
      await browser.close();
      server.close();
    }
    return "two elements and the API paint under a strict policy, and the console is clean";
  });
} catch (error) {
  console.log("failed");
  console.error(error instanceof assert.AssertionError ? error.message : error);
  process.exitCode = 1;
} finally {
  await rm(temporary, { recursive: true, force: true });
}
