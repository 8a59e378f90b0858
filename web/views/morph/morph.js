/**
 * Morph: the way from one latent to another, straight and by an arc side by side, following a
 * slider or playing; or the square between four of them, as a grid to move about in.
 */

import { clamp, join } from "../../api/numbers.js";
import { createLines, scaleFor } from "../../parts/chart.js";
import { fill, oncePerFrame } from "../../parts/dom.js";
import { follow } from "../../parts/follow.js";
import { enlarge, imageOf, paintPicture, save, savedScale, sizeFor } from "../../parts/picture.js";
import { createSlider } from "../../parts/slider.js";
import { createSourceCard } from "../../parts/source-card.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { numberParam, seedParam, wordParam } from "../../parts/route.js";
import { subjectOf } from "../../models/subject.js";
import { markup } from "./markup.js";

/** Ways between latents. */
const MODES = ["slerp", "lerp"];
const TITLES = { slerp: "Along an arc", lerp: "Straight line", fade: "Cross-fade" };
const STEPS = 9;
/** Points of each way whose distances are plotted. */
const PLOTTED = 33;
/** Pictures on a side of the grid between four ends. */
const GRID = 7;
/** One way, in milliseconds. */
const DURATION = 3500;
/** Of the samples of a seed, those that the ends are unless told otherwise: with seed 7 four clear and unlike faces. */
const FIRST = [29, 8, 38, 58];
/** Random latents that say how far from the centre latents of this model lie. */
const MANY = 256;
/** Frames of a saved animation, one way, and in a second. */
const FRAMES = 36;
const RATE = 24;

