/**
 * Sample: a sheet of pictures from the prior, thrown by a seed and decoded at
 * once. Each picture is a button that opens it as one end of a morph.
 */

import { announce, fill, oncePerFrame } from "../dom.js";
import { SHEET, sampleEnd } from "../ends.js";
import { sizeFor } from "../picture.js";
import { MAX_SEED, newSeed, numberParam, seedParam } from "../route.js";
import { createTemperature } from "../slider.js";
import { subjectOf } from "../subject.js";

/** Pictures in a row, by the width there is; each divides the sheet. */
const COLUMNS = [
  [900, 12],
  [560, 10],
  [340, 6],
  [0, 5],
];

const markup = ({ one, many }) => `
  <header class="opening">
    <h1 tabindex="-1"></h1>
  </header>
  <div class="sheet" id="sheet">
    <canvas id="samples" class="ink pixels" role="img" aria-label="A sheet of sampled ${many}"></canvas>
    <div class="picks" id="picks" role="group" aria-label="Choose a ${one} to morph from"></div>
  </div>
  <div class="console">
    <div class="field">
      <label for="seed">Seed</label>
      <input id="seed" type="number" min="0" max="${MAX_SEED}" step="1" inputmode="numeric">
      <button type="button" id="new-samples" class="primary">New samples</button>
    </div>
    <div id="temperature-host"></div>
    <div class="choice" id="prior" role="radiogroup" aria-label="Prior">
      <label><input type="radio" name="prior" id="prior-learned" value="learned">Learned prior</label>
      <label><input type="radio" name="prior" id="prior-normal" value="normal">𝒩(0, 1)</label>
    </div>
  </div>
  <div class="prose">
    <p>
      There is no original behind these: every latent z is thrown at random from the prior and only the
      decoder runs. Below temperature 1 the throws stay near the middle, where ${many} are typical; above it
      they get strange.
    </p>
    <math display="block">
      <mi>z</mi><mo>=</mo><mi>T</mi><mo>·</mo><mi>ε</mi><mo>,</mo><mspace width="1em"></mspace>
      <mi>ε</mi><mo>∼</mo><mi mathvariant="normal">𝒩</mi><mo>(</mo><mn>0</mn><mo>,</mo><mn>1</mn><mo>)</mo>
    </math>
    <p id="prior-prose">
      The learned prior throws where the encoder puts real ${many}, by a mixture of Gaussians fitted to them: it
      picks one, with mean <i>m</i> and covariance <i>FFᵀ</i>, and takes <i>z = m + T · Fε</i>.
      𝒩(0, 1), which training asks for, also throws into the gaps between: switch, and see what lives there.
    </p>
    <p>The same seed gives the same ${many} on every machine. Choose one to morph from it.</p>
  </div>
`;

export function mount(root, { model, params, setParams, navigate }) {
  const { input } = model.info;
  const subject = subjectOf(model.info);
  const { many } = subject;
  const $ = fill(root, markup(subject));
  root.querySelector("h1").textContent = subject.heading; // a model's title is text, whatever is in it
  const sheet = $("sheet");
  const state = {
    seed: seedParam(params, "seed", 7),
    temperature: numberParam(params, "temperature", 1, 0, 2),
    prior: params.get("prior") === "normal" ? "normal" : "learned",
    count: SHEET,
    columns: 0,
    z: null,
  };

  const draw = oncePerFrame(() => {
    if (!state.columns) return;
    const { seed, temperature, prior } = state;
    state.z = model.sample({ seed, count: SHEET, temperature, prior });
    model.present($("samples"), state.z, { columns: state.columns });
  });

  const say = () => announce(`${SHEET} ${many} from seed ${state.seed} at temperature ${state.temperature.toFixed(2)}.`);

  const setSeed = (seed) => {
    state.seed = seed;
    $("seed").value = seed;
    draw();
    say();
  };
  $("seed").value = state.seed;
  $("seed").addEventListener("input", () => {
    const text = $("seed").value;
    const seed = Number(text);
    if (text === "" || !Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) return; // still typing
    state.seed = seed;
    draw();
    say();
    setParams({ seed });
  });
  $("seed").addEventListener("change", () => setSeed(state.seed)); // what was no seed goes back to the last one
  $("new-samples").addEventListener("click", () => {
    setSeed(newSeed());
    setParams({ seed: state.seed }, { push: true });
  });

  createTemperature($("temperature-host"), state.temperature, (value) => {
    state.temperature = value;
    draw();
    say();
    setParams({ temperature: value === 1 ? null : value });
  });

  $("prior").hidden = $("prior-prose").hidden = !model.hasLearnedPrior;
  $(`prior-${state.prior}`).checked = true;
  $("prior").addEventListener("change", ({ target }) => {
    state.prior = target.value;
    draw();
    say();
    setParams({ prior: state.prior === "learned" ? null : state.prior });
  });

  const picks = Array.from({ length: SHEET }, (_, index) => {
    const pick = Object.assign(document.createElement("button"), { type: "button", tabIndex: index === 0 ? 0 : -1 });
    pick.setAttribute("aria-label", `Sample ${index + 1}: morph from this one`);
    pick.addEventListener("click", () => {
      navigate("morph", { a: sampleEnd({ ...state, index }) });
    });
    return pick;
  });
  $("picks").append(...picks);
  // One stop of the Tab key for the whole sheet; arrows move within it.
  $("picks").addEventListener("keydown", (event) => {
    const index = picks.indexOf(event.target);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -state.columns, ArrowDown: state.columns, Home: -index, End: SHEET - 1 - index }[event.key];
    const next = picks[index + step];
    if (!next) return;
    event.preventDefault();
    picks[index].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  const layout = new ResizeObserver(([{ contentRect }]) => {
    const [, columns] = COLUMNS.find(([width]) => contentRect.width >= width);
    if (columns === state.columns) return;
    state.columns = columns;
    sheet.style.setProperty("--columns", columns);
    sizeFor($("samples"), input, columns, SHEET / columns);
    draw();
  });
  layout.observe(sheet);

  return {
    state,
    unmount() {
      layout.disconnect();
      draw.cancel();
    },
  };
}
