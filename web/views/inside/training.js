/**
 * One small network as it was at several moments of its training: what it makes of the same picture, the same test
 * images and the same random numbers. The loss is the track of the slider.
 */

import { fetchJson } from "../../api/files.js";
import { folderOf } from "../../models/library.js";
import { borrow } from "../../models/pool.js";
import { subjectOf } from "../../models/subject.js";
import { createLines, scaleFor } from "../../parts/chart.js";
import { fill, formatNumber } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { sigmaOf } from "../../parts/posterior.js";
import { createSlider } from "../../parts/slider.js";
import { setAttributes, shape } from "../../parts/svg.js";
import { partsOf } from "../map/plane.js";
import { createPoints } from "../map/points.js";
import { FILE, pairs, readSnapshots } from "./snapshots.js";

/** Made-up pictures, and how many stand in a row. */
const SAMPLES = 16;
const COLUMNS = 4;
/** Seed of their random numbers, the same at every moment. */
const SEED = 7;
/** The square of the map. */
const EXTENT = { x: 0, y: 0, half: 4 };
/** Milliseconds from one moment to the next while it plays. */
const PACE = 1100;

const MARKUP = `
  <div class="training-track">
    <div id="training-loss"></div>
    <div id="training-host"></div>
  </div>
  <div class="row">
    <button type="button" id="training-play" class="primary">Watch it learn</button>
    <span class="note" id="training-numbers" role="status">Loading the network as it was during training…</span>
  </div>
  <div class="training-figures">
    <figure>
      <figcaption>Your picture, redrawn</figcaption>
      <div class="frame"><canvas id="training-image" class="ink pixels" role="img" aria-label="Your picture, redrawn by the network at this moment"></canvas></div>
    </figure>
    <figure>
      <figcaption>Where its codes are</figcaption>
      <div class="frame"><div id="training-map" role="img" aria-label="The codes of test images, coloured by class, and that of your picture"></div></div>
    </figure>
    <figure>
      <figcaption>Made up from random numbers</figcaption>
      <div class="frame"><canvas id="training-samples" class="ink pixels" role="img" aria-label="Pictures made up at this moment, from the same random numbers at every moment"></canvas></div>
    </figure>
  </div>
`;

/**
 * @param {HTMLElement} host
 * @param {object} options
 * @param {import("../../models/library.js").Entry} options.entry a model with snapshots
 * @param {import("../../vaelet.js").ModelInfo} options.info of the view's own model, for the pictures
 * @param {number} options.passes at which moment it begins
 * @param {() => void} options.onMoved `ask` has to be asked again
 * @param {(passes: number) => void} options.onChoose the reader has chosen a moment
 * @param {(text: string) => void} options.announce
 */