export function mount(root, { model, params, setParams, promise, report, announce, hear }) {
  const subject = subjectOf(model.info);
  const $ = fill(root, markup(subject, TITLES));
  const { input, name } = model.info;
  const size = model.latentSize;
  for (const way of Object.keys(TITLES)) sizeFor($(way), input);
  sizeFor($("fade-strip"), input, STEPS);
  const paper = { input, ink: subject.ink };
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const state = {
    a: null,
    b: null,
    c: null,
    d: null,
    ends: wordParam(params, "ends", ["two", "four"]),
    t: numberParam(params, "t", still ? 0.5 : 0, 0, 1), // half-way the ways differ most
    u: numberParam(params, "u", still ? 0.5 : 0, 0, 1),
    z: null,
    zLerp: null,
    playing: !still && !params.has("t") && !params.has("u"),
    get busy() {
      return !strip.idle || !grid.idle || fading;
    },
  };
  const strip = createImageGrid($("strip"), model, STEPS, `${STEPS} steps from the first end to the second, by an arc above and in a straight line below`);
  const grid = createImageGrid($("grid"), model, GRID, `${GRID} by ${GRID} ${subject.many} between the four ends`);

  const four = () => state.ends === "four";
  const complete = () => Boolean(state.a && state.b && (!four() || (state.c && state.d)));

  /** The latent at (t, u): along the upper and the lower side, then between the two. */
  const at = (t, u, mode) => {
    const { a, b, c, d } = state;
    const upper = model.interpolate(a, b, t, { mode });
    return four() ? model.interpolate(upper, model.interpolate(c, d, t, { mode }), u, { mode }) : upper;
  };

  /** The typeface half-way, where the model draws characters. */
  const alphabet = model.info.condition && import("../../parts/alphabet.js").then(({ createAlphabet }) => {
    $("alphabet-host").hidden = false;
    return createAlphabet($("alphabet-host"), model, { params, setParams, report });
  });

  let pathChanged = true;
  const draw = oncePerFrame(() => {
    if (!complete()) return;
    const { t, u } = state;
    state.z = at(t, u, "slerp");
    state.zLerp = at(t, u, "lerp");
    model.present($("slerp"), state.z);
    model.present($("lerp"), state.zLerp);
    if (faded) paintPicture($("fade"), mixOf(faded, t), paper);
    alphabet?.then((one) => !unmounted && one.show(state.z), () => ($("alphabet-host").hidden = true));
    $("cross").style.setProperty("--x", t);
    $("cross").style.setProperty("--y", u);
    plot.mark(t);
    if (!pathChanged) return;
    pathChanged = false;
    const along = (count) => Array.from({ length: count }, (_, i) => i / (count - 1));
    if (four()) grid.show(join(along(GRID).flatMap((v) => along(GRID).map((s) => at(s, v, "slerp")))));
    else strip.show(join(MODES.flatMap((mode) => along(STEPS).map((s) => at(s, 0, mode)))));
  });

  /** The pixels of both ends, for the cross-fade. @type {Float32Array[] | null} */
  let faded = null;
  let fading = false;
  const readEnds = async () => {
    const { a, b } = state;
    faded = null;
    fading = !four() && complete();
    if (!fading) return;
    try {
      const pixels = await model.decode(join([a, b]));
      if (unmounted || a !== state.a || b !== state.b) return;
      faded = [0, 1].map((i) => pixels.subarray((i * pixels.length) / 2, ((i + 1) * pixels.length) / 2));
      for (let i = 0; i < STEPS; i += 1) paintPicture($("fade-strip"), mixOf(faded, i / (STEPS - 1)), paper, i * input.width);
      fading = false;
      draw();
    } catch (error) {
      if (!unmounted) report(error);
    }
  };
  /** How far from the centre the model's own samples lie: the middle half of them. */
  const usual = quartilesOf(model.sample({ seed: 1, count: MANY }), size);
  const plot = createLines($("distance-plot"), ["arc", "straight"], {
    x: "t, from the first to the second",
    y: "distance from the centre",
    label: "Distance from the centre along both ways",
    position: (t) => `t = ${t.toFixed(2)}`,
  });
  const showWays = () => {
    const { a, b } = state;
    const lines = MODES.map((mode) => Array.from({ length: PLOTTED }, (_, i) => normOf(model.interpolate(a, b, i / (PLOTTED - 1), { mode }))));
    plot.show(lines, { low: 0, high: scaleFor([...lines.flat(), usual[1]]), usual: [usual[0], usual[1]] });
    plot.mark(state.t);
  };
  const sayDistances = () => {
    const { a, b } = state;
    $("distance-figure").hidden = !complete() || four();
    if (!complete()) return;
    if (!four()) showWays();
    const half = MODES.map((mode) => normOf(model.interpolate(a, b, 0.5, { mode })));
    const [low, high, first, second, arc, straight] = [...usual, normOf(a), normOf(b), ...half].map((value) => value.toFixed(1));
    const why = half[1] < usual[0]
      ? `Half-way the straight line is nearer to the centre than most ${subject.many}, where the network draws something more average.`
      : `So both ways stay where ${subject.many} are, and look much alike.`;
    $("distances").textContent = `Half of this model’s random ${subject.many} lie ${low} to ${high} from the centre, z = 0. The first end is at ${first}, the second at ${second}; half-way, the arc is at ${arc} and the straight line at ${straight}. ${why}`;
  };

  const endsChanged = () => {
    for (const [id, card] of Object.entries(cards)) state[id] = card.latent;
    pathChanged = true;
    if (!complete()) state.z = state.zLerp = null;
    for (const frame of root.querySelectorAll(".morph-frame, .path .sheet")) frame.toggleAttribute("data-empty", !complete());
    if (complete()) hear(at(state.t, state.u, "slerp"), { now: false });
    readEnds();
    sayDistances();
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
      onCommit(text) {
        setParams({ [id]: text });
        if (cards[id].latent) hear(cards[id].latent);
      },
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
      addCard("c", 2, "Third, bottom left");
      addCard("d", 3, "Fourth, bottom right");
    }
    endsChanged();
  };

  /** Where the reader left off. */
  const settleAt = () => {
    setParams({ t: Number(state.t.toFixed(3)), u: four() ? Number(state.u.toFixed(3)) : null });
    if (complete()) hear(at(state.t, state.u, "slerp"));
  };
  const sliders = {};
  for (const [id, label] of [["t", "From the first to the second, t"], ["u", "From top to bottom, u"]]) {
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
  $("try").addEventListener("click", () => {
    pause();
    goTo(0.5, 0.5);
    settleAt();
  });
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
    $("saved").textContent = "Rendering the frames…";
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
        frames.push(enlarge(imageOf(pixels, input, subject.ink), savedScale(input) / 2));
      }
      const said = await saveFilm(frames, `${name}-morph`);
      if (!unmounted) $("saved").textContent = said;
    } catch (error) {
      report(error);
    } finally {
      $("save").disabled = false;
    }
  });

  addCard("a", 0, "First");
  addCard("b", 1, "Second");
  showEnds();
  if (state.playing) play();

  return {
    state,
    /** A file that was dropped: on one of the ends, or else it is the first. */
    takePicture: cards.a.takePicture && ((file, target) => (cards[target.closest?.("figure")?.id] ?? cards.a).takePicture(file)),
    /** What a link to this holds: the ends, and where it stands while it plays. */
    share() {
      const ids = four() ? ["a", "b", "c", "d"] : ["a", "b"];
      const all = Object.fromEntries(ids.map((id) => [id, cards[id].text]));
      const frame = { t: state.t.toFixed(3), ...(four() && { u: state.u.toFixed(3) }) };
      return state.playing ? { all, frame } : { all };
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
      alphabet?.then((one) => one.unmount(), () => {});
    },
  };
}

/**
 * Saves pictures as a video, or as an animated PNG where the browser records none; the code comes with the first.
 * @param {OffscreenCanvas[]} frames @param {string} name without an ending @returns {Promise<string>} what to say of it
 */
async function saveFilm(frames, name) {
  const { canRecord, record } = await import("../../parts/video.js");
  if (canRecord()) {
    const { film, ending } = await record(frames, RATE);
    save(film, `${name}.${ending}`);
    return `Saved as a video, ${(film.size / 1e6).toFixed(1)} MB.`;
  }
  const { animate } = await import("../../parts/apng.js");
  save(await animate(frames, Math.round(1000 / RATE)), `${name}.png`);
  return "Saved as an animated PNG.";
}

/** How far a latent is from the centre. @param {Float32Array} z */
function normOf(z) {
  return Math.hypot(...z);
}

/** The middle half of the distances of latents. @param {Float32Array} latents one after the other */
function quartilesOf(latents, size) {
  const norms = Array.from({ length: latents.length / size }, (_, i) => normOf(latents.subarray(i * size, (i + 1) * size))).sort((a, b) => a - b);
  return [0.25, 0.75].map((part) => norms[Math.floor(part * norms.length)]);
}

/** A cross-fade of two pictures. @param {Float32Array[]} pictures */
function mixOf([from, to], t) {
  return from.map((value, i) => (1 - t) * value + t * to[i]);
}
