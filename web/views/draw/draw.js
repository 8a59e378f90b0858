/**
 * Draw: a digit goes through the whole model, left to right, while it is being
 * drawn. The noise ε stays as it is until the reader asks for another, so the
 * picture only changes when the reader changes something.
 */

import { fetchJson } from "../../api/files.js";
import { join } from "../../api/numbers.js";
import { element, fill, formatNumber, oncePerFrame, rove } from "../../parts/dom.js";
import { DIGITS } from "../../parts/examples.js";
import { createDrawing } from "../../parts/drawing.js";
import { encodeInk } from "../../parts/ink-text.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { createPosterior } from "../../parts/posterior.js";
import { createTemperature } from "../../parts/slider.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { newSeed, numberParam, seedParam } from "../../parts/route.js";
import { markup } from "./markup.js";

/** Frames the runtime may be working on; later ones wait, and only the newest is kept. */
const MAX_IN_FLIGHT = 2;
/** Other draws of ε that are shown beside the one in full. */
const RESAMPLES = 8;

/** A star with five points, in one line. */
const STAR = Array.from({ length: 6 }, (_, i) => [0.5 + 0.34 * Math.sin(0.8 * Math.PI * i), 0.52 - 0.34 * Math.cos(0.8 * Math.PI * i)]);

