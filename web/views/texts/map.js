/** Map, of texts: a plane through the space of latents, written out in rows and columns; one place of it large. */

import { element, fill, formatNumber, oncePerFrame } from "../../parts/dom.js";
import { follow } from "../../parts/follow.js";
import { numberParam } from "../../parts/route.js";
import { createSlider } from "../../parts/slider.js";
import { subjectOf } from "../../models/subject.js";
import { componentsPlane, latentAt, limitsOf, partsOf, placeOf, settle, trianglePlane, wholePlane } from "../map/plane.js";
import { createGroups, createWriter } from "./writer.js";

/** Texts in a column of the map, and in a row of a wide one and a narrow one. */
const ROWS = 9;
const COLUMNS = { wide: 5, narrow: 3 };
/** Rows of structures, which are as high as they are wide. */
const STRUCTURES = 5;
/** Width from which the map is wide, in CSS pixels. */
const WIDE = 560;
/** Real texts that are named as the nearest. */
const NEAREST = 3;

const markup = ({ one, many }) => `
  <div class="layout">
    <div class="content">
      <p class="text-large" id="here"></p>
      <div class="text-map map-pad" id="pad" role="img" aria-label="A map of ${many}; the sliders below move over it"><div id="names" aria-hidden="true"></div><i class="cross" id="cross"></i></div>
      <div class="console"><div id="x-host"></div><div id="y-host"></div><div class="field" id="groups" hidden></div></div>
      <p class="note" id="nearest"></p>
    </div>
    <div class="prose">
      <p>Every place stands for a latent z, and the ${one} there is what the decoder writes for it. Neighbours are spelled alike: nobody told the network
      how; it follows from the ${many} it has learned.</p>
      <p>The plane goes through the middle of the ${many} it knows, along the two directions in which their numbers differ most. Most of what
      makes a ${one} lies in other directions, so the map shows short and common ones.</p>
    </div>
  </div>`;

export const usesAtlas = () => true;

export function mount(root, { model, params, setParams, announce, report, atlas, notation }) {
  const writer = createWriter(model, notation);
  const subject = subjectOf(model.info);
  const { one } = subject;
  const $ = fill(root, markup(subject));
  const { groups } = writer;
  const size = model.latentSize;
  const rows = notation ? STRUCTURES : ROWS;
  const { items } = atlas;
  const three = [0, 1, 2].map((first) => model.sample({ seed: 7, first }));
  const own = () => (size === 2 ? wholePlane(items?.plane) : atlas.plane ? componentsPlane(atlas.plane, items?.plane) : trianglePlane(three[0], three[1], three[2]));
  const plane = /** @type {import("../map/plane.js").Plane} */ (own());
  const limits = limitsOf(plane.extent);
  const state = {
    x: numberParam(params, "x", plane.extent.x, limits[0][0], limits[0][1]),
    y: numberParam(params, "y", plane.extent.y, limits[1][0], limits[1][1]),
    group: Math.max(0, writer.groupOf(params.get("class"))),
    z: null,
    text: "",
    busy: true,
  };
  let unmounted = false;
  let newest = 0;
  let columns = 0;

  /** The large one, at once. */
  const draw = oncePerFrame(async () => {
    const turn = (newest += 1);
    state.busy = true;
    try {
      const place = [state.x, state.y];
      state.z = latentAt(plane, place);
      const [left, top] = partsOf(plane.extent, place);
      $("cross").style.setProperty("--left", String(left));
      $("cross").style.setProperty("--top", String(top));
      const [text] = await writer.write(state.z, state.group);
      if (unmounted || turn !== newest) return;
      const group = groups[state.group];
      state.text = text;
      $("here").replaceChildren(writer.figure(text), ...(group ? [element("small", { textContent: group.title })] : []));
      showNearest(state.x, state.y);
      if (!writing) state.busy = false;
    } catch (error) {
      if (!unmounted) report(error);
    }
  });
  const showNearest = (x, y) => {
    if (!items?.texts?.length) return;
    const far = (i) => (items.plane[i][0] - x) ** 2 + (items.plane[i][1] - y) ** 2;
    const order = [...items.texts.keys()].sort((a, b) => far(a) - far(b)).slice(0, NEAREST);
    $("nearest").textContent = `Real ones whose numbers are nearest in this plane: ${order.map((i) => writer.shown(items.texts[i])).join(", ")}.`;
  };

  /** The whole map, once for a class and a width. */
  let writing = false;
  let turns = 0;
  const writeMap = async () => {
    const turn = (turns += 1);
    writing = true;
    try {
      const count = rows * columns;
      const z = new Float32Array(count * size);
      for (let i = 0; i < count; i += 1) {
        const middle = [((i % columns) + 0.5) / columns, (Math.floor(i / columns) + 0.5) / rows];
        z.set(latentAt(plane, placeOf(plane.extent, middle)), i * size);
      }
      const texts = await writer.write(z, Array(count).fill(state.group));
      if (unmounted || turn !== turns) return;
      $("names").style.setProperty("--columns", String(columns));
      $("names").replaceChildren(...texts.map((text) => element("span", {}, writer.figure(text))));
      writing = false;
      draw();
    } catch (error) {
      if (!unmounted) report(error);
    }
  };

  const sliders = ["x", "y"].map((axis, i) =>
    createSlider($(`${axis}-host`), {
      id: axis,
      label: `${axis}, ${i === 0 ? "first" : "second"} direction`,
      min: limits[i][0],
      max: limits[i][1],
      step: 0.02,
      value: state[axis],
      format: (value) => formatNumber(value, 2),
      onInput(value) {
        state[axis] = value;
        draw();
        say();
      },
      onChange: () => remember(),
    }),
  );
  const remember = () => setParams({ x: state.x, y: state.y });
  const say = () => requestAnimationFrame(() => announce(`${writer.spoken(state.text)}. ${$("nearest").textContent}`));
  const goTo = (part) => {
    [state.x, state.y] = settle(plane.extent, placeOf(plane.extent, part));
    sliders.forEach((slider, i) => (slider.value = [state.x, state.y][i]));
    draw();
  };
  follow($("pad"), goTo, () => {
    if (unmounted) return;
    remember();
    say();
  });
  if (groups.length > 0) {
    $("groups").hidden = false;
    const select = createGroups(writer, {
      id: "group",
      chosen: state.group,
      onChange(group) {
        state.group = group;
        setParams({ class: groups[group].name });
        writeMap();
      },
    });
    $("groups").append(element("label", { htmlFor: "group", textContent: `Written for the ${writer.kind}` }), select);
  }
  const arrange = () => {
    const next = $("pad").clientWidth >= WIDE ? COLUMNS.wide : COLUMNS.narrow;
    if (next === columns) return;
    columns = next;
    writeMap();
  };
  const layout = new ResizeObserver(arrange);
  layout.observe($("pad"));
  arrange();
  draw();

  return {
    state,
    lead: `Every place stands for numbers, and the ${one} there is what the network writes for them. Drag over the map.`,
    share: () => ({ all: { x: String(state.x), y: String(state.y), ...(groups.length > 0 && { class: groups[state.group].name }) } }),
    redraw: writeMap,
    unmount() {
      unmounted = true;
      layout.disconnect();
      draw.cancel();
    },
  };
}
