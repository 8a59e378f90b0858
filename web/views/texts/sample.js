/** Sample, of texts: a wall of cards drawn from the prior by a seed, each with its class. A card that is chosen stands large below. */

import { afterPause, element, fill, oncePerFrame, rove } from "../../parts/dom.js";
import { MAX_SEED, newSeed, numberParam, seedParam } from "../../parts/route.js";
import { createTemperature } from "../../parts/slider.js";
import { SAMPLES } from "../../parts/source.js";
import { subjectOf } from "../../models/subject.js";
import { cardOf, createGroups, createWriter } from "./writer.js";

const markup = ({ one, many }, size, letter, reads) => `
  <div class="layout">
    <div class="content">
      <div class="opening"><button type="button" id="new-samples" class="primary">New ${many}</button></div>
      <div class="texts" id="texts" role="group" aria-label="Choose a ${one}"></div>
      <div class="tray" id="tray" hidden>
        <p class="text-large" id="chosen"></p>
        <div class="row">
          <button type="button" id="to-morph">Blend it</button>
          <button type="button" id="to-edit">Change it</button>
          <button type="button" id="close" aria-label="Close">×</button>
        </div>
      </div>
      <div class="console">
        <div id="temperature-host"></div>
        <div class="field" id="groups" hidden></div>
        <div class="field">
          <label for="seed">Random seed</label>
          <input id="seed" type="number" min="0" max="${MAX_SEED}" step="1" inputmode="numeric">
        </div>
      </div>
    </div>
    <div class="prose">
      <p>
        None of these ${many} were written by anybody. For each the page picks ${size} random numbers, a <i>latent</i> z, and the second
        half of the network, the decoder, gives every ${letter} at every place a probability; the likeliest are shown. ${reads ? `Each
        ${letter} is written from z and from the ${letter}s before it.` : `The ${letter}s do not see each other: all that holds a ${one} together is z.`}
      </p>
      <p class="given" id="given"></p>
      <p>With little variety the numbers stay close to average, so the ${many} look typical; with much they become strange.</p>
    </div>
  </div>`;

/** A class for sample `index` of a seed, where all are shown. */
export function groupAt(seed, index, count) {
  let hash = Math.imul(seed ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % count;
}

export function mount(root, { model, params, setParams, navigate, announce, report, notation }) {
  const subject = subjectOf(model.info);
  const writer = createWriter(model, notation);
  const $ = fill(root, markup(subject, model.latentSize, notation?.letter ?? "letter", writer.reads));
  const { groups } = writer;
  const state = {
    seed: seedParam(params, "seed", 7),
    temperature: numberParam(params, "temperature", 1, 0, 2),
    /** The class of all, or −1. */
    group: writer.groupOf(params.get("class")),
    /** @type {import("./writer.js").Item[]} */
    items: [],
    /** What stands large, as the address has it. */
    chosen: params.get("chosen"),
    busy: true,
  };
  let unmounted = false;
  let newest = 0;
  $("given").hidden = groups.length === 0;
  $("given").textContent = `The decoder is told the ${writer.kind} beside z, so z does not have to hold it: the same numbers can be written for another ${writer.kind}.`;

  const draw = oncePerFrame(async () => {
    const turn = (newest += 1);
    const { seed, temperature, group } = state;
    state.busy = true;
    try {
      const classes = Array.from({ length: SAMPLES }, (_, i) => (group >= 0 || groups.length === 0 ? Math.max(0, group) : groupAt(seed, i, groups.length)));
      const texts = await writer.write(model.sample({ seed, count: SAMPLES, temperature }), classes);
      if (unmounted || turn !== newest) return;
      state.items = texts.map((text, i) => ({ text, group: classes[i] }));
      show();
      state.busy = false;
    } catch (error) {
      if (!unmounted) report(error);
    }
  });
  const keyOf = ({ text, group }) => (groups.length > 0 ? `${groups[group].name} ${text}` : text);
  const show = () => {
    const cards = state.items.map((item) => {
      const card = cardOf(writer, item, "button");
      card.type = "button";
      card.setAttribute("aria-pressed", String(keyOf(item) === state.chosen));
      card.addEventListener("click", () => choose(item));
      return card;
    });
    $("texts").replaceChildren(...cards);
    rove($("texts"), cards, columnsOf);
  };
  const columnsOf = () => getComputedStyle($("texts")).gridTemplateColumns.split(" ").length;
  const say = afterPause(() => announce(`${SAMPLES} ${subject.many} from seed ${state.seed}, the first is ${writer.spoken(state.items[0]?.text ?? "")}.`), 300);
  const changed = (changes, options) => {
    draw();
    say();
    setParams(changes, options);
  };

  /** The chosen item as the address has it. */
  const parsed = () => {
    const text = state.chosen ?? "";
    const group = writer.groupOf(text.slice(0, Math.max(0, text.indexOf(" "))));
    return group < 0 ? { text, group: 0 } : { text: text.slice(text.indexOf(" ") + 1), group };
  };
  const showChosen = () => {
    $("tray").hidden = !state.chosen;
    const { text, group } = parsed();
    $("chosen").replaceChildren(writer.figure(text), ...(groups.length > 0 ? [element("small", { textContent: groups[group].title })] : []));
    [...$("texts").children].forEach((card, i) => card.setAttribute("aria-pressed", String(keyOf(state.items[i]) === state.chosen)));
  };
  const choose = (item) => {
    const push = !state.chosen; // the browser's Back closes the tray, instead of leaving the page
    state.chosen = item && keyOf(item);
    showChosen();
    setParams({ chosen: state.chosen }, { push });
    if (item) announce(`Chosen: ${writer.spoken(item.text)}${groups.length > 0 ? `, ${groups[item.group].title}` : ""}. Actions are below.`);
  };
  $("close").addEventListener("click", () => choose(null));
  root.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && state.chosen) choose(null);
  });
  for (const [id, view, name] of [["to-morph", "morph", "a"], ["to-edit", "edit", "text"]]) {
    $(id).hidden = !navigate;
    $(id).addEventListener("click", () => {
      const { text, group } = parsed();
      navigate(view, { [name]: text, ...(groups.length > 0 && { [`${name}-class`]: groups[group].name }) });
    });
  }

  $("seed").value = String(state.seed);
  $("seed").addEventListener("input", () => {
    const seed = Number($("seed").value);
    if ($("seed").value === "" || !Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) return; // still typing
    state.seed = seed;
    changed({ seed });
  });
  $("seed").addEventListener("change", () => ($("seed").value = String(state.seed)));
  $("new-samples").addEventListener("click", () => {
    state.seed = newSeed();
    $("seed").value = String(state.seed);
    state.chosen = null; // it is none of these, and stands in their way
    showChosen();
    changed({ seed: state.seed, chosen: null }, { push: true });
  });
  createTemperature($("temperature-host"), "Variety", state.temperature, (value) => {
    state.temperature = value;
    changed({ temperature: value === 1 ? null : value });
  });
  if (groups.length > 0) {
    $("groups").hidden = false;
    const onChange = (group) => {
      state.group = group;
      changed({ class: group < 0 ? null : groups[group].name });
    };
    const select = createGroups(writer, { id: "group", chosen: state.group, all: "Any", onChange });
    $("groups").append(element("label", { htmlFor: "group", textContent: sentence(writer.kind) }), select);
  }
  draw();
  showChosen();

  return {
    state,
    share: () => ({ all: { seed: String(state.seed) } }),
    redraw: draw,
    unmount() {
      unmounted = true;
      draw.cancel();
      say.cancel();
    },
  };
}

const sentence = (text) => `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`;
