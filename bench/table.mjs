/**
 * Formats the results as tables for a terminal.
 */

const WEBGPU_PEERS = ["ort-webgpu", "ort-webgpu-jspi", "tfjs-webgpu", "jax-webgpu"];
const CPU_PEERS = ["ort-wasm", "jax-wasm"];

/**
 * All results as text.
 * @param {object} results the object that `run.mjs` writes
 */
export function report(results) {
  const { machine, cells, agreement, bytes, memory, picture, scaling, stroke, tasks, download } = results;
  const parts = [
    `${machine.cpu}, ${machine.cores} cores; ${machine.browser}; WebGPU on ${machine.adapter}${machine.software ? " (software)" : ""}`,
    cells && `Milliseconds per call, including readback\n${callTable(cells)}`,
    cells && `Milliseconds per frame without readback (in brackets: time of the main thread)\n${frameTable(cells)}`,
    agreement?.length && `The engines' images differ by at most ${Math.max(...agreement.map(({ difference }) => difference)).toExponential(1)}.`,
    bytes && `Download in kilobytes, gzip -9\n${bytesTable(bytes)}`,
    download && `Download in kilobytes until a view is ready, gzip -9\n${downloadTable(download)}`,
    memory && `Memory of the renderer and the GPU process in megabytes above an empty page\n${memoryTable(memory)}`,
    picture && `Milliseconds from navigation to the first image, and to all images\n${table(Object.entries(picture).map(([name, time]) => [name, time.toFixed(0)]))}`,
    stroke && `Milliseconds from a pointer event to its reconstruction, on the CPU: median ${stroke.median}, 90th percentile ${stroke.nineInTen}`,
    tasks && `Longest task of each view in milliseconds; 0 if none took more than 50\n${tasksTable(tasks)}`,
    scaling && `vaelet's scaling: time of a batch and its operations\n${scalingTable(scaling)}`,
  ];
  return parts.filter(Boolean).join("\n\n");
}

function callTable(cells) {
  const engines = unique(cells.map(({ engine }) => engine));
  const head = ["model", "batch", ...engines, "webgpu: best peer ÷ vaelet", "cpu: best peer ÷ vaelet"];
  const rows = groups(cells).map(({ model, batch, time }) => [
    model,
    batch,
    ...engines.map((engine) => show(time(engine, "call"))),
    ratio(lowest(WEBGPU_PEERS.map((peer) => time(peer, "call"))), time("vaelet-webgpu", "call")),
    ratio(lowest(CPU_PEERS.map((peer) => time(peer, "call"))), time("vaelet-cpu", "call")),
  ]);
  return table([head, ...rows]);
}

function frameTable(cells) {
  const engines = unique(cells.filter(({ frame }) => frame != null).map(({ engine }) => engine));
  const head = ["model", "batch", ...engines, "webgpu: best peer ÷ vaelet"];
  const rows = groups(cells).map(({ model, batch, time }) => [
    model,
    batch,
    ...engines.map((engine) => (time(engine, "frame") == null ? "–" : `${show(time(engine, "frame"))} (${show(time(engine, "submit"))})`)),
    ratio(lowest(WEBGPU_PEERS.map((peer) => time(peer, "frame"))), time("vaelet-webgpu", "frame")),
  ]);
  return table([head, ...rows]);
}

function bytesTable(bytes) {
  const models = unique(Object.values(bytes).flatMap(({ weights }) => Object.keys(weights)));
  const kilobytes = (count) => (count == null ? "–" : (count / 1024).toFixed(0));
  const rows = Object.entries(bytes).map(([engine, { program, weights }]) => [
    engine,
    kilobytes(program),
    ...models.map((model) => kilobytes(weights[model])),
  ]);
  return table([["engine", "program", ...models], ...rows]);
}

function downloadTable(download) {
  const kinds = Object.keys(Object.values(download)[0]);
  const rows = Object.entries(download).map(([view, bytes]) => {
    const counts = kinds.map((kind) => bytes[kind] / 1024);
    return [view, ...counts, counts.reduce((sum, count) => sum + count)].map((cell) => (typeof cell === "number" ? cell.toFixed(0) : cell));
  });
  return table([["view", ...kinds, "total"], ...rows]);
}

function memoryTable(memory) {
  const head = ["engine", "model", "batch", "MB"];
  return table([head, ...memory.map(({ engine, model, batch, bytes }) => [engine, model, batch, bytes == null ? "–" : (bytes / 2 ** 20).toFixed(0)])]);
}

function tasksTable(tasks) {
  return table([["view", "backend", "load", "use"], ...tasks.map(({ view, backend, load, use }) => [view, backend, load, use])]);
}

function scalingTable(scaling) {
  const head = ["engine", "model", "batch", "MFLOP", "call ms", "frame ms", "frame µs / MFLOP"];
  const rows = scaling.map(({ engine, model, batch, mflop, call, frame }) => [
    engine,
    model,
    batch,
    (mflop * batch).toFixed(1),
    show(call),
    show(frame),
    show(frame == null ? null : (1000 * frame) / (mflop * batch)),
  ]);
  return table([head, ...rows]);
}

/** One group per model and batch size, with the times of its engines. */
function groups(cells) {
  const keys = unique(cells.map(({ model, batch }) => JSON.stringify([model, batch])));
  return keys.map((key) => {
    const [model, batch] = JSON.parse(key);
    const time = (engine, name) => cells.find((cell) => cell.model === model && cell.batch === batch && cell.engine === engine)?.[name];
    return { model, batch, time };
  });
}

function lowest(times) {
  const found = times.filter((time) => time != null);
  return found.length ? Math.min(...found) : null;
}

function ratio(peer, vaelet) {
  return peer && vaelet ? `${(peer / vaelet).toPrecision(2)}×` : "–";
}

/** A time with three significant digits. */
function show(time) {
  if (time == null) return "–";
  return time >= 100 ? time.toFixed(0) : time.toPrecision(3);
}

function unique(values) {
  return [...new Set(values)];
}

/** Pads columns to equal width and aligns numbers to the right. */
function table(rows) {
  const text = rows.map((row) => row.map(String));
  const widths = text[0].map((_, column) => Math.max(...text.map((row) => row[column].length)));
  const isName = (column) => text.slice(1).every((row) => /^[a-z]/.test(row[column]));
  const pad = (cell, column) => (isName(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  return text.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}
