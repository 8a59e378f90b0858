/**
 * Inside: the machine laid open. One picture goes through it, and every step of the way is shown
 * as it is: what the layers write, the posterior, a draw from it, the loss, and what β does to all of it.
 */

import { within } from "../../api/network.js";
import { join } from "../../api/numbers.js";
import { inTurn } from "../../api/slices.js";
import { familyOf, folderOf, library } from "../../models/library.js";
import { KL, createBars, scaleFor } from "../../parts/chart.js";
import { fill, formatNumber, oncePerFrame } from "../../parts/dom.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { createPosterior, sigmaOf } from "../../parts/posterior.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { newSeed, numberParam, seedParam } from "../../parts/route.js";
import { linkTerms } from "../../parts/terms.js";
import { subjectOf } from "../../models/subject.js";
import { createLayers } from "./activations.js";
import { createFamily } from "./family.js";
import { createInput } from "./input-picture.js";
import { RESAMPLES, markupOf } from "./markup.js";
import { createOverview } from "./overview.js";
import { recordedIn } from "./snapshots.js";
import { createTask } from "../../parts/task.js";
import { createTraining } from "./training.js";

/** Milliseconds after which code that was asked for counts as missing. */
const CODE = 20_000;
/** Milliseconds between two looks at the layers: each costs a run on the CPU. */
const LOOK = 250;
/** Milliseconds between two draws of ε. */
const RESAMPLE_TIME = 250;
/** Differences of models that get pixels almost right are shown this many times as strong. */
const STRONGER = 4;

/** For its examples, where nobody can draw; the player fetches it beside the weights. */
export const usesAtlas = (entry) => !entry || !subjectOf(entry).drawable;

