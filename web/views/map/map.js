/**
 * Map: a plane through the space of latents, to be dragged through and seen decoded under the
 * pointer. What lies on it is decoded too, or it is where the test images are.
 */

import { element, fill, formatNumber, oncePerFrame } from "../../parts/dom.js";
import { follow } from "../../parts/follow.js";
import { sizeFor } from "../../parts/picture.js";
import { createSlider } from "../../parts/slider.js";
import { formatSource } from "../../parts/source.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { numberParam, seedParam, wordParam } from "../../parts/route.js";
import { subjectOf } from "../../models/subject.js";
import { LETTERS, createCorners } from "./corners.js";
import { createLanding } from "./landing.js";
import { createWalk } from "./walk.js";
import { LAYERS, markup } from "./markup.js";
import { CORNERS, STEP, componentsPlane, gridOf, latentAt, limitsOf, partsOf, placeOf, settle, sharesAt, trianglePlane, wholePlane } from "./plane.js";
import { clearest, createLegend, createPoints, createThumbnails, middlesOf, nearestOf, spreadOut } from "./points.js";

const AXES = {
  whole: ["x", "y"],
  components: ["x, first direction", "y, second direction"],
  three: ["x, from a to b", "y, towards c"],
};
/** Where a map of two numbers without classes opens: in its middle very different pictures share a place, and are a blur. */
const APART = [2, 0];
/** Decoded pictures on a side, small ones and large ones. */
const GRID = { small: 13, large: 9 };
/** Width of a thumbnail as a part of the map's, and how much of it others leave free. */
const THUMBNAIL = 1 / 16;
const FREE = 0.8;

/** The player fetches the atlas beside the weights. */
export const usesAtlas = () => true;

