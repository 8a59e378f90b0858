/**
 * Morph: the way from one latent to another, as a large picture that follows a
 * slider or plays, and as a strip of steps that the slider runs along.
 */

import { announce, fill, oncePerFrame } from "../dom.js";
import { createEnd } from "../end-card.js";
import { sizeFor } from "../picture.js";
import { numberParam } from "../route.js";
import { createSlider } from "../slider.js";
import { subjectOf } from "../subject.js";

const MODES = ["slerp", "lerp"];
const STEPS = 9;
/** One way, in milliseconds. */
const DURATION = 3500;

const markup = ({ one }) => `
  <header class="opening">
    <h1 tabindex="-1">From one ${one} to another</h1>
  </header>
  <div class="stage morph">
    <figure class="step step-a" id="a"></figure>
    <figure class="step step-morph">
      <figcaption>Between them</figcaption>
      <div class="frame" id="morph-frame" data-empty>
        <canvas id="morph" class="ink pixels" role="img" aria-label="The picture between the two ends"></canvas>
        <p class="invite">Draw the missing end to see the way</p>
      </div>
      <div class="row">
        <button type="button" id="play" class="primary">Play</button>
        <div class="choice" role="radiogroup" aria-label="Kind of path">
          <label><input type="radio" name="mode" id="mode-slerp" value="slerp">Slerp</label>
          <label><input type="radio" name="mode" id="mode-lerp" value="lerp">Lerp</label>
        </div>
      </div>
    </figure>
    <figure class="step step-b" id="b"></figure>
    <div class="path">
      <div class="strip" id="strip-frame"><canvas id="strip" class="ink pixels" role="img" aria-label="${STEPS} steps from the first end to the second"></canvas></div>
      <div id="t-host"></div>
    </div>
  </div>
  <div class="prose">
    <p>
      Every picture here is one latent z on a path between two others, decoded; nothing is
      cross-faded. <i>Lerp</i> walks the straight line, <i>slerp</i> an arc over the angle Ω between
      the two, which keeps its distance from the centre.
    </p>
    <math display="block" id="formula-lerp">
      <msub><mi>z</mi><mi>t</mi></msub><mo>=</mo>
      <mrow><mo>(</mo><mn>1</mn><mo>−</mo><mi>t</mi><mo>)</mo></mrow><mspace width="0.15em"></mspace><mi>a</mi>
      <mo>+</mo><mi>t</mi><mspace width="0.15em"></mspace><mi>b</mi>
    </math>
    <math display="block" id="formula-slerp">
      <msub><mi>z</mi><mi>t</mi></msub><mo>=</mo>
      <mfrac><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mo>(</mo><mn>1</mn><mo>−</mo><mi>t</mi><mo>)</mo><mi mathvariant="normal">Ω</mi></mrow><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mi mathvariant="normal">Ω</mi></mrow></mfrac><mi>a</mi>
      <mo>+</mo>
      <mfrac><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mi>t</mi><mi mathvariant="normal">Ω</mi></mrow><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mi mathvariant="normal">Ω</mi></mrow></mfrac><mi>b</mi>
    </math>
    <p id="shell"></p>
  </div>
`;

export function mount(root, { model, params, setParams, report }) {
  const $ = fill(root, markup(subjectOf(model.info)));
  const { input } = model.info;
  sizeFor($("morph"), input);
  sizeFor($("strip"), input, STEPS);
  const radius = Math.sqrt(model.latentSize).toFixed(1);
  $("shell").textContent =
    `With ${model.latentSize} latents, random ones lie about √${model.latentSize} ≈ ${radius} from the centre, ` +
    "and hardly any nearer: the straight line cuts through a place where the model has seen little.";

  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const state = {
    a: null,
    b: null,
    t: numberParam(params, "t", 0, 0, 1),
    mode: MODES.includes(params.get("mode")) ? params.get("mode") : MODES[0],
    z: null,
    playing: !still && !params.has("t"),
  };

  let stripChanged = true;
  const draw = oncePerFrame(() => {
    const { a, b, mode } = state;
    if (!a || !b) return;
    state.z = model.interpolate(a, b, state.t, { mode });
    model.present($("morph"), state.z);
    if (!stripChanged) return;
    stripChanged = false;
    const steps = new Float32Array(STEPS * model.latentSize);
    for (let i = 0; i < STEPS; i += 1) steps.set(model.interpolate(a, b, i / (STEPS - 1), { mode }), i * model.latentSize);
    model.present($("strip"), steps, { columns: STEPS });
  });

  const pathChanged = () => {
    state.a = ends[0]?.latent ?? null;
    state.b = ends[1]?.latent ?? null;
    stripChanged = true;
    const complete = Boolean(state.a && state.b);
    if (!complete) state.z = null;
    $("morph-frame").toggleAttribute("data-empty", !complete);
    $("strip-frame").toggleAttribute("data-empty", !complete);
    draw();
  };

  const ends = [];
  for (const [i, id, title] of [
    [0, "a", "From"],
    [1, "b", "To"],
  ]) {
    ends[i] = createEnd($(id), {
      id,
      title,
      text: params.get(id),
      seed: i + 1,
      model,
      onChange: pathChanged,
      onCommit: (text) => setParams({ [id]: text }),
      report,
    });
  }
  pathChanged();

  const slider = createSlider($("t-host"), {
    id: "t",
    label: "Along the way, t",
    min: 0,
    max: 1,
    step: 0.01,
    value: state.t,
    format: (t) => t.toFixed(2),
    onInput(t) {
      pause();
      state.t = t;
      draw();
      announce(`${Math.round(t * 100)} percent of the way.`);
    },
    onChange: (t) => setParams({ t }),
  });

  // The strip is the slider's track: a step on it is a place to go.
  $("strip").addEventListener("click", (event) => {
    const box = $("strip").getBoundingClientRect();
    const step = Math.min(STEPS - 1, Math.floor(((event.clientX - box.left) / box.width) * STEPS));
    pause();
    state.t = slider.value = step / (STEPS - 1);
    draw();
    setParams({ t: state.t });
  });

  const showMode = () => {
    for (const mode of MODES) {
      $(`mode-${mode}`).checked = mode === state.mode;
      // MathML has no "hidden" property of its own, only the attribute.
      $(`formula-${mode}`).toggleAttribute("hidden", mode !== state.mode);
    }
  };
  for (const mode of MODES) {
    $(`mode-${mode}`).addEventListener("change", () => {
      state.mode = mode;
      showMode();
      stripChanged = true;
      draw();
      setParams({ mode: mode === MODES[0] ? null : mode });
    });
  }
  showMode();

  let visible = true;
  const sight = new IntersectionObserver(([entry]) => {
    visible = entry.isIntersecting;
    if (visible) keepPlaying();
  });
  sight.observe($("morph"));

  let before = 0;
  let phase = 0; // 0…1 there, 1…2 back
  const advance = oncePerFrame(() => {
    if (!state.playing || !visible) return;
    const now = performance.now();
    phase = (phase + Math.min(100, now - before) / DURATION) % 2; // a hidden tab does not skip ahead
    before = now;
    state.t = slider.value = (1 - Math.cos(Math.PI * phase)) / 2;
    if (state.a && state.b) draw();
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
      setParams({ t: Number(state.t.toFixed(3)) });
    } else {
      play();
      setParams({ t: null });
    }
  });
  if (state.playing) play();

  return {
    state,
    unmount() {
      state.playing = false;
      sight.disconnect();
      advance.cancel();
      draw.cancel();
      for (const end of ends) end.unmount();
    },
  };
}
