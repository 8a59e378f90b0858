/**
 * Compares vaelet with other engines in one Chromium. `cargo xtask bench` runs it; `--help` lists the
 * options.
 */

import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startBrowser, startServer, withPage } from "./browser.mjs";
import { measureCells } from "./cells.mjs";
import { measureBytes, measureDownload, measureMemory, measurePicture, measureStroke } from "./costs.mjs";
import { ENGINES } from "./engines.mjs";
import { plot } from "./plot.mjs";
import { bundlePeers, prepareModels } from "./prepare.mjs";
import { report } from "./table.mjs";
import { measureTasks } from "./tasks.mjs";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const PARTS = ["times", "scaling", "memory", "download", "picture", "stroke", "tasks"];
const OWN = ["vaelet-webgpu", "vaelet-cpu"];
const BATCHES = [1, 16, 64];
const SCALING_BATCHES = [1, 4, 16, 64, 256];

const USAGE = `\
cargo xtask bench [options]      lists are comma-separated
  --models mlp,digits            only these models
  --engines ${OWN[0]},tfjs-webgpu   only these of ${Object.keys(ENGINES).join(", ")}
  --batches 1,16                 only these batch sizes, instead of ${BATCHES}
  --parts times                  only these of ${PARTS.join(", ")}; the default is \`times\` if one of the above is given
  --rounds 3                     number of times that everything is measured
  --quick                        one short round, with errors of up to about a third
  --hardware                     hardware instead of software WebGPU
  --out FOLDER                   folder for the results; the default is bench/results/ for a full run on the
                                 software adapter, and a folder in target/bench/ for any other`;

const OPTIONS = {
  models: { type: "string" },
  engines: { type: "string" },
  batches: { type: "string" },
  parts: { type: "string" },
  rounds: { type: "string" },
  quick: { type: "boolean", default: false },
  hardware: { type: "boolean", default: false },
  out: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
};

/** The options of the command line. */
function readOptions({ quick, hardware, ...given }) {
  const list = (name, all) => {
    const chosen = given[name]?.split(",") ?? all;
    const unknown = chosen.find((item) => !all.includes(item));
    if (unknown !== undefined) throw new Error(`--${name}: unknown \`${unknown}\`; choose from ${all.join(", ")}`);
    return chosen;
  };
  const isPartial = ["models", "engines", "batches"].some((name) => given[name]);
  const isFull = !isPartial && !quick && !given.parts;
  const folder = hardware ? "target/bench/hardware" : isFull ? "bench/results" : "target/bench/results";
  return {
    list,
    hardware,
    engines: list("engines", Object.keys(ENGINES)),
    batches: given.batches?.split(",").map(Number) ?? BATCHES,
    parts: list("parts", isPartial && !given.parts ? ["times"] : PARTS),
    rounds: quick ? 1 : Number(given.rounds ?? 3),
    budget: quick ? 300 : 1000,
    out: given.out ? resolve(given.out) : join(ROOT, folder),
  };
}

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const options = readOptions(values);
  if (!existsSync(join(ROOT, "dist/version.json"))) throw new Error("dist/ contains no page: run `cargo xtask build` first");
  await bundlePeers();
  const models = await prepareModels();
  const chosen = options.list("models", models.compared.map(({ name }) => name));
  models.compared = models.compared.filter(({ name }) => chosen.includes(name));
  const server = await startServer();
  const { hardware } = options;
  const stage = { server, hardware, browser: await startBrowser({ hardware }) };
  try {
    const results = await measure(stage, models, options);
    console.log(report(results));
    await mkdir(options.out, { recursive: true });
    await writeFile(join(options.out, "browser.json"), `${JSON.stringify(results, null, 2)}\n`);
    const plots = await plot(options.out);
    console.log(`\nin ${relative(process.cwd(), options.out) || "."}: ${["browser.json", ...plots].join(", ")}`);
    const wrong = results.cells?.find(({ engine, error }) => OWN.includes(engine) && error);
    if (wrong) throw new Error(`${wrong.engine}: ${wrong.error}`);
  } finally {
    await stage.browser.close();
    server.close();
  }
}

/** Runs the chosen parts. The result has no property for the others. */
async function measure(stage, { compared, scales }, options) {
  const { parts, engines, batches, rounds, budget, hardware } = options;
  const results = { machine: await machineFacts(stage), rounds, models: compared };
  if (parts.includes("times")) {
    const plan = compared.flatMap((model) => batches.map((batch) => ({ model, batch, engines })));
    const { cells, agreement } = await measureCells(stage, plan, options);
    results.bytes = await measureBytes(cells);
    results.cells = cells.map(({ fetched, ...cell }) => cell);
    results.agreement = agreement;
  }
  if (parts.includes("scaling")) results.scaling = await measureScaling(stage, { compared, scales }, options);
  if (parts.includes("download")) results.download = await measureDownload(stage);
  if (parts.includes("stroke")) results.stroke = await measureStroke(stage);
  if (parts.includes("picture")) results.picture = await measurePicture(stage, compared.find(({ name }) => name === "digits"));
  if (parts.includes("tasks")) results.tasks = await measureTasks(stage);
  if (parts.includes("memory")) {
    const large = compared.filter(({ name }) => ["conv64", "digits"].includes(name));
    results.memory = await measureMemory(stage.server, large, { engines, batch: 16, budget, hardware });
  }
  return results;
}

/** Measures how vaelet's time grows: with the batch for conv64, and with the image size. */
async function measureScaling(stage, { compared, scales }, { engines, rounds, budget }) {
  const own = OWN.filter((engine) => engines.includes(engine));
  const conv64 = compared.find(({ name }) => name === "conv64");
  const byBatch = conv64 ? SCALING_BATCHES.map((batch) => ({ model: conv64, batch, engines: own })) : [];
  const bySide = [1, 16].flatMap((batch) => scales.map((model) => ({ model, batch, engines: own })));
  const { cells } = await measureCells(stage, [...byBatch, ...bySide], { rounds, budget });
  const facts = new Map([...compared, ...scales].map((model) => [model.name, model]));
  return cells.map(({ fetched, calls, ...cell }) => ({
    ...cell,
    mflop: facts.get(cell.model).mflop,
    side: facts.get(cell.model).image[0],
  }));
}

/** The machine and the browser on which the results depend. */
async function machineFacts({ browser, server }) {
  const { info, fallback } = await withPage(
    browser,
    `${server.url}/bench/blank.html`,
    (page) =>
      page.evaluate(async () => {
        const adapter = await navigator.gpu?.requestAdapter();
        const { vendor, architecture, device, description, isFallbackAdapter } = adapter?.info ?? {};
        return { info: [vendor, architecture, device, description].filter(Boolean), fallback: isFallbackAdapter ?? false };
      }),
    { limit: 60_000 },
  );
  const adapter = info.join(" ") || "no adapter";
  return {
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    browser: `Chromium ${browser.version()}`,
    adapter,
    software: fallback || /swiftshader|llvmpipe|lavapipe/i.test(adapter),
  };
}

main().catch((error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
