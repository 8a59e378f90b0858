/**
 * Draw: a digit goes through the whole model, left to right, while it is being
 * drawn. The noise ε stays as it is until the reader asks for another, so the
 * picture only changes when the reader changes something.
 */

import { join } from "../../api/numbers.js";
import { element, fill, formatNumber, oncePerFrame, rove } from "../../parts/dom.js";
import { createDrawing } from "../../parts/drawing.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { createPosterior } from "../../parts/posterior.js";
import { createTemperature } from "../../parts/slider.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { newSeed, numberParam, seedParam } from "../../parts/route.js";

/** Frames the runtime may be working on; later ones wait, and only the newest is kept. */
const MAX_IN_FLIGHT = 2;
/** Other throws of ε that are shown beside the one in full. */
const RESAMPLES = 8;

const MARKUP = `
  <header class="opening">
    <h1 tabindex="-1"></h1>
  </header>
  <div class="stage draw" id="stage" data-empty>
    <figure class="step step-pad">
      <figcaption>Your drawing</figcaption>
      <div class="frame">
        <canvas id="pad" class="pad ink" role="img" aria-label="Drawing pad. Draw with mouse, pen or finger, or choose one of the digits below."></canvas>
        <p class="invite" id="invite">Draw a digit here</p>
      </div>
      <div class="row">
        <button type="button" id="undo">Undo</button>
        <button type="button" id="clear">Clear</button>
      </div>
    </figure>
    <figure class="step step-seen">
      <figcaption>At 28 × 28</figcaption>
      <div class="frame"><canvas id="seen" class="ink pixels" role="img" aria-label="Your drawing as 28 by 28 pixels, cropped and centred"></canvas></div>
      <p class="note">what the encoder sees</p>
    </figure>
    <figure class="step step-latents">
      <figcaption id="posterior-caption"></figcaption>
      <div class="chart" id="posterior" tabindex="0" role="slider" aria-labelledby="posterior-caption"></div>
      <p class="note arithmetic" id="latent-readout"></p>
    </figure>
    <figure class="step step-output">
      <figcaption>The reconstruction</figcaption>
      <div class="frame"><canvas id="reconstruction" class="live ink pixels" role="img" aria-label="Reconstruction"></canvas></div>
      <p class="note">decoded from z</p>
    </figure>
    <fieldset class="examples">
      <legend>Or try one of these</legend>
      <div class="row" id="examples"></div>
    </fieldset>
    <div class="noise">
      <div id="temperature-host"></div>
      <button type="button" id="new-epsilon"><span class="die" aria-hidden="true">⚄</span> Throw ε</button>
    </div>
    <figure class="resamples">
      <figcaption>More from the same cloud: ${RESAMPLES} other throws of ε</figcaption>
      <div class="sheet" id="resamples-sheet">
        <div id="resamples"></div>
        <div class="picks" id="resample-picks" role="group" aria-label="Take one of these throws"></div>
      </div>
    </figure>
    <dl class="ledger">
      <div><dt>reconstruction</dt><dd id="reconstruction-nats">–</dd></div>
      <div><dt>+ KL</dt><dd id="kl-nats">–</dd></div>
      <div class="total"><dt id="elbo-term"></dt><dd id="elbo">–</dd></div>
    </dl>
  </div>
  <div class="prose">
    <p>
      The encoder does not turn your drawing into a point but into a small cloud: for each latent a
      mean <i class="is-mean">μ</i> and a width <i class="is-band">σ</i>. One point
      <i class="is-sample">z</i> of that cloud goes to the decoder, which paints a picture from it.
      Narrow bands are latents that your drawing decides; a band as wide as the grey strip, 𝒩(0, 1),
      says nothing about it.
    </p>
    <math display="block">
      <mi>z</mi><mo>=</mo><mi>μ</mi><mo>+</mo><mi>T</mi><mo>·</mo><mi>σ</mi><mo>·</mo><mi>ε</mi>
      <mo>,</mo><mspace width="1em"></mspace><mi>ε</mi><mo>∼</mo><mi mathvariant="normal">𝒩</mi><mo>(</mo><mn>0</mn><mo>,</mo><mn>1</mn><mo>)</mo>
    </math>
    <p>
      The noise ε is thrown once and kept until you ask for another; at T = 0 there is none. Training
      raised the ELBO: the reconstruction term is what it costs to describe your pixels once z is
      known<span id="grey-note" hidden> (grey ones as the mean over black and white, drawn with the grey as probability)</span>,
      the KL term what the cloud itself costs against the model’s own prior, both for this ε. At another T there is no
      ELBO: z does not come from the cloud.
    </p>
    <p class="try">Draw something that is no digit, and see what comes back and what it costs.</p>
  </div>
`;

