/** Edit, of texts: what its numbers write for every class, what lies near it, and how the network finishes a beginning. */

import { join } from "../../api/numbers.js";
import { afterPause, element, fill, oncePerFrame } from "../../parts/dom.js";
import { newSeed, numberParam, seedParam } from "../../parts/route.js";
import { createSlider } from "../../parts/slider.js";
import { subjectOf } from "../../models/subject.js";
import { beginningOf, createEnd, itemParam, paramsOf } from "./end.js";
import { cardOf, createTextField, createWriter } from "./writer.js";

/** Texts near one. */
const NEAR = 12;
/** What is begun unless told otherwise. */
const WISH = { text: "llanfair", name: "GB", known: "ibuprofen" };
/** How many letters of it the reader finds as a beginning. */
const LETTERS = 3;

const markup = ({ one, many }) => `
  <div class="layout">
    <div class="content">
      <fieldset id="start"></fieldset>
      <p class="text-large" id="back"></p>
      <p class="note" id="back-note"></p>
      <div id="sliders"></div>
      <section id="elsewhere" hidden>
        <h2 id="elsewhere-title"></h2>
        <ul class="texts small" id="elsewhere-list"></ul>
      </section>
      <section id="beginnings">
        <h2>Finish a beginning</h2>
        <div id="begin-host"></div>
        <div class="opening"><button type="button" id="finish-again">Other endings</button></div>
        <p class="note" id="finish-note" role="status"></p>
        <ul class="texts small" id="finished"></ul>
      </section>
      <section>
        <h2>Near it</h2>
        <div id="far-host"></div>
        <ul class="texts small" id="near"></ul>
      </section>
    </div>
    <div class="prose">
      <p>The encoder turns the ${one} into numbers, and everything here is written from these: unchanged, with other numbers added, or for another
      class.</p>
      <p id="beginnings-how">Each letter is written from the numbers and from the letters before it. So a beginning is written on letter by letter, from
      numbers that fit it: the ends are ${many} that the network finds likely, not entries of a list.</p>
    </div>
  </div>`;

export const usesAtlas = () => true;

