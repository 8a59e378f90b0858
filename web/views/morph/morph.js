/**
 * Morph: the way from one latent to another, straight and by an arc side by side, following a
 * slider or playing; or the square between four of them, as a grid to move about in.
 */

import { clamp, join } from "../../api/numbers.js";
import { animate } from "../../parts/apng.js";
import { fill, oncePerFrame } from "../../parts/dom.js";
import { follow } from "../../parts/follow.js";
import { enlarge, imageOf, save, savedScale, sizeFor } from "../../parts/picture.js";
import { createSlider } from "../../parts/slider.js";
import { createSourceCard } from "../../parts/source-card.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { numberParam, seedParam, wordParam } from "../../parts/route.js";
import { subjectOf } from "../../models/subject.js";

const MODES = ["slerp", "lerp"];
const STEPS = 9;
/** Pictures on a side of the grid between four ends. */
const GRID = 7;
/** One way, in milliseconds. */
const DURATION = 3500;
/** Of the samples of a seed, those that the ends are unless told otherwise: with seed 7 four clear and unlike faces. */
const FIRST = [29, 8, 38, 58];
/** Latents from which on random ones lie in a thin shell. */
const MANY = 16;
/** Frames of a saved animation, one way. */
const FRAMES = 24;

const markup = ({ one }) => `
  <header class="opening">
    <h1 tabindex="-1"></h1>
    <div class="choice" role="radiogroup" aria-label="Ends">
      <label><input type="radio" name="ends" id="ends-two" value="two">Two ends</label>
      <label><input type="radio" name="ends" id="ends-four" value="four">Four corners</label>
    </div>
  </header>
  <div class="stage morph" id="stage">
    ${MODES.map((mode) => `
      <figure class="step step-${mode}">
        <figcaption>${mode === "slerp" ? "Slerp, by an arc" : "Lerp, straight"}</figcaption>
        <div class="frame morph-frame" data-empty>
          <canvas id="${mode}" class="live ink pixels" role="img" aria-label="The ${one} between the ends, by ${mode}"></canvas>
          <p class="invite">Draw the missing end to see the way</p>
        </div>
      </figure>`).join("")}
    <div class="path">
      <div class="strip sheet" id="strip-frame"><div id="strip"></div></div>
      <div class="grid-pad sheet" id="grid-pad"><div id="grid"></div><i class="cross" id="cross"></i></div>
      <div id="t-host"></div>
      <div id="u-host"></div>
      <div class="row">
        <button type="button" id="play" class="primary">Play</button>
        <button type="button" id="save">Save animation</button>
        <span class="note" id="saved" role="status"></span>
      </div>
    </div>
    ${["a", "b", "c", "d"].map((id) => `<figure class="step step-${id}" id="${id}"></figure>`).join("")}
  </div>
  <div class="prose">
    <p>
      Every picture here is one latent z on a path between others, decoded; nothing is
      cross-faded. <i>Lerp</i> walks the straight line, <i>slerp</i> an arc over the angle Ω between
      the two, which keeps its distance from the centre.
    </p>
    <div>
      <math display="block">
        <msub><mi>z</mi><mtext>lerp</mtext></msub><mo>=</mo>
        <mrow><mo>(</mo><mn>1</mn><mo>−</mo><mi>t</mi><mo>)</mo></mrow><mspace width="0.15em"></mspace><mi>a</mi>
        <mo>+</mo><mi>t</mi><mspace width="0.15em"></mspace><mi>b</mi>
      </math>
      <math display="block">
        <msub><mi>z</mi><mtext>slerp</mtext></msub><mo>=</mo>
        <mfrac><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mo>(</mo><mn>1</mn><mo>−</mo><mi>t</mi><mo>)</mo><mi mathvariant="normal">Ω</mi></mrow><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mi mathvariant="normal">Ω</mi></mrow></mfrac><mi>a</mi>
        <mo>+</mo>
        <mfrac><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mi>t</mi><mi mathvariant="normal">Ω</mi></mrow><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mi mathvariant="normal">Ω</mi></mrow></mfrac><mi>b</mi>
      </math>
    </div>
    <p><span id="shell"></span> <span class="try">Stop half-way and compare the two.</span></p>
  </div>
`;