export function createTraining(host, { entry, info, passes, onMoved, onChoose, announce }) {
  const $ = fill(host, MARKUP);
  const { input } = info;
  const { one, many, ink } = subjectOf(info);
  const paper = { input, ink };
  const folder = folderOf(entry.name);
  /** @type {import("./snapshots.js").Snapshots | null} */
  let all = null;
  /** @type {{ value: number } | null} */
  let slider = null;
  let chosen = 0;
  let playing = 0;
  let unmounted = false;
  /** The picture as it was redrawn last. @type {Float32Array | null} */
  let redrawn = null;
  const loans = [];
  /** What does not depend on the reader's picture, by the moment. @type {Map<number, { samples: Float32Array, points: SVGElement }>} */
  const drawn = new Map();
  sizeFor($("training-image"), input);
  sizeFor($("training-samples"), input, COLUMNS, SAMPLES / COLUMNS);
  const lines = createLines($("training-loss"), ["loss"], { x: "", y: "loss on test images, in nats", label: "Loss during training", position: (at) => when(Math.round(at * (all.snapshots.length - 1))) });
  const ellipse = shape("ellipse", {});
  const dot = shape("path", { class: "training-own" });
  const own = shape("svg", { class: "points landing", viewBox: "0 0 100 100", "aria-hidden": "true" });
  own.append(ellipse, dot);

  const when = (i) => {
    const count = Math.round(all.snapshots[i].passes * all.images);
    return count === 0 ? "before training" : `after ${count.toLocaleString("en")} ${many}`;
  };
  const lossOf = ({ reconstruction, kl }) => reconstruction + kl;

  /** @type {Promise<import("../../vaelet.js").Model[]> | undefined} */
  let loading;
  const load = () => {
    loading ??= fetchAll().catch((error) => {
      loading = undefined; // so that the next picture tries again
      throw error;
    });
    return loading;
  };
  const fetchAll = async () => {
    const found = readSnapshots(await fetchJson(folder, FILE));
    // Small networks: not worth a GPU.
    const wanted = found.snapshots.map((moment) => borrow(new URL(`${moment.folder}/`, folder), undefined, {}));
    loans.push(...wanted);
    const models = await Promise.all(wanted.map(({ model }) => model));
    if (!unmounted && !all) begin(found);
    return models;
  };
  const begin = (found) => {
    all = found;
    const last = all.snapshots.length - 1;
    const nearest = all.snapshots.findIndex((moment) => moment.passes >= passes);
    chosen = nearest < 0 ? last : nearest;
    const losses = all.snapshots.map(lossOf);
    lines.show([losses], { low: 0, high: scaleFor(losses), x: "more training" });
    slider = createSlider($("training-host"), { id: "trained", label: "Training", min: 0, max: last, step: 1, value: chosen, format: when, onInput: move, onChange: settle });
    $("training-play").disabled = false;
  };
  const move = (i) => {
    chosen = i;
    slider.value = i;
    onMoved();
  };
  const settle = () => {
    stop();
    onChoose(all.snapshots[chosen].passes);
  };
  const stop = () => {
    clearInterval(playing);
    playing = 0;
    $("training-play").textContent = "Watch it learn";
  };
  $("training-play").disabled = true;
  $("training-play").addEventListener("click", () => {
    if (playing) return settle();
    const last = all.snapshots.length - 1;
    move(chosen === last ? 0 : chosen + 1);
    $("training-play").textContent = "Stop";
    playing = setInterval(() => (chosen === last ? settle() : move(chosen + 1)), PACE);
  });

  return {
    /** What the network at this moment makes of the picture. @param {Float32Array} pixels */
    async ask(pixels) {
      try {
        const models = await load();
        if (unmounted) return null;
        const at = chosen;
        const model = models[at];
        const { mean, logVar } = await model.encode(pixels);
        const image = await model.decode(mean);
        if (!drawn.has(at)) drawn.set(at, { samples: await model.decode(model.sample({ seed: SEED, count: SAMPLES })), points: createPoints({ plane: pairs(all.snapshots[at].means), labels: all.labels }, EXTENT, true) });
        return { at, mean, logVar, image };
      } catch (error) {
        console.info(error);
        if (!unmounted) $("training-numbers").textContent = "The network as it was during training could not be loaded. Check the connection, and change the picture to try again.";
        return null;
      }
    },
    /** @param {{ at: number, mean: Float32Array, logVar: Float32Array, image: Float32Array }} answer */
    show({ at, mean, logVar, image }) {
      const { samples, points } = drawn.get(at);
      redrawn = image;
      paintPicture($("training-image"), image, paper);
      const length = image.length;
      for (let i = 0; i < SAMPLES; i += 1) paintPicture($("training-samples"), samples.subarray(i * length, (i + 1) * length), paper, (i % COLUMNS) * input.width, Math.floor(i / COLUMNS) * input.height);
      const [cx, cy] = partsOf(EXTENT, [...mean]).map((part) => 100 * part);
      const [rx, ry] = [...logVar].map((value) => (50 * sigmaOf(value)) / EXTENT.half);
      setAttributes(ellipse, { cx, cy, rx, ry });
      setAttributes(dot, { d: `M${cx} ${cy}h0` });
      $("training-map").replaceChildren(points, own);
      lines.mark(at / Math.max(1, all.snapshots.length - 1));
      const moment = all.snapshots[at];
      const text = `Loss ${formatNumber(lossOf(moment), 1)} nats: reconstruction ${formatNumber(moment.reconstruction, 1)}, KL ${formatNumber(moment.kl, 1)}`;
      if ($("training-numbers").textContent === text) return;
      $("training-numbers").textContent = text;
      announce(`The ${one} ${when(at)}. ${text}.`);
    },
    /** The moment that is shown. */
    get moment() {
      return all && { ...all.snapshots[chosen], image: redrawn };
    },
    unmount() {
      unmounted = true;
      clearInterval(playing);
      for (const loan of loans) loan.release();
    },
  };
}