export function mount(root, { model, params, setParams, announce, report, atlas, notation }) {
  const subject = subjectOf(model.info);
  const writer = createWriter(model, notation);
  const $ = fill(root, markup(subject));
  const { groups } = writer;
  const first = itemParam(writer, params, "text", beginningOf(atlas, writer, WISH, 2));
  // Where a token means what those before it leave it to mean, a beginning says little.
  const isWhole = Boolean(notation) || !writer.reads;
  const state = {
    z: null,
    begin: params.get("begin") ?? writer.shown(first.text).slice(0, LETTERS),
    seed: seedParam(params, "seed", 7),
    /** How far along each direction of the atlas. */
    moved: atlas.directions.map(({ name, low, high }) => numberParam(params, name, 0, low, high)),
    text: "",
    far: numberParam(params, "far", 0.5, 0, 2),
    /** @type {string[]} */
    finished: [],
    busy: true,
    finishing: false,
  };
  let unmounted = false;
  let newest = 0;

  const listed = (list, items) => list.replaceChildren(...items.map((item) => cardOf(writer, item, "li")));
  const draw = oncePerFrame(async () => {
    if (!state.z) return;
    const z = state.z.map((value, i) => atlas.directions.reduce((sum, { vector }, k) => sum + state.moved[k] * vector[i], value));
    const turn = (newest += 1);
    state.busy = true;
    try {
      const { text, group } = start.item;
      const all = [...groups.keys()];
      const near = writer.near(z, state.far, { seed: state.seed, count: NEAR });
      const latents = /** @type {Float32Array} */ (join([z, ...all.map(() => z), near]));
      const texts = await writer.write(latents, [group, ...all, ...Array(NEAR).fill(group)]);
      if (unmounted || turn !== newest) return;
      const [back, ...rest] = texts;
      state.text = back;
      $("back").replaceChildren(writer.figure(back), ...(groups.length > 0 ? [element("small", { textContent: groups[group].title })] : []));
      const isMoved = state.moved.some((value) => value !== 0);
      if (isMoved) $("back-note").textContent = notation?.shown(back) ?? "";
      else $("back-note").textContent = back === text ? "It comes back from its numbers as it is." : "This is what comes back from its numbers: the network has not learned it to the letter.";
      const others = all.filter((one) => one !== group).map((one) => ({ text: rest[one], group: one }));
      listed($("elsewhere-list"), others.sort((a, b) => groups[a.group].title.localeCompare(groups[b.group].title)));
      listed($("near"), rest.slice(all.length).map((near) => ({ text: near, group: -1 })));
      state.busy = false;
    } catch (error) {
      if (!unmounted) report(error);
    }
  });

  // Directions
  atlas.directions.forEach(({ name, low, high }, k) => {
    const [less, more] = notation?.ends(name) ?? [`less ${name}`, name];
    createSlider($("sliders").appendChild(element("div")), {
      id: `move-${k}`,
      label: `${less} ↔ ${more}`,
      min: low,
      max: high,
      step: (high - low) / 60,
      value: state.moved[k],
      format: (value) => (value === 0 ? "as it is" : `${value > 0 ? more : less}, ${Math.abs(value).toFixed(1)}`),
      onInput(value) {
        state.moved[k] = value;
        draw();
        sayMoved();
      },
      onChange: (value) => setParams({ [name]: value === 0 ? null : Number(value.toFixed(2)) }),
    });
  });
  const sayMoved = afterPause(() => announce(`${writer.spoken(state.text)}.`), 300);

  // Finishing
  let turns = 0;
  const finish = async () => {
    if (isWhole) return;
    const turn = (turns += 1);
    state.finishing = true;
    $("finish-note").textContent = "";
    try {
      const texts = await writer.finish(state.begin.trim(), start.item.group, state.seed);
      if (unmounted || turn !== turns) return;
      state.finished = texts;
      listed($("finished"), texts.map((text) => ({ text, group: -1 })));
      if (texts.length === 0) $("finish-note").textContent = `The network knows no ${subject.one} that begins so. Try fewer letters${groups.length > 0 ? `, or another ${writer.kind}` : ""}.`;
      else announce(`${texts.length} endings: ${texts.slice(0, 4).map(writer.shown).join(", ")}.`);
    } catch (error) {
      if (unmounted || turn !== turns) return;
      if (error.code === "bad-input") $("finish-note").textContent = error.message;
      else report(error);
    } finally {
      if (turn === turns) state.finishing = false;
    }
  };
  const finishLater = afterPause(finish, 150);
  const field = createTextField(writer, {
    id: "begin",
    label: `How the ${subject.one} begins`,
    value: state.begin,
    onText(text) {
      state.begin = text;
      setParams({ begin: text });
      finishLater();
    },
  });
  $("begin-host").replaceWith(field.element);
  $("finish-again").addEventListener("click", () => {
    state.seed = newSeed();
    setParams({ seed: state.seed });
    finish();
    draw();
  });

  const start = createEnd($("start"), writer, {
    model,
    id: "text",
    title: `A ${subject.one}`,
    item: first,
    onLatent(z) {
      const isFirst = !state.z;
      state.z = z;
      draw();
      if (isFirst) finish();
    },
    onItem(item) {
      setParams(paramsOf(writer, "text", item));
      finishLater();
    },
    report,
  });
  createSlider($("far-host"), {
    id: "far",
    label: "How far from it",
    min: 0,
    max: 2,
    step: 0.05,
    value: state.far,
    format: (value) => value.toFixed(2),
    onInput(value) {
      state.far = value;
      draw();
    },
    onChange: (value) => setParams({ far: value }),
  });
  for (const id of ["beginnings", "beginnings-how"]) $(id).hidden = isWhole;
  $("elsewhere").hidden = groups.length === 0;
  $("elsewhere-title").textContent = `The same numbers for another ${writer.kind}`;

  return {
    state,
    lead: notation ? `Type a ${subject.one}, and move the slider: a small neural network in your browser writes another one.` : `Write a ${subject.one}${isWhole ? "" : ", or only how it begins"}: a small neural network in your browser writes it anew${isWhole ? "" : ", or finishes it"}.`,
    share: () => ({ all: { ...paramsOf(writer, "text", start.item), begin: state.begin, seed: String(state.seed) } }),
    redraw: () => start.redraw(),
    unmount() {
      unmounted = true;
      draw.cancel();
      finishLater.cancel();
      sayMoved.cancel();
      start.unmount();
    },
  };
}