export function mount(root, { model, params, setParams, promise, report, announce }) {
  const subject = subjectOf(model.info);
  const $ = fill(root, markup(subject));
  const { input, name } = model.info;
  const size = model.latentSize;
  for (const mode of MODES) sizeFor($(mode), input);
  const radius = Math.sqrt(size).toFixed(1);
  // In few dimensions there is no shell, and without a KL term no reason for one.
  if (size >= MANY && model.info.training?.beta !== 0) $("shell").textContent =
    `With ${size} latents, random ones lie about √${size} ≈ ${radius} from the centre, ` +
    "and hardly any nearer: the straight line cuts through a place where the model has seen little.";

  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const state = {
    a: null,
    b: null,
    c: null,
    d: null,
    ends: wordParam(params, "ends", ["two", "four"]),
    t: numberParam(params, "t", 0, 0, 1),
    u: numberParam(params, "u", 0, 0, 1),
    z: null,
    zLerp: null,
    playing: !still && !params.has("t") && !params.has("u"),
    get busy() {
      return !strip.idle || !grid.idle;
    },
  };
  const strip = createImageGrid($("strip"), model, STEPS, `${STEPS} steps from the first end to the second, by slerp above and by lerp below`);
  const grid = createImageGrid($("grid"), model, GRID, `${GRID} by ${GRID} ${subject.many} between the four corners`);

  const four = () => state.ends === "four";
  const complete = () => Boolean(state.a && state.b && (!four() || (state.c && state.d)));

  /** The latent at (t, u): along the upper and the lower side, then between the two. */
  const at = (t, u, mode) => {
    const { a, b, c, d } = state;
    const upper = model.interpolate(a, b, t, { mode });
    return four() ? model.interpolate(upper, model.interpolate(c, d, t, { mode }), u, { mode }) : upper;
  };

  let pathChanged = true;
  const draw = oncePerFrame(() => {
    if (!complete()) return;
    const { t, u } = state;
    state.z = at(t, u, "slerp");
    state.zLerp = at(t, u, "lerp");
    model.present($("slerp"), state.z);
    model.present($("lerp"), state.zLerp);
    $("cross").style.setProperty("--x", t);
    $("cross").style.setProperty("--y", u);
    if (!pathChanged) return;
    pathChanged = false;
    const along = (count) => Array.from({ length: count }, (_, i) => i / (count - 1));
    if (four()) grid.show(join(along(GRID).flatMap((v) => along(GRID).map((s) => at(s, v, "slerp")))));
    else strip.show(join(MODES.flatMap((mode) => along(STEPS).map((s) => at(s, 0, mode)))));
  });

  const endsChanged = () => {
    for (const [id, card] of Object.entries(cards)) state[id] = card.latent;
    pathChanged = true;
    if (!complete()) state.z = state.zLerp = null;
    for (const frame of root.querySelectorAll(".morph-frame, .path .sheet")) frame.toggleAttribute("data-empty", !complete());
    draw();
  };

  let unmounted = false;
  const cards = {};
  const base = seedParam(params, "seed", 7);
  const addCard = (id, i, title) => {
    cards[id] = createSourceCard($(id), {
      id,
      title,
      text: params.get(id) ?? `sample-${base}-${FIRST[i]}-1`,
      seed: base,
      model,
      onChange: endsChanged,
      onCommit: (text) => setParams({ [id]: text }),
      promise,
      report,
    });
  };
  const showEnds = () => {
    $("stage").dataset.ends = state.ends;
    $(`ends-${state.ends}`).checked = true;
    $("strip-frame").hidden = four();
    $("grid-pad").hidden = $("c").hidden = $("d").hidden = !four();
    sliders.u.element.hidden = !four();
    if (four() && !cards.c) {
      addCard("c", 2, "Below the first");
      addCard("d", 3, "Below the second");
    }
    endsChanged();
  };

  /** Where the reader left off. */
  const settleAt = () => setParams({ t: Number(state.t.toFixed(3)), u: four() ? Number(state.u.toFixed(3)) : null });
  const sliders = {};
  for (const [id, label] of [["t", "Along the way, t"], ["u", "From above to below, u"]]) {
    sliders[id] = createSlider($(`${id}-host`), {
      id,
      label,
      min: 0,
      max: 1,
      step: 0.01,
      value: state[id],
      format: (value) => value.toFixed(2),
      onInput(value) {
        pause();
        state[id] = value;
        draw();
        announce(`${Math.round(value * 100)} percent of the way.`);
      },
      onChange: settleAt,
    });
  }

  const goTo = (t, u = 0) => {
    pause();
    state.t = sliders.t.value = t;
    state.u = sliders.u.value = u;
    draw();
  };
  // The strip is the slider's track, the grid the track of both: a place on them is a place to go.
  follow($("strip-frame"), ([x]) => goTo(Math.round(x * STEPS - 0.5) / (STEPS - 1)), settleAt);
  // The first and the last picture stand for the ends, so the way runs from centre to centre.
  const inner = (part) => clamp((part * GRID - 0.5) / (GRID - 1), 0, 1);
  follow($("grid-pad"), ([x, y]) => goTo(inner(x), inner(y)), settleAt);

  for (const ends of /** @type {const} */ (["two", "four"])) {
    $(`ends-${ends}`).addEventListener("change", () => {
      state.ends = ends;
      showEnds();
      setParams({ ends: ends === "two" ? null : ends });
    });
  }

  // Playing
  let visible = true;
  const sight = new IntersectionObserver((entries) => {
    visible = entries.at(-1).isIntersecting; // an old entry may come with the new one
    if (visible) keepPlaying();
  });
  sight.observe($("slerp").parentElement);

  let before = 0;
  let phase = 0; // 0…1 there, 1…2 back; with four corners a circle
  const advance = oncePerFrame(() => {
    if (!state.playing || !visible) return;
    const now = performance.now();
    phase = (phase + Math.min(100, now - before) / DURATION) % 2; // a hidden tab does not skip ahead
    before = now;
    state.t = sliders.t.value = (1 - Math.cos(Math.PI * phase)) / 2;
    if (four()) state.u = sliders.u.value = (1 - Math.sin(Math.PI * phase)) / 2;
    draw();
    advance();
  });
  const keepPlaying = () => {
    if (!state.playing) return;
    before = performance.now();
    advance();
  };
  const play = () => {
    state.playing = true;
    phase = Math.acos(1 - 2 * state.t) / Math.PI;
    $("play").textContent = "Pause";
    keepPlaying();
  };
  const pause = () => {
    state.playing = false;
    $("play").textContent = "Play";
  };
  $("play").addEventListener("click", () => {
    if (state.playing) {
      pause();
      settleAt();
    } else {
      play();
      setParams({ t: null, u: null });
    }
  });

  // Saving
  $("save").addEventListener("click", async () => {
    if (!complete()) return;
    $("save").disabled = true;
    $("saved").textContent = "Drawing the frames…";
    try {
      const way = Array.from({ length: 2 * FRAMES }, (_, i) => i / FRAMES); // there and back
      const latents = way.map((part) => {
        const t = (1 - Math.cos(Math.PI * part)) / 2;
        return at(t, four() ? (1 - Math.sin(Math.PI * part)) / 2 : 0, "slerp");
      });
      const frames = [];
      for (const z of latents) {
        const pixels = await model.decode(z);
        if (unmounted) return;
        frames.push(enlarge(imageOf(pixels, input, subject.drawable), savedScale(input) / 2));
      }
      const animation = await animate(frames, Math.round(DURATION / FRAMES));
      if (unmounted) return;
      save(animation, `${name}-morph.png`);
      $("saved").textContent = "Saved as an animated PNG, which every browser plays.";
    } catch (error) {
      report(error);
    } finally {
      $("save").disabled = false;
    }
  });

  addCard("a", 0, "From");
  addCard("b", 1, "To");
  showEnds();
  if (state.playing) play();

  return {
    state,
    /** A file that was dropped: on one of the ends, or else it is the first. */
    takePicture: cards.a.takePicture && ((file, target) => (cards[target.closest?.("figure")?.id] ?? cards.a).takePicture(file)),
    /** Stays where it is, for a link. */
    hold() {
      if (!state.playing) return;
      pause();
      settleAt();
    },
    redraw() {
      pathChanged = true;
      for (const card of Object.values(cards)) card.redraw();
      draw();
    },
    unmount() {
      unmounted = true;
      state.playing = false;
      sight.disconnect();
      for (const part of [advance, draw]) part.cancel();
      for (const part of [strip, grid, ...Object.values(cards)]) part.unmount();
    },
  };
}
