/** Morph, of texts: the way from one to another as a list, written for the class of either end, and one step of it large. */

import { join } from "../../api/numbers.js";
import { element, fill, oncePerFrame } from "../../parts/dom.js";
import { numberParam } from "../../parts/route.js";
import { createSlider } from "../../parts/slider.js";
import { subjectOf } from "../../models/subject.js";
import { beginningOf, createEnd, itemParam, paramsOf } from "./end.js";
import { createWriter } from "./writer.js";

/** Steps in the list, both ends included. */
const STEPS = 9;
/** Ends unless told otherwise, of a model that has these classes. */
const ENDS = { a: { text: "llandovery", name: "GB", known: "aspirin" }, b: { text: "hachinohe", name: "JP", known: "caffeine" } };

const markup = ({ one }, letter) => `
  <div class="layout">
    <div class="content">
      <div class="text-ends">
        <fieldset id="a"></fieldset>
        <fieldset id="b"></fieldset>
      </div>
      <p class="text-large" id="here"></p>
      <div id="t-host"></div>
      <div class="opening"><button type="button" id="play">Walk</button></div>
      <table class="texts-way" id="way">
        <caption>Each step on the way</caption>
        <thead id="way-head"></thead>
        <tbody id="way-body"></tbody>
      </table>
    </div>
    <div class="prose">
      <p>Both ends are encoded to numbers. Between them every step is a latent on an arc, and the decoder writes what it stands for: no
      ${letter} is moved, each ${one} is written from its own numbers.</p>
      <p id="way-note" hidden></p>
    </div>
  </div>`;

export const usesAtlas = () => true;

export function mount(root, { model, params, setParams, announce, report, atlas, notation }) {
  const writer = createWriter(model, notation);
  const subject = subjectOf(model.info);
  const $ = fill(root, markup(subject, notation?.letter ?? "letter"));
  const { groups } = writer;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const state = { t: numberParam(params, "t", 0, 0, 1), a: null, b: null, z: null, text: "", busy: true };
  let unmounted = false;
  let newest = 0;
  let timer = 0;

  const along = Array.from({ length: STEPS }, (_, i) => i / (STEPS - 1));
  const at = (t) => model.interpolate(state.a, state.b, t, { mode: "slerp" });
  /** The class on the way: that of the nearer end. */
  const groupAt = (t) => ends[t <= 0.5 ? "a" : "b"].item.group;
  const draw = oncePerFrame(async () => {
    if (!state.a || !state.b) return;
    const turn = (newest += 1);
    state.busy = true;
    try {
      state.z = at(state.t);
      const pair = groups.length > 0 ? [ends.a.item.group, ends.b.item.group] : [0];
      const sides = pair[0] === pair[1] ? pair.slice(0, 1) : pair;
      const latents = along.map(at);
      const z = /** @type {Float32Array} */ (join([...sides.flatMap(() => latents), state.z]));
      const classes = [...sides.flatMap((side) => Array(STEPS).fill(side)), groupAt(state.t)];
      const texts = await writer.write(z, classes);
      if (unmounted || turn !== newest) return;
      showWay(sides, texts);
      const group = groups[groupAt(state.t)];
      state.text = texts.at(-1) ?? "";
      $("here").replaceChildren(writer.figure(state.text), ...(group ? [element("small", { textContent: group.title })] : []));
      state.busy = false;
    } catch (error) {
      if (!unmounted) report(error);
    }
  });
  const showWay = (sides, texts) => {
    const heading = (textContent) => element("th", { textContent, scope: "col" });
    $("way-head").replaceChildren(element("tr", {}, heading("t"), ...sides.map((side) => heading(groups[side]?.title ?? `The ${subject.one} there`))));
    const rows = along.map((t, i) => {
      const cells = sides.map((_side, k) => {
        const cell = element("td", {}, writer.figure(texts[k * STEPS + i]));
        cell.classList.toggle("on-way", sides.length === 1 || (k === 0) === t <= 0.5);
        return cell;
      });
      const go = element("button", { type: "button", textContent: t.toFixed(2), onclick: () => goTo(t) });
      go.setAttribute("aria-label", `Go to ${Math.round(100 * t)} percent`);
      const row = element("tr", {}, element("th", { scope: "row" }, go), ...cells);
      if (Math.abs(t - state.t) < 0.5 / (STEPS - 1)) row.setAttribute("aria-current", "true");
      return row;
    });
    $("way-body").replaceChildren(...rows);
  };
  const say = () => announce(`${Math.round(100 * state.t)} percent of the way: ${writer.spoken(state.text)}.`);
  const move = (t) => {
    state.t = slider.value = t;
    draw();
  };
  const goTo = (t) => {
    stop();
    move(t);
    setParams({ t: Number(t.toFixed(3)) });
    requestAnimationFrame(say);
  };
  const slider = createSlider($("t-host"), {
    id: "t",
    label: "From the first to the second, t",
    min: 0,
    max: 1,
    step: 0.01,
    value: state.t,
    format: (value) => value.toFixed(2),
    onInput(value) {
      stop();
      state.t = value;
      draw();
      say();
    },
    onChange: (value) => setParams({ t: Number(value.toFixed(3)) }),
  });

  // One step after another
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    $("play").textContent = "Walk";
  };
  $("play").addEventListener("click", () => {
    if (timer) {
      goTo(state.t);
      return;
    }
    if (state.t >= 1) move(0);
    $("play").textContent = "Stop";
    timer = window.setInterval(() => {
      move(Math.min(1, (Math.round(state.t * (STEPS - 1)) + 1) / (STEPS - 1)));
      if (state.t >= 1) goTo(1);
    }, still ? 1500 : 700);
  });

  const ends = {};
  for (const [i, [id, title]] of [["a", "From"], ["b", "To"]].entries()) {
    ends[id] = createEnd($(id), writer, {
      model,
      id,
      title,
      item: itemParam(writer, params, id, beginningOf(atlas, writer, ENDS[id], 1 + 2 * i)),
      onLatent(z) {
        state[id] = z;
        draw();
      },
      onItem: (item) => setParams(paramsOf(writer, id, item)),
      report,
    });
  }
  $("way-note").hidden = groups.length === 0;
  $("way-note").textContent = `The decoder is told the ${writer.kind} beside z. Each step is written for both; the way leads from the first column to the second.`;

  return {
    state,
    lead: `Every step between these ${subject.many} is written anew by a small neural network in your browser. Move the slider.`,
    share: () => ({ all: { ...paramsOf(writer, "a", ends.a.item), ...paramsOf(writer, "b", ends.b.item), t: state.t.toFixed(3) } }),
    redraw() {
      for (const end of Object.values(ends)) end.redraw();
    },
    unmount() {
      unmounted = true;
      clearInterval(timer);
      draw.cancel();
      for (const end of Object.values(ends)) end.unmount();
    },
  };
}
