/**
 * Trains the same two networks in the browser with vaelet, TensorFlow.js and jax-js: images a second at batch 128 with
 * Adam, in one Chromium, and for vaelet the seconds to −ELBO 110 on held-out digits.
 *
 *     cargo xtask build && npm --prefix bench ci && node bench/learning/run.mjs [--seconds 8] [--engines vaelet-cpu,jax-wasm]
 *
 * Writes bench/results/learning.json, or target/bench/learning.json where not everything was asked for.
 */

import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { fileOf, startBrowser, startServer, withPage } from "../browser.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TARGET = join(ROOT, "target/bench/learning");
const ENGINES = ["vaelet-cpu", "vaelet-webgpu", "tfjs-wasm", "tfjs-webgpu", "jax-wasm", "jax-webgpu"];
const NETWORKS = ["mlp", "conv"];
/** Rounds; the result is the median. */
const ROUNDS = 3;

const { values } = parseArgs({ options: { seconds: { type: "string", default: "8" }, engines: { type: "string", default: ENGINES.join(",") }, rounds: { type: "string", default: String(ROUNDS) } } });
const engines = values.engines.split(",");
const unknown = engines.find((engine) => !ENGINES.includes(engine));
if (unknown) throw new Error(`--engines: unknown \`${unknown}\`; choose from ${ENGINES.join(", ")}`);

await bundle();
const { version } = JSON.parse(await readFile(join(ROOT, "dist/version.json"), "utf8"));
const server = await startServer();
const browser = await startBrowser({ hardware: false });
const results = [];
try {
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const network of NETWORKS) for (const engine of engines) results.push(await measure(engine, network));
  }
  const goal = engines.includes("vaelet-cpu") ? await open("vaelet-cpu", "mlp", { goal: "110" }) : null;
  const report = { seconds: Number(values.seconds), rounds: Number(values.rounds), imagesASecond: medians(results), bytes: await bytes(), secondsTo110: goal };
  const isFull = engines.length === ENGINES.length;
  const file = join(ROOT, isFull ? "bench/results/learning.json" : "target/bench/learning.json");
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, null, 1)}\n`);
  console.log(JSON.stringify(report, null, 1));
} finally {
  await browser.close();
  server.close();
}

/** Images a second of one engine on a fresh page, or why there are none. */
async function measure(engine, network) {
  const result = { engine, network, ...(await open(engine, network, {})) };
  console.error(JSON.stringify(result));
  return result;
}

function open(engine, network, more) {
  const query = new URLSearchParams({ engine, network, version, seconds: values.seconds, ...more });
  return withPage(browser, `${server.url}/bench/learning/page.html?${query}`, async (page) => {
    await page.waitForFunction(() => Boolean(window.result));
    return page.evaluate(() => window.result.catch((error) => ({ failed: String(error).slice(0, 200) })));
  }, { limit: 300_000 }).catch((error) => ({ failed: String(error).slice(0, 200) }));
}

function medians(all) {
  const table = {};
  for (const { engine, network, rate, failed } of all) {
    table[network] ??= {};
    table[network][engine] ??= [];
    table[network][engine].push(rate ?? failed);
  }
  for (const row of Object.values(table)) {
    for (const [engine, found] of Object.entries(row)) {
      const numbers = found.filter(Number.isFinite).sort((a, b) => a - b);
      row[engine] = numbers.length > 0 ? Math.round(numbers[numbers.length >> 1]) : found[0];
    }
  }
  return table;
}

/** What the page has fetched of each engine for the first network, in bytes after gzip. */
async function bytes() {
  const sizes = {};
  for (const engine of engines) {
    const paths = results.find((result) => result.engine === engine && result.programs)?.programs;
    if (!paths) continue;
    const all = await Promise.all(paths.map((path) => readFile(fileOf(path))));
    sizes[engine] = all.reduce((sum, file) => sum + gzipSync(file).length, 0);
  }
  return sizes;
}

async function bundle() {
  const entry = (file) => fileURLToPath(new URL(file, import.meta.url));
  const shared = { bundle: true, format: "esm", minify: true, logLevel: "warning" };
  for (const backend of ["wasm", "webgpu"]) {
    const contents = `import "@tensorflow/tfjs-backend-${backend}";\nexport * from ${JSON.stringify(entry("tfjs.mjs"))};`;
    await build({ ...shared, stdin: { contents, resolveDir: entry("../") }, outfile: join(TARGET, `tfjs-${backend}.mjs`) });
  }
  await build({ ...shared, entryPoints: [entry("jax.mjs")], outdir: join(TARGET, "jax"), splitting: true });
}
