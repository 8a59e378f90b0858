/**
 * Sample: a grid of pictures drawn from the prior by a seed. Each is a button: chosen, it lies
 * large in the tray below, from where it can be kept, saved, morphed or edited.
 */

import { fileOf } from "../../api/files.js";
import { join } from "../../api/numbers.js";
import { afterPause, element, fill, oncePerFrame, rove } from "../../parts/dom.js";
import { imageOf, enlarge, pngOf, save, savedScale, sizeFor } from "../../parts/picture.js";
import { createTemperature } from "../../parts/slider.js";
import { SAMPLES, formatSample, formatSource, latentOf, parseSource, undrawn } from "../../parts/source.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { columnsFor } from "../../player/poster.js";
import { MAX_SEED, newSeed, numberParam, seedParam, wordParam } from "../../parts/route.js";
import { subjectOf } from "../../models/subject.js";
import { markup } from "./markup.js";

/** Pictures that the address keeps. */
const MAX_KEPT = 12;
const KEPT_COLUMNS = 6;

export function mount(root, { model, folder, memory, params, setParams, navigate, addStyles, announce, report, hear }) {
  const { input, name } = model.info;
  const subject = subjectOf(model.info);
  const { one, many } = subject;
  const $ = fill(root, markup(subject, model.latentSize));
  const state = {
    seed: seedParam(params, "seed", 7),
    temperature: numberParam(params, "temperature", 1, 0, 2),
    prior: wordParam(params, "prior", ["learned", "normal"]),
    count: SAMPLES,
    columns: 0,
    z: null,
    /** The sample in the tray, and those that are kept, as the address has them. */
    chosen: params.get("chosen"),
    kept: [...new Set([...(params.get("kept") ?? "").split("~").filter(Boolean), ...(memory.kept ?? [])])].slice(0, MAX_KEPT),
    get busy() {
      return !grid.idle || !keptGrid.idle;
    },
  };
  let unmounted = false;
  const grid = createImageGrid($("samples"), model, 1, `A grid of sampled ${many}`);
  const keptGrid = createImageGrid($("kept-grid"), model, 1, `The ${many} you kept`);
  sizeFor($("chosen"), input);
  const latent = (text) => latentOf(model, undrawn(parseSource(text, state.seed, model.latentSize), state.seed));

  /** All characters in the chosen style, or the first, where the model has some; fetched when they are first seen. */
  let alphabet;
  const showAlphabet = (z) => {
    if (!model.info.condition) return;
    $("alphabet-host").hidden = false;
    alphabet ??= Promise.all([import("../../parts/alphabet.js"), addStyles()]).then(([{ createAlphabet }]) =>
      createAlphabet($("alphabet-host"), model, { params, setParams, drawn: model.classIndex, report }),
    );
    alphabet.then((one) => !unmounted && one.show(z), () => ($("alphabet-host").hidden = true));
  };

  const drawNow = () => {
    if (!state.columns) return;
    const { seed, temperature, prior } = state;
    showPressed();
    state.z = model.sample({ seed, count: SAMPLES, temperature, prior });
    showContrast();
    if (!state.chosen) {
      showAlphabet(state.z.subarray(0, model.latentSize));
      showPair(state.z.subarray(0, model.latentSize));
    }
    grid.columns = state.columns;
    grid.show(state.z);
    if (!state.chosen) hear(state.z.subarray(0, model.latentSize), { now: false });
  };
  const draw = oncePerFrame(() => {
    drawNow();
    showFormula();
  });
  const showFormula = () => {
    const learned = state.prior === "learned" && model.hasLearnedPrior;
    $("formula-learned").toggleAttribute("hidden", !learned); // MathML has no property of that name
    $("formula-normal").toggleAttribute("hidden", learned);
  };
  // The browser takes 40 ms to find fonts for a formula, which the first picture does not wait for.
  const showFormulaLater = afterPause(showFormula, 100);
  showFormulaLater();
  const say = () => announce(`${SAMPLES} ${many} from seed ${state.seed} at temperature ${state.temperature.toFixed(2)}.`);
  const changed = (changes, options) => {
    draw();
    say();
    setParams(changes, options);
  };

  // Other samples
  const setSeed = (seed) => {
    state.seed = seed;
    $("seed").value = seed;
  };
  setSeed(state.seed);
  $("seed").addEventListener("input", () => {
    const text = $("seed").value;
    const seed = Number(text);
    if (text === "" || !Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) return; // still typing
    state.seed = seed;
    changed({ seed });
  });
  $("seed").addEventListener("change", () => setSeed(state.seed)); // what was no seed goes back to the last one
  $("new-samples").addEventListener("click", () => {
    setSeed(newSeed());
    state.chosen = null; // it is none of these, and stands in their way
    showChosen();
    changed({ seed: state.seed, chosen: null }, { push: true });
  });
  createTemperature($("temperature-host"), "Variety", state.temperature, (value) => {
    state.temperature = value;
    changed({ temperature: value === 1 ? null : value });
  });
  const showPrior = () => {
    $(`prior-${state.prior}`).checked = true;
    $("try").textContent = state.prior === "learned" ? "Try: any random numbers" : `Back to where ${many} are`;
  };
  const setPrior = (prior) => {
    state.prior = prior;
    showPrior();
    changed({ prior: prior === "learned" ? null : prior });
  };
  $("prior").hidden = $("prior-prose").hidden = $("try").hidden = !model.hasLearnedPrior;
  showPrior();
  $("prior").addEventListener("change", ({ target }) => setPrior(target.value));
  $("try").addEventListener("click", () => setPrior(state.prior === "learned" ? "normal" : "learned"));

  // The nearest training pictures, which were published with the model; fetched when they are asked for
  $("memory").addEventListener("toggle", () => {
    const picture = $("nearest");
    picture.onload = () => (picture.hidden = false);
    picture.onerror = () => ($("memory-note").textContent = "This model was published without that picture.");
    picture.src = fileOf(folder, `neighbours.${input.channels === 3 ? "jpg" : "png"}`).href;
  }, { once: true });

  // Both priors side by side; the code is fetched when it is asked for
  let contrast;
  const showContrast = () => contrast?.then((one) => !unmounted && one.show(state.seed), () => {});
  $("contrast-details").hidden = !model.hasLearnedPrior;
  $("contrast-details").addEventListener("toggle", () => {
    contrast = Promise.all([import("./contrast.js"), addStyles()]).then(([{ createContrast }]) => createContrast($("contrast-part"), model, many));
    contrast.catch(() => !unmounted && $("contrast-part").replaceChildren("This could not be loaded. Check the connection, and reload the page to try again."));
    showContrast();
  }, { once: true });

  // The same picture by the decoder that was, or was not, sharpened
  let pair;
  const showPair = (z) => pair?.then((one) => !unmounted && one.show(z), () => {});
  $("pair-details")?.addEventListener("toggle", () => {
    pair = Promise.all([import("./pair.js"), addStyles()]).then(([{ createPair }]) => createPair($("pair"), model));
    pair.catch(({ message }) => !unmounted && $("pair").replaceChildren(`There is nothing to compare with: ${message}.`));
    showPair(latent(state.chosen ?? formatSample({ ...state, index: 0 })));
  }, { once: true });

  // The tray
  /** Marks the chosen one where it stands. */
  const showPressed = () => {
    picks.forEach((pick, index) => pick.setAttribute("aria-pressed", formatSample({ ...state, index }) === state.chosen));
    [...$("kept-picks").children].forEach((pick, i) => pick.setAttribute("aria-pressed", state.kept[i] === state.chosen));
  };
  const showChosen = oncePerFrame(() => {
    showPressed();
    const z = latent(state.chosen ?? formatSample({ ...state, index: 0 }));
    showAlphabet(z);
    showPair(z);
    $("tray").hidden = !state.chosen;
    if (!state.chosen) return;
    model.present($("chosen"), latent(state.chosen));
    showNumbers();
    const kept = state.kept.includes(state.chosen);
    $("keep").textContent = kept ? "Remove" : "Keep";
    $("keep").disabled = !kept && state.kept.length >= MAX_KEPT;
  });
  /** The numbers of the chosen one, to be dragged; the chart is fetched when it is first seen. */
  let numbers;
  const showNumbers = () => {
    numbers ??= Promise.all([import("./numbers.js"), addStyles()]).then(([{ createNumbers }]) =>
      createNumbers($("numbers"), $("number"), model.latentSize, (z, done) => {
        if (unmounted) return;
        model.present($("chosen"), z);
        showAlphabet(z);
        if (!done) return;
        state.chosen = formatSource({ kind: "latent", z });
        setParams({ chosen: state.chosen });
        showChosen();
        hear(z);
      }),
    );
    numbers.then((chart) => !unmounted && state.chosen && chart.show(latent(state.chosen)), () => ($("numbers").parentElement.hidden = true));
  };
  const choose = (text) => {
    const push = !state.chosen; // the browser's Back closes the tray, instead of leaving the page
    state.chosen = text;
    showChosen();
    setParams({ chosen: text }, { push });
    if (!text) return;
    hear(latent(text));
    const chosen = parseSource(text, state.seed, model.latentSize);
    const which = chosen.kind === "sample" ? ` ${chosen.index + 1} of seed ${chosen.seed}` : "";
    announce(`Chosen: ${one}${which}. Actions are below.`);
  };
  $("close").addEventListener("click", () => {
    const chosen = parseSource(state.chosen, state.seed, model.latentSize);
    choose(null);
    picks[chosen.kind === "sample" ? chosen.index : 0].focus({ preventScroll: true });
  });
  $("save").addEventListener("click", async () => {
    const text = state.chosen;
    try {
      const pixels = await model.decode(latent(text));
      if (unmounted) return;
      const canvas = enlarge(imageOf(pixels, input, subject.ink), savedScale(input));
      save(await pngOf(canvas), `${name}-${text.slice(0, 40)}.png`);
    } catch (error) {
      report(error);
    }
  });
  for (const [id, view, end] of [["to-morph", "morph", "a"], ["to-edit", "edit", "face"]]) {
    $(id).hidden = !navigate || (view === "edit" && model.latentSize <= 2);
    $(id).addEventListener("click", () => navigate(view, { [end]: state.chosen, ...(view === "edit" && { edits: null }) }));
  }

  // The kept ones
  const showKept = oncePerFrame(() => {
    const { kept } = state;
    $("kept").hidden = kept.length === 0;
    const columns = Math.min(Math.max(1, kept.length), KEPT_COLUMNS);
    keptGrid.columns = columns;
    keptGrid.show(join(kept.map(latent)));
    const buttons = kept.map((text, i) => {
      const button = element("button", { type: "button", onclick: () => choose(text) });
      button.setAttribute("aria-label", `Kept ${one} ${i + 1}`);
      return button;
    });
    $("kept-picks").replaceChildren(...buttons);
    $("kept-sheet").style.setProperty("--kept", columns);
    showPressed();
  });
  $("keep").addEventListener("click", () => {
    const { kept, chosen } = state;
    state.kept = kept.includes(chosen) ? kept.filter((text) => text !== chosen) : [...kept, chosen];
    announce(kept.includes(chosen) ? "Removed." : `Kept, ${state.kept.length} in all.`);
    memory.kept = state.kept;
    setParams({ kept: state.kept.join("~") || null });
    showKept();
    showChosen();
  });

  const picks = Array.from({ length: SAMPLES }, (_, index) => {
    const pick = element("button", { type: "button", onclick: () => choose(formatSample({ ...state, index })) });
    pick.setAttribute("aria-label", `${one} ${index + 1}`);
    return pick;
  });
  $("picks").append(...picks);
  rove($("picks"), picks, () => state.columns);

  const arrange = () => {
    const columns = columnsFor($("sheet").clientWidth);
    if (columns === state.columns) return;
    state.columns = columns;
    $("sheet").style.setProperty("--columns", columns);
    // The grid takes its room before it is drawn.
    $("samples").style.aspectRatio = `${input.width * columns} / ${(input.height * SAMPLES) / columns}`;
    drawNow();
  };
  const layout = new ResizeObserver(arrange);
  layout.observe($("sheet"));
  arrange();
  root.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && state.chosen) $("close").click();
  });
  showChosen();
  showKept();
  if (state.chosen) hear(latent(state.chosen), { now: false });

  return {
    state,
    share: () => ({ all: { seed: String(state.seed) }, z: latent(state.chosen ?? formatSample({ ...state, index: 0 })) }),
    redraw() {
      draw();
      showChosen();
      showKept();
      pair?.then((one) => one.renew(), () => {});
      contrast?.then((one) => one.redraw(), () => {});
    },
    unmount() {
      unmounted = true;
      layout.disconnect();
      for (const part of [draw, showChosen, showKept, showFormulaLater]) part.cancel();
      grid.unmount();
      keptGrid.unmount();
      for (const part of [alphabet, pair, contrast]) part?.then((one) => one.unmount(), () => {});
    },
  };
}
