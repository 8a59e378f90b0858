/**
 * Plots browser.json as SVGs that are readable on light and dark pages: `browser.svg` compares the
 * engines, `scaling.svg` shows how vaelet's time grows. To run it alone: `node bench/plot.mjs [FOLDER]`.
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { View, parse } from "vega";
import { compile } from "vega-lite";

/** The engines in the order of the bars, those on the GPU first. */
const LABELS = {
  "vaelet-webgpu": "vaelet, GPU",
  "tfjs-webgpu": "TensorFlow.js, GPU",
  "ort-webgpu": "ONNX Runtime, GPU",
  "ort-webgpu-jspi": "ONNX Runtime JSPI, GPU",
  "vaelet-cpu": "vaelet, CPU",
  "ort-wasm": "ONNX Runtime, CPU",
};
/** Greys and an accent colour, all readable on white and on black. */
const TEXT = "#7d848c";
const FAINT = "#7d848c44";
const PEER = "#8d949c";
const ACCENT = "#d9562f";
const FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif";
const CONFIG = {
  background: null,
  font: FONT,
  view: { stroke: null },
  axis: { domainColor: FAINT, gridColor: FAINT, tickColor: FAINT, labelColor: TEXT, titleColor: TEXT, titleFontWeight: "normal", labelLimit: 200 },
  header: { labelColor: TEXT, titleColor: TEXT, labelFontSize: 12 },
  title: { color: TEXT, subtitleColor: TEXT, fontWeight: "normal", anchor: "start" },
  text: { color: TEXT, fontSize: 10 },
};
/** Widths of a panel such that the plots are about 800 pixels wide. */
const PANEL = 180;
const HALF = 325;
const DECADES = [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000];

/**
 * Plots `browser.json` in `folder`.
 * @param {string} folder
 * @returns {Promise<string[]>} the names of the files written
 */
export async function plot(folder) {
  const { cells, models, scaling } = JSON.parse(await readFile(join(folder, "browser.json"), "utf8"));
  const specs = { "browser.svg": cells && comparison(cells, models), "scaling.svg": scaling && growth(scaling) };
  const drawn = Object.entries(specs).filter(([, spec]) => spec);
  for (const [name, spec] of drawn) {
    const view = new View(parse(compile({ ...spec, config: CONFIG }).spec), { renderer: "none" });
    await writeFile(join(folder, name), `${await view.toSVG()}\n`);
  }
  return drawn.map(([name]) => name);
}

function comparison(cells, models) {
  const values = cells
    .filter(({ call }) => call > 0)
    .map(({ model, batch, engine, call }) => ({
      model,
      batch: `batch ${batch}`,
      engine: LABELS[engine],
      call,
      shown: shown(call),
      isOwn: engine.startsWith("vaelet"),
    }));
  const calls = values.map(({ call }) => call);
  // Leaves space for the number beside the longest bar.
  const domain = [10 ** Math.floor(Math.log10(Math.min(...calls) / 2)), Math.max(...calls) * 40];
  return {
    title: { text: "Milliseconds per call, including readback, on a logarithmic scale", fontSize: 13, offset: 12 },
    data: { values },
    spacing: 16,
    vconcat: unique(values, "model").map((name, row) => ({
      title: { text: `${name}, ${shown(models.find((model) => model.name === name).mflop)} MFLOP`, fontSize: 12, offset: -2 },
      transform: [{ filter: { field: "model", equal: name } }],
      facet: { column: { field: "batch", sort: unique(values, "batch"), header: { title: null, labels: row === 0 } } },
      spacing: 10,
      spec: bars(domain),
    })),
  };
}

/** One bar for each engine. */
function bars(domain) {
  const color = (other) => ({ condition: { test: "datum.isOwn", value: ACCENT }, value: other });
  const axis = { title: null, labels: false, ticks: false, domain: false, values: DECADES };
  return {
    width: PANEL,
    height: { step: 16 },
    encoding: {
      y: {
        field: "engine",
        type: "nominal",
        sort: Object.values(LABELS),
        axis: { title: null, domain: false, ticks: false, labelFontSize: 11 },
      },
      x: { field: "call", type: "quantitative", scale: { type: "log", domain, nice: false }, axis },
    },
    layer: [
      { mark: { type: "bar", height: 11 }, encoding: { color: color(PEER), x2: { datum: domain[0] } } },
      { mark: { type: "text", align: "left", dx: 4 }, encoding: { color: color(TEXT), text: { field: "shown" } } },
    ],
  };
}

function growth(scaling) {
  const points = scaling.filter(({ call }) => call > 0).map((cell) => ({ ...cell, engine: LABELS[cell.engine], work: cell.mflop * cell.batch }));
  const series = [
    { title: "conv64, batch 1 to 256", values: points.filter(({ model }) => model === "conv64"), mark: "batch" },
    { title: "batch 1, images of 32² to 128²", values: points.filter(({ model, batch }) => model !== "conv64" && batch === 1), mark: "side" },
  ];
  return {
    title: { text: "vaelet: milliseconds per call over operations", subtitle: "The dotted lines are proportional to the operations.", fontSize: 13, offset: 12 },
    hconcat: series.filter(({ values }) => values.length).map(growthPanel),
    spacing: 40,
  };
}

function growthPanel({ title, values, mark }) {
  const labelled = values.map((value) => ({ ...value, label: mark === "side" ? `${value.side}²` : `${value.batch}` }));
  const x = { field: "work", type: "quantitative", scale: { type: "log", nice: false, padding: 14 }, axis: { title: "MFLOP", grid: false, values: DECADES, format: "~g" } };
  const y = { field: "call", type: "quantitative", scale: { type: "log", nice: false, padding: 14 }, axis: { title: "ms", values: DECADES, format: "~g" } };
  const strokeDash = { field: "engine", type: "nominal", sort: Object.values(LABELS), legend: null };
  const isLast = (engine) => labelled.filter((value) => value.engine === engine).sort((a, b) => a.work - b.work).at(-1);
  return {
    title: { text: title, fontSize: 12 },
    width: HALF,
    height: 240,
    layer: [
      {
        data: { values: proportional(labelled) },
        mark: { type: "line", color: TEXT, strokeDash: [1, 4], strokeWidth: 1.5 },
        encoding: { x, y, detail: { field: "engine" } },
      },
      {
        data: { values: labelled },
        mark: { type: "line", color: ACCENT, point: { color: ACCENT, size: 40 } },
        encoding: { x, y, strokeDash },
      },
      { data: { values: labelled }, mark: { type: "text", dy: 14, dx: 6 }, encoding: { x, y, text: { field: "label" } } },
      {
        data: { values: unique(labelled, "engine").map(isLast) },
        mark: { type: "text", align: "right", dx: 12, dy: 28, color: ACCENT, fontSize: 11 },
        encoding: { x, y, text: { field: "engine" } },
      },
    ],
  };
}

/** For each engine a line through its first point, proportional to the number of operations. */
function proportional(values) {
  return unique(values, "engine").flatMap((engine) => {
    const own = values.filter((value) => value.engine === engine).sort((a, b) => a.work - b.work);
    const [first, last] = [own[0], own.at(-1)];
    return [first, { ...last, call: (first.call * last.work) / first.work }];
  });
}

function unique(values, field) {
  return [...new Set(values.map((value) => value[field]))];
}

/** A time with two significant digits. */
function shown(time) {
  return time >= 10 ? time.toFixed(0) : String(Number(time.toPrecision(2)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await plot(process.argv[2] ?? fileURLToPath(new URL("results/", import.meta.url)));
}
