/**
 * Edit: a face, sampled or the reader's own, moved along the directions of its attributes and
 * along single latents, with what it was beside what it becomes.
 */

import { within } from "../../api/network.js";
import { join } from "../../api/numbers.js";
import { choosePicture } from "../../parts/cropper.js";
import { element, fill, oncePerFrame, rove } from "../../parts/dom.js";
import { spread } from "../../parts/examples.js";
import { markOwn } from "../../parts/own.js";
import { enlarge, imageOf, pngOf, save, savedScale, sizeFor } from "../../parts/picture.js";
import { formatSource, latentOf, mannerOf, parseSource, undrawn } from "../../parts/source.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { newSeed, seedParam } from "../../parts/route.js";
import { subjectOf } from "../../models/subject.js";
import { LIMIT, SURE, applyEdits, formatEdits, parseEdits } from "./edits.js";
import { createHistory } from "./history.js";
import { markup } from "./markup.js";
import { createEditSliders, signed } from "./sliders.js";

/** Of the samples of a seed, the one that is shown unless told otherwise: with seed 7, a face that a smile changes much. */
const FIRST = 17;
/** How much farther than its atlas says a direction may go. */
const STRETCH = 2;
/** Milliseconds after which code that was asked for counts as missing. */
const CODE = 20_000;
/** Examples to start from, and the width that one needs to be hit. */
const EXAMPLES = 10;
const EXAMPLE_WIDTH = 40;
/** Examples from which on three can have an attribute, three lack it, and some are neither. */
const LEAST_EXAMPLES = 9;

/** The player fetches the atlas beside the weights. */
export const usesAtlas = () => true;