export function mount(root, { model, params, setParams, report, announce }) {
  const $ = fill(root, MARKUP);
  const { input, likelihood } = model.info;
  const stage = $("stage");
  sizeFor($("seen"), input);
  sizeFor($("reconstruction"), input);
  $("posterior-caption").textContent = `${model.latentSize} latents, μ ± σ`;
  $("grey-note").hidden = likelihood.kind !== "bernoulli";
  const posterior = createPosterior($("posterior"), $("latent-readout"), model.latentSize);

  const resamples = createImageGrid($("resamples"), model, RESAMPLES, "Reconstructions from other throws of ε");

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

  let turn = 0; // of the newest frame asked for
  let shown = 0; // of the frame whose numbers are on the page
  let inFlight = 0;
  let unmounted = false;
  let waiting = false;
  let inkChanged = false;

  const showElbo = (elbo) => {
    $("elbo-term").textContent = temperature === 1 ? "ELBO, minus the sum, in nats" : "in nats; an ELBO only at T = 1";
    $("elbo").textContent = elbo === null ? "–" : formatNumber(elbo, 1);
  };
  const blank = () => {
    shown = turn += 1; // whatever is still under way comes too late
    Object.assign(state, nothing);
    stage.dataset.empty = "";
    posterior.clear();
    resamples.show(new Float32Array(0));
    showElbo(null);
    for (const id of ["reconstruction-nats", "kl-nats"]) $(id).textContent = "–";
  };

  const show = (result) => {
    const { reconstruction, kl } = result;
    // At another temperature z is no draw from the posterior, and the sum no bound.
    const elbo = result.temperature === 1 ? -(reconstruction + kl) : null;
    Object.assign(state, result, { elbo });
    posterior.show(result);
    const { mean, logVar } = result;
    resamples.show(join(resampleSeeds().map((seed) => model.reparameterize(mean, logVar, { seed, temperature }))));
    showElbo(elbo);
    $("reconstruction-nats").textContent = formatNumber(reconstruction, 1);
    $("kl-nats").textContent = formatNumber(kl, 1);
    const sum = elbo === null ? "" : `ELBO ${elbo.toFixed(1)} nats: `;
    announce(`Reconstructed. ${sum}reconstruction ${reconstruction.toFixed(1)}, KL ${kl.toFixed(1)}.`);
  };

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
      paintPicture($("seen"), state.pixels, { input, drawable: true });
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
    onInk() {
      inkChanged = true;
      draw();
    },
  });
  const { pad } = drawing;

  createTemperature($("temperature-host"), temperature, (value) => {
    temperature = value;
    draw();
    setParams({ temperature: value === 1 ? null : value });
  });

  /** The strip stays as it is while its throws are taken; only another throw of ε renews it. */
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
    pick.setAttribute("aria-label", `Throw ${i + 1}`);
    return pick;
  });
  $("resample-picks").append(...picks);
  rove($("resample-picks"), picks, () => RESAMPLES);

  showElbo(null);
  drawing.start();

  return {
    state,
    pad,
    redraw: draw,
    unmount() {
      unmounted = true;
      resamples.unmount();
      draw.cancel();
      drawing.unmount();
      turn = shown = Infinity;
    },
  };
}