export function mount(root, { model, folder, params, setParams, report, announce }) {
  const $ = fill(root, markup({ size: model.latentSize, resamples: RESAMPLES }));
  const { input, likelihood } = model.info;
  const stage = $("stage");
  sizeFor($("seen"), input);
  sizeFor($("reconstruction"), input);
  $("grey-note").hidden = likelihood.kind !== "bernoulli";
  // Whether a cost is much: what the model's own measurement says, where it was published with these weights.
  fetchJson(folder, "figures.json").then(({ weights, neg_elbo: usual }) => {
    if (weights === model.info.weights.sha256 && Number.isFinite(usual)) $("usual-cost").textContent = formatNumber(usual, 1);
  }, () => {});
  /** Latents that the reader has moved by hand, by their index. @type {Map<number, number>} */
  const moved = new Map();
  const posterior = createPosterior($("posterior"), $("latent-readout"), model.latentSize, {
    onDrag(i, value) {
      if (!state.mean) return;
      moved.set(i, value);
      showMoved();
    },
    onDrop: () => announce("The picture is redrawn from the numbers as you have set them."),
  });

  const resamples = createImageGrid($("resamples"), model, RESAMPLES, "The drawing, redrawn from other random draws");

  const nothing = { pixels: null, image: null, mean: null, logVar: null, z: null, reconstruction: null, kl: null, elbo: null };
  const state = {
    ...nothing,
    get busy() {
      return inFlight > 0 || waiting || !resamples.idle || !drawing.started;
    },
  };
  let temperature = numberParam(params, "temperature", 1, 0, 2);
  let seed = seedParam(params, "epsilon", 1);
  let epsilon = model.noise({ seed });

  /** z as it was drawn from the posterior. */
  let drawn = new Float32Array(0);
  let turn = 0; // of the newest frame asked for
  let shown = 0; // of the frame whose numbers are on the page
  let inFlight = 0;
  let unmounted = false;
  let waiting = false;
  let inkChanged = false;

  const showCost = (elbo) => {
    $("cost-term").textContent = temperature === 1 ? "= cost in nats, which is −ELBO" : "= cost in nats, for T = 1 only";
    $("cost").textContent = elbo === null ? "–" : formatNumber(-elbo, 1);
  };
  const blank = () => {
    shown = turn += 1; // whatever is still under way comes too late
    Object.assign(state, nothing);
    stage.dataset.empty = "";
    moved.clear();
    $("reset-numbers").hidden = true;
    posterior.clear();
    resamples.show(new Float32Array(0));
    showCost(null);
    for (const id of ["reconstruction-nats", "kl-nats"]) $(id).textContent = "–";
  };

  const show = (result) => {
    const { reconstruction, kl } = result;
    moved.clear();
    showMoved.cancel();
    drawn = result.z;
    $("reset-numbers").hidden = true;
    // At another temperature z is no draw from the posterior, and the sum no bound.
    const elbo = result.temperature === 1 ? -(reconstruction + kl) : null;
    Object.assign(state, result, { elbo });
    posterior.show(result);
    const { mean, logVar } = result;
    resamples.show(join(resampleSeeds().map((seed) => model.reparameterize(mean, logVar, { seed, temperature }))));
    showCost(elbo);
    $("reconstruction-nats").textContent = formatNumber(reconstruction, 1);
    $("kl-nats").textContent = formatNumber(kl, 1);
    const sum = elbo === null ? "" : `Cost ${(-elbo).toFixed(1)} nats: `;
    announce(`Redrawn. ${sum}reconstruction ${reconstruction.toFixed(1)}, KL ${kl.toFixed(1)}.`);
  };

  /** What the decoder makes of the numbers once some were moved: there is no cost then, for z does not come from the posterior. */
  const showMoved = oncePerFrame(() => {
    const z = Float32Array.from(drawn, (value, i) => moved.get(i) ?? value);
    Object.assign(state, { z, elbo: null });
    posterior.show({ ...state, epsilon, temperature, z, moved });
    model.present($("reconstruction"), z);
    $("reset-numbers").hidden = moved.size === 0;
    for (const id of ["reconstruction-nats", "kl-nats", "cost"]) $(id).textContent = "–";
  });
  $("reset-numbers").addEventListener("click", () => {
    $("posterior").focus({ preventScroll: true }); // the button goes away
    draw();
  });

  const draw = oncePerFrame(async () => {
    if (inFlight >= MAX_IN_FLIGHT) {
      waiting = true;
      return;
    }
    if (inkChanged) {
      inkChanged = false;
      state.pixels = drawing.read();
      if (!state.pixels) {
        blank();
        return;
      }
      paintPicture($("seen"), state.pixels, { input, ink: true });
    }
    if (!state.pixels) return;
    delete stage.dataset.empty;
    const current = (turn += 1);
    const noise = { epsilon, temperature };
    inFlight += 1;
    try {
      const result = await model.reconstruct($("reconstruction"), state.pixels, noise);
      if (current > shown) {
        shown = current;
        show({ ...result, ...noise });
      }
    } catch (error) {
      if (!unmounted) report(error);
    } finally {
      inFlight -= 1;
      if (waiting && !unmounted) {
        waiting = false;
        draw();
      }
    }
  });

  const drawing = createDrawing($, {
    model,
    params,
    setParams,
    demo: DIGITS[3],
    onInk() {
      inkChanged = true;
      draw();
    },
  });
  const { pad } = drawing;
  $("try").addEventListener("click", () => pad.show({ strokes: [STAR.map((point) => [...point])] }));

  createTemperature($("temperature-host"), "Amount of noise", temperature, (value) => {
    temperature = value;
    draw();
    setParams({ temperature: value === 1 ? null : value });
  });

  /** The strip stays as it is while one of it is taken; only a new random draw renews it. */
  let strip = seed;
  const resampleSeeds = () => Array.from({ length: RESAMPLES }, (_, i) => strip + i + 1);
  const takeSample = (next) => {
    seed = next;
    epsilon = model.noise({ seed });
    picks.forEach((pick, i) => pick.setAttribute("aria-pressed", resampleSeeds()[i] === seed));
    draw();
    setParams({ epsilon: seed });
  };
  $("new-epsilon").addEventListener("click", () => {
    strip = newSeed();
    takeSample(strip);
  });
  const picks = Array.from({ length: RESAMPLES }, (_, i) => {
    const pick = element("button", { type: "button", onclick: () => takeSample(resampleSeeds()[i]) });
    pick.setAttribute("aria-label", `Random draw ${i + 1}`);
    return pick;
  });
  $("resample-picks").append(...picks);
  rove($("resample-picks"), picks, () => RESAMPLES);

  showCost(null);
  drawing.start();

  return {
    state,
    pad,
    share: () => ({ all: pad.strokes.length > 0 ? { ink: encodeInk(pad.strokes) } : {} }),
    redraw() {
      if (moved.size === 0) return draw();
      showMoved();
      resamples.redraw();
    },
    unmount() {
      unmounted = true;
      resamples.unmount();
      draw.cancel();
      showMoved.cancel();
      drawing.unmount();
      turn = shown = Infinity;
    },
  };
}