export function mount(root, { model, params, setParams, atlas, memory, navigate, promise, report, announce, hear }) {
  const { input, name } = model.info;
  const subject = subjectOf(model.info);
  const { one } = subject;
  const size = model.latentSize;
  const $ = fill(root, markup(subject, size, promise));
  for (const id of ["before", "after"]) sizeFor($(id), input);

  const seed = seedParam(params, "seed", 7);
  // One of the examples, which are good ones, unless the address names a seed.
  const [example] = params.has("seed") ? [] : spread(atlas.examples, EXAMPLES);
  const first = example ? formatSource({ kind: "latent", z: Float32Array.from(example.z) }) : `sample-${seed}-${FIRST}-1`;
  /** A face as the address has it; a drawing is none. */
  const sourceOf = (text) => {
    const source = parseSource(text ?? first, seed, size);
    return undrawn(source.kind === "drawn" ? parseSource(first, seed, size) : source, seed);
  };
  const directions = atlas.directions.map(widen);
  const state = {
    /** Where the face comes from, and what is changed about it. */
    face: "",
    edits: parseEdits(params.get("edits"), directions, size),
    /** Latents. */
    before: null,
    after: null,
    get busy() {
      return pending || reading || !examplesGrid.idle || !(origin?.idle ?? true);
    },
  };
  let starts = []; // examples, as sources
  /** Where attributes come from, once it was asked for. @type {ReturnType<typeof import("./origin.js").createOrigin> | null} */
  let origin = null;
  let pending = true;
  let reading = false;
  let unmounted = false;

  // Pictures
  const drawBefore = oncePerFrame(() => model.present($("before"), state.before));
  const drawAfter = oncePerFrame(() => {
    state.after = applyEdits(state.before, state.edits, directions);
    model.present($("after"), state.after);
    sliders.show(state);
    pending = false;
  });
  const draw = () => {
    pending = true;
    drawAfter();
  };
  /** What the ends of the attributes' sliders lead to, with all other changes as they are. */
  const drawEnds = oncePerFrame(() => {
    sliders.showEnds((canvas, key, value) => {
      const attributes = new Map(state.edits.attributes).set(key, value);
      model.present(canvas, applyEdits(state.before, { ...state.edits, attributes }, directions));
    });
  });
  /** While it is held, the changed picture shows what it was. */
  const compare = (holds) => {
    root.toggleAttribute("data-compares", holds);
    model.present($("after"), holds ? state.before : state.after);
  };
  for (const id of ["compare", "after-frame"]) {
    $(id).addEventListener("pointerdown", ({ button }) => button === 0 && compare(true));
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) $(id).addEventListener(end, () => root.hasAttribute("data-compares") && compare(false));
  }
  $("compare").addEventListener("keydown", ({ key, repeat }) => [" ", "Enter"].includes(key) && !repeat && compare(true));
  for (const end of ["keyup", "blur"]) $("compare").addEventListener(end, () => root.hasAttribute("data-compares") && compare(false));
  const showFace = (text) => {
    const source = sourceOf(text);
    state.face = formatSource(source);
    state.before = latentOf(model, source);
    for (const { text, pick } of starts) pick.setAttribute("aria-pressed", text === state.face);
    const credit = starts.find(({ text }) => text === state.face)?.credit;
    $("credit").textContent = credit ? `Rebuilt from a photo: ${credit}.` : "";
    state.after ??= state.before;
    drawBefore();
    draw();
    drawEnds();
    origin?.follow(state.before);
  };

  // History and address
  const enable = (id, on, instead) => {
    const leaving = !on && $(id).matches(":focus");
    $(id).disabled = !on;
    if (leaving) $(instead).focus(); // so that keys still reach the view
  };
  const offer = () => {
    enable("undo", history.canUndo, "redo");
    enable("redo", history.canRedo, "undo");
    enable("reset", history.present.edits !== "", "undo");
  };
  const settle = () => {
    const { face, edits } = history.present;
    offer();
    setParams({ face: face === first ? null : face, edits: edits || null });
  };
  const hearNow = (options) => hear(applyEdits(state.before, state.edits, directions), options);
  const commit = (control) => {
    hearNow();
    history.push({ face: state.face, edits: formatEdits(state.edits) }, control);
    drawEnds();
    settle();
  };
  const go = (step, said) => {
    const { face, edits } = history[step]();
    state.edits = parseEdits(edits, directions, size);
    showFace(face);
    hearNow();
    settle();
    announce(said);
  };
  const undo = () => history.canUndo && go("undo", "Undone.");
  const redo = () => history.canRedo && go("redo", "Redone.");
  const byKey = (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.closest("dialog")) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && !(key === "y" && event.ctrlKey)) return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) redo();
    else undo();
  };
  root.addEventListener("keydown", byKey);

  /** Another face: attributes go with it, for they move any face; latents are a face's own. */
  const take = (text, said) => {
    state.edits = { attributes: state.edits.attributes, latents: new Map() };
    showFace(text);
    commit();
    announce(said);
  };

  // Actions
  $("undo").addEventListener("click", undo);
  $("redo").addEventListener("click", redo);
  $("reset").addEventListener("click", () => {
    state.edits = { attributes: new Map(), latents: new Map() };
    draw();
    commit();
    announce("Reset.");
  });
  $("another").addEventListener("click", () => {
    take(formatSource({ kind: "sample", seed: newSeed(), index: 0, ...mannerOf(sourceOf(state.face)) }), `Another ${one}.`);
  });
  const takeOwn = async (file) => {
    try {
      const pixels = await choosePicture(root, { model, promise, report, file });
      if (!pixels || unmounted) return;
      reading = true;
      const { mean } = await model.encode(pixels);
      if (!unmounted) take(markOwn(formatSource({ kind: "latent", z: mean })), "Your picture, as the decoder draws it.");
    } catch (error) {
      report(error);
    } finally {
      reading = false;
    }
  };
  $("own").addEventListener("click", () => takeOwn());
  $("save").addEventListener("click", async () => {
    try {
      const pixels = await model.decode(state.after);
      if (!unmounted) save(await pngOf(enlarge(imageOf(pixels, input, subject.ink), savedScale(input))), `${name}-edit.png`);
    } catch (error) {
      report(error);
    }
  });
  $("to-morph").hidden = !navigate;
  $("to-morph").addEventListener("click", () => {
    const b = formatSource({ kind: "latent", z: state.after });
    navigate("morph", { a: state.face, b, ends: null, t: null, u: null });
  });

  // Examples
  const examplesGrid = createImageGrid($("examples-grid"), model, EXAMPLES, `Examples of ${subject.many}`);
  const layOutExamples = () => {
    const columns = Math.min(starts.length, $("examples-sheet").clientWidth < EXAMPLES * EXAMPLE_WIDTH ? EXAMPLES / 2 : EXAMPLES);
    examplesGrid.columns = columns;
    $("examples-sheet").style.setProperty("--columns", columns);
  };
  const layout = new ResizeObserver(layOutExamples);
  const showExamples = () => {
    starts = spread(atlas.examples, EXAMPLES).map(({ z, credit }, i) => {
      const text = formatSource({ kind: "latent", z: Float32Array.from(z) });
      const pick = element("button", { type: "button", onclick: () => take(text, `Example ${i + 1}.`) });
      pick.setAttribute("aria-label", `Example ${i + 1}`);
      return { text, credit, pick };
    });
    if (starts.length === 0) return;
    $("examples").hidden = false;
    const picks = starts.map(({ pick }) => pick);
    $("examples-picks").append(...picks);
    rove($("examples-picks"), picks, () => examplesGrid.columns);
    layOutExamples();
    examplesGrid.show(join(starts.map(({ text }) => latentOf(model, sourceOf(text)))));
    layout.observe($("examples-sheet"));
  };

  // Sliders
  const setEdit = ({ part, key }, value) => {
    if (value === null || (part === "attributes" && value === 0)) state.edits[part].delete(key);
    else state.edits[part].set(key, value);
    draw();
  };
  const kl = model.info.latents.flatMap((group) => (group.kl?.length ? group.kl : Array(group.size).fill(NaN)));
  const sliders = createEditSliders($, {
    directions,
    kl,
    size: (canvas) => sizeFor(canvas, input),
    followed: atlas.followed,
    onInput: setEdit,
    onChange({ label }, value) {
      commit(label);
      announce(value === null ? `${label} reset.` : `${label} ${signed(value)}.`);
    },
  });
  const some = directions.length > 0;
  $("attributes-group").hidden = $("attributes-prose").hidden = !some;
  $("axes-prose").hidden = some;
  const known = kl.filter(Number.isFinite);
  const [most, least] = [Math.max(...known), Math.min(...known)].map((nats) => nats.toFixed(2));
  if (known.length > 0) $("kl").textContent = `Here the first carries ${most} and the last ${least}.`;
  /** What the invitation changes: a smile where the model knows one, else the first slider. */
  const tried = directions.find(({ name }) => name === "smile") ?? directions[0];
  const latent = kl.indexOf(Math.max(...kl.map((nats) => nats || 0)));
  $("try").textContent = tried ? `Try: ${tried.name === "smile" ? "make it smile" : `more “${tried.name}”`}` : `Try: change number ${latent + 1}`;
  $("try").addEventListener("click", () => {
    if (tried) setEdit({ part: "attributes", key: tried.name }, tried.sure[1] || tried.sure[0]);
    else setEdit({ part: "latents", key: latent }, state.after[latent] > 0 ? -SURE : SURE);
    commit();
    announce("Changed.");
  });

  // Where an attribute comes from
  const latents = atlas.examples.map(({ z }) => z);
  $("origin").hidden = !some || latents.length < LEAST_EXAMPLES;
  $("origin-title").textContent = tried ? `Where “${tried.name}” comes from` : "";
  $("origin").addEventListener("toggle", async () => {
    if (origin || !$("origin").open) return;
    try {
      const { createOrigin } = await within(import("./origin.js"), CODE, () => new Error("nothing came"));
      if (unmounted || origin) return;
      origin = createOrigin($("origin-host"), { model, many: subject.many, directions, latents, first: directions.indexOf(tried) });
      origin.follow(state.before);
    } catch (error) {
      console.info(error);
      $("origin-host").textContent = "This part could not be loaded. Check the connection, close this, and open it again.";
    }
  });

  showExamples();
  showFace(params.get("face"));
  hearNow({ now: false });
  const now = { face: state.face, edits: formatEdits(state.edits) };
  const history = (memory.history ??= createHistory(now));
  const { face, edits } = history.present;
  if (face !== now.face || edits !== now.edits) history.push(now);
  offer();

  return {
    state,
    share: () => ({ all: { face: state.face } }),
    takePicture: subject.drawable ? undefined : takeOwn,
    redraw() {
      drawBefore();
      draw();
      drawEnds();
      examplesGrid.redraw();
      origin?.redraw();
    },
    unmount() {
      unmounted = true;
      root.removeEventListener("keydown", byKey);
      layout.disconnect();
      for (const part of [drawBefore, drawAfter, drawEnds]) part.cancel();
      examplesGrid.unmount();
      origin?.unmount();
    },
  };
}

/** The atlas ends where a classifier is sure; readers may ask to see what comes after. */
function widen({ low, high, ...direction }) {
  return { ...direction, sure: [low, high], low: Math.max(-LIMIT, STRETCH * low), high: Math.min(LIMIT, STRETCH * high) };
}