export function mount(root, context) {
  const { model, folder, params, setParams, announce, report } = context;
  const { info, latentSize } = model;
  const { input, training } = info;
  const subject = subjectOf(info);
  const paper = { input, ink: subject.ink };
  const $ = fill(root, markupOf(subject, info, latentSize));
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const beta = Number.isFinite(training?.beta) ? training.beta : null;

  const state = {
    epsilon: seedParam(params, "epsilon", 1),
    sigma: params.get("sigma") === "0" ? 0 : 1,
    resampling: false,
    pixels: null,
    image: null,
    mean: null,
    logVar: null,
    z: null,
    reconstruction: null,
    kl: null,
    klToStandardNormal: null,
    loss: null,
    /** What the layers wrote last. */
    encoder: null,
    decoder: null,
    /** The number that the reader points at: its value, and what it was before its activation. */
    probe: null,
    get beta() {
      return family?.beta ?? null;
    },
    get family() {
      return family?.results ?? null;
    },
    /** The moment of training that is shown. */
    get training() {
      return moments?.moment ?? null;
    },
    get busy() {
      return picture.busy || !resamples.idle || !(family?.idle ?? true) || [run, ...Object.values(parts)].some(({ busy }) => busy);
    },
  };
  const noise = () => ({ epsilon: model.noise({ seed: state.epsilon }), temperature: state.sigma });

  // What runs
  const run = createTask(
    async () => {
      const { pixels } = picture;
      const given = noise();
      return pixels && { pixels, ...given, ...(await model.reconstruct($("reconstruction"), pixels, given)) };
    },
    (result) => {
      $("inside").toggleAttribute("data-empty", !result);
      if (!result) {
        blank();
        return;
      }
      const { pixels, image, mean, logVar, z, reconstruction, kl, klToStandardNormal, temperature } = result;
      // Without its noise z is no draw from the posterior, and the sum no estimate of the loss.
      const loss = temperature === 1 ? reconstruction + (beta ?? 1) * kl : null;
      Object.assign(state, { pixels, image, mean, logVar, z, reconstruction, kl, klToStandardNormal, loss });
      overview.show(state);
      for (const part of Object.values(parts)) part();
      context.hear(z, { now: false });
      const sum = loss === null ? "" : `Loss ${loss.toFixed(1)} nats: `;
      announce(`${sum}reconstruction ${reconstruction.toFixed(1)}, KL ${kl.toFixed(1)}.`);
    },
    { report },
  );
  const blank = () => {
    for (const key of ["pixels", "image", "mean", "logVar", "z", "reconstruction", "kl", "klToStandardNormal", "loss", "encoder", "decoder"]) state[key] = null;
    overview.clear();
    posterior.clear();
    resamples.show(new Float32Array(0));
    for (const id of ["reconstruction-nats", "kl-nats", "loss-nats"]) $(id).textContent = "–";
  };

  // What is seen of it, part by part
  const overview = createOverview($("overview"), { input, ink: subject.ink, latents: latentSize, goTo: (id) => $(id).scrollIntoView({ behavior: still ? "auto" : "smooth" }) });
  linkTerms(root);
  /** Puts a number of a layer under the magnifying glass, whose code is fetched for it. @param {"encoder" | "decoder"} part */
  const pointer = (part) => {
    let probe = null;
    let last = null;
    const renew = async () => {
      if (!last || !state[part] || !state.z) return;
      try {
        const { createProbe } = await within(import("./probe.js"), CODE, () => new Error("nothing came"));
        probe ??= createProbe($(`${part}-probe`), { model, folder, layers: info[part], ink: subject.ink, encoder: part === "encoder" });
        state.probe = await probe.show(state[part], part === "encoder" ? state.pixels : state.z, last.layer, last.place);
      } catch (error) {
        console.info(error);
        $(`${part}-probe`).textContent = "The filters could not be loaded. Check the connection, and point again.";
      }
    };
    return {
      renew,
      onPoint(layer, place) {
        last = { layer, place };
        renew();
      },
    };
  };
  const pointers = { encoder: pointer("encoder"), decoder: pointer("decoder") };
  const encoder = createLayers($("encoder"), { layers: info.encoder, onPoint: pointers.encoder.onPoint });
  const decoder = createLayers($("decoder"), { layers: info.decoder, picture: true, ink: subject.ink, onPoint: pointers.decoder.onPoint });
  const posterior = createPosterior($("posterior"), $("latent-readout"), latentSize, { followed: context.atlas.followed });
  const resamples = createImageGrid($("resamples"), model, RESAMPLES / 2, `The ${subject.one}, redrawn from ${RESAMPLES} other random draws`);
  const bars = createBars($("kl-bars"), latentSize, { ...KL, label: "KL of each latent to N(0, 1) in nats" });
  for (const id of ["reconstruction", "loss-x", "loss-back", "loss-difference"]) sizeFor($(id), input);

  const layersTask = (part, layers, values) =>
    createTask(
      () => values() && model.activations(part, values()),
      (activations) => {
        if (!activations || !state.z) return;
        state[part] = activations;
        pointers[part].renew();
        return layers.show(activations);
      },
      { report, node: $(`part-${part}`), pause: LOOK },
    );
  const partTask = (part, show) => createTask(() => state.z, (z) => z && show(), { report, node: $(`part-${part}`) });

  const showSampling = () => {
    const { mean, logVar, z, sigma, epsilon: seed } = state;
    const others = Array.from({ length: RESAMPLES }, (_, i) => model.reparameterize(mean, logVar, { seed: seed + i + 1, temperature: sigma }));
    resamples.show(join(others));
    showFlow($, { i: telling(state), mean, logVar, z, ...noise() });
  };
  const showLoss = () => {
    const { pixels, image, reconstruction, kl, klToStandardNormal, loss } = state;
    paintPicture($("loss-x"), pixels, paper);
    paintPicture($("loss-back"), image, paper);
    const strength = subject.drawable ? 1 : STRONGER;
    paintPicture($("loss-difference"), pixels.map((value, i) => Math.min(1, strength * Math.abs(value - image[i]))), paper);
    const scale = scaleFor(klToStandardNormal);
    bars.show(klToStandardNormal, scale);
    $("reconstruction-nats").textContent = formatNumber(reconstruction, 1);
    $("kl-nats").textContent = formatNumber((beta ?? 1) * kl, 1);
    $("loss-term").textContent = loss === null ? "in nats; a loss only with noise" : "loss, in nats";
    $("loss-nats").textContent = loss === null ? "–" : formatNumber(loss, 1);
  };
  $("difference-caption").textContent = subject.drawable ? "|x − x̂|" : `|x − x̂|, × ${STRONGER}`;
  $("kl-term").textContent = beta === null || beta === 1 ? "+ KL" : `+ β · KL, with β = ${beta}`;

  const parts = {
    posterior: partTask("posterior", () => posterior.show({ mean: state.mean, logVar: state.logVar, z: state.z, klToStandardNormal: state.klToStandardNormal, ...noise() })),
    sampling: partTask("sampling", showSampling),
    loss: partTask("loss", showLoss),
    encoder: layersTask("encoder", encoder, () => state.pixels),
    decoder: layersTask("decoder", decoder, () => state.z),
  };

  // The random draw
  const setSigma = (sigma) => {
    state.sigma = sigma;
    $(sigma ? "sigma-own" : "sigma-zero").checked = true;
    run();
  };
  $("sigma").addEventListener("change", ({ target }) => {
    setSigma(target.value === "zero" ? 0 : 1);
    setParams({ sigma: state.sigma ? null : 0 });
  });
  const setEpsilon = (seed) => {
    state.epsilon = seed;
    run();
  };
  const remember = () => setParams({ epsilon: state.epsilon === 1 ? null : state.epsilon });
  $("new-epsilon").addEventListener("click", () => {
    setEpsilon(newSeed());
    remember();
  });

  let last = 0;
  const keepResampling = oncePerFrame(() => {
    if (!state.resampling) return;
    const now = performance.now();
    if (parts.sampling.inSight && now - last >= RESAMPLE_TIME) {
      last = now;
      setEpsilon(newSeed());
    }
    keepResampling();
  });
  $("noise").hidden = still; // there is the button
  $("noise").addEventListener("change", ({ target }) => {
    state.resampling = target.value === "anew";
    if (state.resampling) keepResampling();
    else remember();
  });

  // Models that differ by β
  let family = null;
  let moments = null;
  let unmounted = false;
  $("part-family").hidden = $("part-training").hidden = true;
  library().catch(() => []).then((models) => {
    // Another page's model may bear the name of one of ours.
    const own = models.find(({ name }) => folderOf(name).href === folder.href);
    if (unmounted || !own || !subject.drawable) return;
    const recorded = recordedIn(models, own);
    if (recorded) inTurn(() => unmounted || showTraining(recorded));
    const entries = familyOf(models, own);
    if (entries.length < 2 || !entries.includes(own)) return;
    inTurn(() => unmounted || showFamily(entries, own));
  });
  const showTraining = (entry) => {
    $("part-training").hidden = false;
    moments = createTraining($("training"), {
      entry,
      info,
      passes: numberParam(params, "trained", 0, 0, Infinity),
      onMoved: () => parts.training(),
      onChoose: (passes) => setParams({ trained: passes === 0 ? null : passes }),
      announce,
    });
    parts.training = createTask(
      () => state.pixels && moments.ask(state.pixels),
      (answer) => answer && moments.show(answer),
      { report, node: $("part-training"), ahead: false },
    );
    if (state.z) parts.training();
  };
  const showFamily = (entries, own) => {
    $("part-family").hidden = false;
    const ownBeta = own.beta;
    family = createFamily($("family"), {
      entries,
      own: { name: own.name, model },
      beta: numberParam(params, "beta", ownBeta, 0, Infinity),
      onMoved: () => parts.family(),
      onChoose: (chosen) => setParams({ beta: chosen === ownBeta ? null : chosen }),
      announce,
    });
    parts.family = createTask(
      () => state.pixels && family.ask(state.pixels, noise()),
      (results) => results && family.show(results),
      { report, node: $("part-family"), ahead: false },
    );
    if (state.z) parts.family();
  };

  const picture = createInput($("input"), context, run);
  $("try").addEventListener("click", () => picture.surprise());
  setSigma(state.sigma);

  return {
    state,
    get pad() {
      return picture.pad;
    },
    takePicture: picture.takePicture,
    redraw() {
      picture.redraw();
      family?.redraw();
      run();
    },
    unmount() {
      unmounted = true;
      state.resampling = false;
      for (const part of [run, keepResampling, ...Object.values(parts)]) part.cancel();
      for (const part of [picture, encoder, decoder, resamples, family, moments]) part?.unmount();
    },
  };
}

/** The latent that says most about the picture. */
function telling({ klToStandardNormal }) {
  return klToStandardNormal.indexOf(Math.max(...klToStandardNormal));
}

/** Writes the numbers of one latent into the diagram. */
function showFlow($, { i, mean, logVar, z, epsilon, temperature }) {
  const texts = {
    "value-mean": formatNumber(mean[i], 2),
    "value-width": formatNumber(temperature * sigmaOf(logVar[i]), 2),
    "value-epsilon": formatNumber(epsilon[i], 2),
    "value-z": formatNumber(z[i], 2),
    slope: `slope ε = ${formatNumber(epsilon[i], 2)}`,
    "diagram-latent": `latent ${i + 1}`,
  };
  for (const [id, text] of Object.entries(texts)) $(id).textContent = text;
}