export function mount(root, { model, folder, params, setParams, atlas, announce, report, navigate, hear }) {
  const { input } = model.info;
  const size = model.latentSize;
  const subject = subjectOf(model.info);
  const { one, many, drawable } = subject;
  const $ = fill(root, markup(subject, size));
  const side = input.width > 32 ? GRID.large : GRID.small;
  sizeFor($("here"), input);

  const state = {
    plane: null,
    layer: "decoded",
    /** Where the reader left off; `hover` is where the mouse is, for as long as it is on the map. */
    x: 0,
    y: 0,
    hover: null,
    z: null,
    /** Index of the nearest test image, where the plane has them. */
    nearest: null,
    get busy() {
      return (state.layer === "decoded" && (planeChanged || !decoded.idle)) || thumbnails?.status === "loading" || (landing?.busy ?? false);
    },
  };
  const decoded = createImageGrid($("decoded"), model, side, `${side} by ${side} ${many}, decoded from all over the map`);
  const corners = createCorners($("corners"), $("triangle"), {
    model,
    texts: LETTERS.map((letter) => params.get(letter)),
    seed: seedParam(params, "seed", 7),
    onChange(letter, text) {
      usePlane();
      draw();
      setParams({ [letter]: text });
      announce(`Another ${one} at corner ${letter}.`);
    },
  });

  // The class of a conditional model is given beside the latent, so places do not tell it.
  const items = model.info.condition && atlas.items ? { ...atlas.items, labels: [] } : atlas.items;
  /** What can be chosen. */
  const planes = {
    ...(size === 2 && { whole: () => wholePlane(items?.plane) }),
    ...(size !== 2 && atlas.plane && { components: () => componentsPlane(atlas.plane, items?.plane) }),
    ...(size !== 2 && { three: () => trianglePlane(...corners.latents) }),
  };
  const names = Object.keys(planes);
  /** @type {import("./plane.js").Plane} */
  let plane;
  let planeChanged = false;
  let thumbnails = null;
  /** Indices of the test images that have room on the map. */
  let shown = [];
  let sliders = [];
  let unmounted = false;

  const three = () => state.plane === "three";
  const usePlane = () => {
    plane = planes[state.plane]();
    planeChanged = true;
  };

  // The picture
  const pinned = () => [state.x, state.y];
  const here = () => state.hover ?? pinned();

  const draw = oncePerFrame(() => {
    state.z = latentAt(plane, here());
    model.present($("here"), state.z);
    fill($("z"), equation(state.plane, here()));
    put("cross", pinned());
    here().forEach((value, i) => {
      sliders[i].value = value;
    });
    showNearest();
    if (!planeChanged || state.layer !== "decoded") return;
    planeChanged = false;
    decoded.show(gridOf(plane, side));
    if (three()) corners.draw();
  });
  const put = (id, place) => {
    const [left, top] = partsOf(plane.extent, place);
    $(id).style.setProperty("--left", left);
    $(id).style.setProperty("--top", top);
  };

  // The nearest test image
  const nearest = (place) => (items && !three() ? nearestOf(items, place, state.layer === "images" ? shown : undefined) : null);
  /** Which class it is, in words; nothing where there are none. */
  const classOf = (index) => {
    const label = items.labels[index];
    if (label === undefined) return "";
    return drawable ? `: ${label === 8 ? "an" : "a"} ${label}` : `: class ${label}`;
  };
  const showNearest = () => {
    const index = nearest(here());
    state.nearest = index;
    if (state.layer === "decoded") return;
    put("ring", items.plane[index]);
    $("nearest-name").textContent = `Nearest real image${classOf(index)}`;
    $("nearest-credit").textContent = items.credits[index] ?? "";
    thumbnails.show($("thumbnail"), index);
  };
  const say = () => {
    const [x, y] = pinned().map((value) => formatNumber(value, 2));
    const index = nearest(pinned());
    const name = index === null ? "" : classOf(index);
    announce(`x ${x}, y ${y}${name && `; nearest real image${name}`}.`);
  };

  // Layers
  const showLayer = () => {
    const { layer } = state;
    $("pad").dataset.layer = layer;
    $("decoded").hidden = layer !== "decoded";
    $("nearest").hidden = $("ring").hidden = layer === "decoded";
    $("images").hidden = $("credits").hidden = layer !== "images";
    $("points").hidden = three() || layer === "images";
    $("legend").hidden = three() || layer !== "points";
    $("rings-note").hidden = state.plane !== "whole" || layer === "images";
    $(`layer-${layer}`).checked = true;
    if (layer !== "decoded") thumbnails.load(thumbnailsSettled);
    drawImages();
    draw();
  };
  const drawImages = () => {
    if (state.layer !== "images") return;
    const canvas = $("images");
    canvas.width = canvas.height = Math.round($("pad").clientWidth * devicePixelRatio);
    thumbnails.scatter(canvas, shown, plane.extent, THUMBNAIL, drawable);
  };
  const thumbnailsSettled = () => {
    if (unmounted) return;
    if (thumbnails.status === "failed") {
      $("thumbnail").parentElement.hidden = true;
      $("credits").textContent = "The real images could not be loaded.";
    }
    drawImages();
    draw();
  };
  $("layers").addEventListener("change", ({ target }) => {
    state.layer = target.value;
    showLayer();
    setParams({ layer: state.layer === "decoded" ? null : state.layer });
  });
  const layout = new ResizeObserver(drawImages);
  layout.observe($("pad"));

  // Planes
  const offered = (layer) => layer === "decoded" || Boolean(items && !three() && (layer !== "points" || items.labels.length));
  const choosePlane = (name) => {
    state.plane = name;
    usePlane();
    if (names.length > 1) $(`plane-${name}`).checked = true;
    for (const other of Object.keys(AXES)) $(`prose-${other}`).hidden = other !== name;
    $("corners").hidden = $("triangle").hidden = !three();
    const layers = Object.keys(LAYERS).filter(offered);
    $("layers").hidden = layers.length === 1;
    for (const layer of Object.keys(LAYERS)) $(`layer-${layer}`).parentElement.hidden = !offered(layer);
    state.layer = wordParam(params, "layer", layers);
    addSliders();
    showLayer();
  };
  /** Where a map opens: in a crowd of one class, or apart from the others. */
  const start = () => settle(plane.extent, (!three() && items && clearest(items)) || (size === 2 ? APART : [0, 0]));
  const addSliders = () => {
    const limits = limitsOf(plane.extent);
    const hosts = limits.map(() => element("div"));
    $("sliders").replaceChildren(...hosts);
    [state.x, state.y] = settle(plane.extent, start().map((value, i) => numberParam(params, "xy"[i], value, ...limits[i])));
    sliders = ["x", "y"].map((axis, i) =>
      createSlider(hosts[i], {
        id: axis,
        label: AXES[state.plane][i],
        min: limits[i][0],
        max: limits[i][1],
        step: STEP,
        value: state[axis],
        format: (value) => formatNumber(value, 2),
        onInput(value) {
          state[axis] = value;
          state.hover = null;
          draw();
          say();
        },
        onChange: remember,
      }),
    );
  };
  $("planes").addEventListener("change", ({ target }) => {
    setParams({ plane: target.value === names[0] ? null : target.value, x: null, y: null, layer: null });
    choosePlane(target.value);
  });

  // Moving about
  const remember = () => {
    const [x, y] = start();
    setParams({ x: state.x === x ? null : state.x, y: state.y === y ? null : state.y });
    hear(latentAt(plane, pinned()));
  };
  const placeAt = (parts) => settle(plane.extent, placeOf(plane.extent, parts));
  const drag = (parts) => {
    [state.x, state.y] = placeAt(parts);
    state.hover = null;
    draw();
  };
  follow($("pad"), drag, () => {
    if (unmounted) return;
    remember();
    say();
  });
  // A mouse need not be pressed to look around; where it was is forgotten when it leaves.
  const look = (place) => {
    state.hover = place;
    draw();
  };
  $("pad").addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse" || event.buttons !== 0) return;
    const box = $("pad").getBoundingClientRect();
    look(placeAt([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]));
  });
  $("pad").addEventListener("pointerleave", () => look(null));

  // A walk from crowd to crowd, or at once to the next where motion is not wanted.
  const walk = createWalk(
    () => (items && !three() ? middlesOf(items) : CORNERS),
    () => pinned(),
    (place, done) => {
      [state.x, state.y] = settle(plane.extent, place);
      state.hover = null;
      draw();
      if (!done) return;
      remember();
      say();
    },
  );
  $("try").addEventListener("click", walk.start);
  $("pad").addEventListener("pointerdown", walk.stop);

  for (const [id, view, end] of [["to-morph", "morph", "a"], ["to-edit", "edit", "face"]]) {
    $(id).hidden = !navigate || (view === "edit" && size <= 2);
    $(id).addEventListener("click", () => {
      const z = latentAt(plane, pinned());
      navigate(view, { [end]: formatSource({ kind: "latent", z }), ...(view === "edit" && { edits: null }) });
    });
  }

  // A digit of the reader's own
  const canLand = size === 2 && drawable;
  $("landing-figure").hidden = !canLand;
  const landing = canLand
    ? createLanding($, {
        model,
        extent: planes.whole().extent,
        onLand(place) {
          [state.x, state.y] = settle(plane.extent, place);
          state.hover = null;
          draw();
          remember();
          announce("Your drawing has landed on the map.");
        },
        report,
      })
    : null;

  const showItems = (extent) => {
    thumbnails = createThumbnails(items, folder);
    shown = spreadOut(items, 2 * extent.half * THUMBNAIL * FREE);
    $("ring").style.setProperty("--thumbnail", THUMBNAIL);
    $("credits").textContent = [...new Set(items.credits)].join("; ");
    $("points").append(createPoints(items, extent, names[0] === "whole"));
    if (items.labels.length > 0) $("legend").append(createLegend(items));
  };

  $("planes").hidden = names.length === 1;
  if (items) showItems(planes[names[0]]().extent);
  choosePlane(wordParam(params, "plane", names));
  hear(latentAt(plane, pinned()), { now: false });

  return {
    state,
    share: () => ({ all: { x: String(state.x), y: String(state.y) } }),
    redraw() {
      planeChanged = true;
      draw();
    },
    unmount() {
      unmounted = true;
      walk.stop();
      landing?.unmount();
      layout.disconnect();
      draw.cancel();
      decoded.unmount();
    },
  };
}

/** The latent at a place in terms of the plane, as markup. */
function equation(plane, place) {
  const term = (value, name) => `${value < 0 ? "−" : "+"} ${Math.abs(value).toFixed(2)}&nbsp;${name}`;
  const sums = {
    whole: () => `(${place.map((value) => formatNumber(value, 2)).join(", ")})`,
    components: () => `<i>o</i> ${place.map((value, i) => term(value, `<i>a</i>${"₁₂"[i]}`)).join(" ")}`,
    three: () => sharesAt(place).map((share, i) => term(share, `<i>${LETTERS[i]}</i>`)).join(" ").replace(/^\+ /, ""),
  };
  return `<i>z</i> = ${sums[plane]()}`;
}
