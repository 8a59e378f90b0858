/**
 * Use: one picture, drawn, chosen or the reader's own, and what a model is good for: six panels that
 * follow it, each of which opens into the whole view.
 */

import { choosePicture } from "../../parts/cropper.js";
import { afterPause, element, fill, oncePerFrame, rove } from "../../parts/dom.js";
import { encodeInk } from "../../parts/ink-text.js";
import { markOwn } from "../../parts/own.js";
import { createPad } from "../../parts/pad.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { newSeed, wordParam } from "../../parts/route.js";
import { formatSource, latentOf, latentSource, parseSource, undrawn } from "../../parts/source.js";
import { subjectOf } from "../../models/subject.js";
import { createClean } from "./clean.js";
import { createCompress } from "./compress.js";
import { createDetect } from "./detect.js";
import { createEnlarge } from "./enlarge.js";
import { createFill } from "./fill.js";
import { createGroup } from "./group.js";
import { USES, markup } from "./markup.js";
import { ODD, itemPictures, makeAll, testPictures } from "./pictures.js";

const PANELS = { detect: createDetect, clean: createClean, fill: createFill, enlarge: createEnlarge, compress: createCompress, group: createGroup };
/** Test pictures to choose from. */
const TESTS = 10;
/** Seed of the sample that stands in where there are no test pictures. */
const SEED = 7;

/**
 * @typedef {object} Panel what a panel gets
 * @property {(id: string) => any} $
 * @property {import("../../vaelet.js").Model} model
 * @property {ReturnType<typeof subjectOf>} subject
 * @property {HTMLElement} node
 * @property {HTMLElement} status
 * @property {URLSearchParams} params
 * @property {(changes: object) => void} setParams
 * @property {(text: string) => void} announce
 * @property {import("../../models/atlas.js").Atlas} atlas
 * @property {{ word: string | null, toggle: (word: string) => void }} odd what makes the picture strange
 * @property {(count: number) => Promise<Float32Array[]>} chain so many real pictures
 * @property {() => Promise<(i: number) => Float32Array>} itemOf the pictures of the atlas
 */

/** The player fetches the atlas beside the weights. */
export const usesAtlas = () => true;

export function mount(root, { model, folder, params, setParams, atlas, memory, promise, report, announce }) {
  const { input } = model.info;
  const subject = subjectOf(model.info);
  const $ = fill(root, markup(subject, promise));
  const size = model.latentSize;
  sizeFor($("picture"), input);
  let unmounted = false;
  let reading = true;
  let encoding = 0;
  let following = false;
  /** @type {Float32Array[]} */
  let tests = [];
  /** The picture before it is made strange, and how an address names it. @type {Float32Array | null} */
  let plain = null;
  let text = params.get("picture") ?? "";
  let use = wordParam(params, "use", ["all", ...Object.keys(USES)]);

  const odd = {
    /** @type {string | null} */
    word: Object.hasOwn(ODD, params.get("odd") ?? "") ? params.get("odd") : null,
    toggle(word) {
      odd.word = odd.word === word ? null : word;
      setParams({ odd: odd.word });
      follow();
    },
  };
  let items;
  const itemOf = () => (items ??= itemPictures(folder, atlas.items, input));
  /** Real pictures: the atlas has the most, if they are at full size. */
  const chain = async (count) => {
    if (atlas.items?.side !== input.width) return tests.slice(0, count);
    const pictureOf = await itemOf();
    const { length } = atlas.items.plane;
    return makeAll(Math.min(count, length), (i) => pictureOf(Math.floor((i * length) / Math.min(count, length))));
  };
  const panels = Object.fromEntries(
    Object.entries(PANELS).map(([name, create]) => [name, create({ $, model, subject, node: $(`panel-${name}`), status: $(`state-${name}`), params, setParams, announce, atlas, odd, chain, itemOf })]),
  );

  const state = {
    get use() {
      return use;
    },
    get picture() {
      return text;
    },
    get odd() {
      return odd.word;
    },
    /** What everything below is about. @type {Float32Array | null} */
    pixels: null,
    get busy() {
      return reading || following || encoding > 0 || shown().some((panel) => panel.busy);
    },
    /** What each panel has found last. */
    get answers() {
      return Object.fromEntries(Object.entries(panels).map(([name, panel]) => [name, panel.answer]));
    },
    get packed() {
      return panels.compress.packed;
    },
  };
  const shown = () => (use === "all" ? Object.values(panels) : [panels[use]]);

  /** Everything below shows this picture. */
  const follow = () => {
    following = true;
    showAll();
  };
  const showAll = oncePerFrame(() => {
    following = false;
    if (!plain || unmounted) return;
    const picture = odd.word ? ODD[odd.word].change(plain, input) : plain;
    state.pixels = picture;
    paintPicture($("picture"), picture, { input, ink: subject.ink });
    for (const panel of shown()) panel.show(picture);
    for (const pick of picks) pick.setAttribute("aria-pressed", String(pick.dataset.text === text));
  });
  const take = (pixels) => {
    plain = pixels;
    follow();
  };

  // Where the picture comes from
  const isDrawn = () => text.startsWith("drawn-") && subject.drawable;
  const showSource = () => {
    const drawn = isDrawn();
    $("draw").setAttribute("aria-pressed", String(drawn));
    $("pad").hidden = $("clear").hidden = !drawn;
    $("picture").hidden = drawn;
    $("invite").hidden = !drawn || !pad.empty;
  };
  const remember = afterPause(() => setParams({ picture: text === FIRST ? null : text }), 300);
  /** Fetches, decodes or reads the picture that an address names. */
  const showText = async (next) => {
    text = next;
    showSource();
    remember();
    const [, number] = text.match(/^test-(\d+)$/) ?? [];
    if (number !== undefined && tests[Number(number)]) {
      take(tests[Number(number)]);
      return;
    }
    if (memory.own?.text === text) {
      take(memory.own.pixels);
      return;
    }
    if (isDrawn()) {
      const pixels = pad.read();
      if (pixels) take(pixels);
      return;
    }
    const latent = latentOf(model, undrawn(parseSource(text, SEED, size), SEED));
    encoding += 1;
    try {
      const pixels = await model.decode(latent);
      if (!unmounted && text === next) take(pixels);
    } catch (error) {
      if (!unmounted) report(error);
    } finally {
      encoding -= 1;
    }
  };
  /** Another picture is not strange until it is made so again. */
  const choose = (next) => {
    odd.word = null;
    setParams({ odd: null });
    return showText(next);
  };
  const FIRST = "test-0";

  const pad = createPad($("pad"), {
    onInk: oncePerFrame(() => {
      if (!isDrawn() || unmounted) return;
      $("invite").hidden = !pad.empty;
      const pixels = pad.read();
      if (pixels) take(pixels);
    }),
    onCommit() {
      if (!isDrawn()) return;
      text = `drawn-${encodeInk(pad.strokes)}`;
      remember();
    },
  });
  $("draw").addEventListener("click", () => {
    if (isDrawn()) choose(FIRST);
    else choose(`drawn-${encodeInk(pad.strokes)}`);
  });
  $("clear").addEventListener("click", () => pad.clear());
  $("another").addEventListener("click", () => choose(formatSource({ kind: "sample", seed: newSeed(), index: 0, temperature: 1, prior: "learned" })));
  const takeOwn = async (file) => {
    try {
      const pixels = await choosePicture(root, { model, promise, report, file });
      if (!pixels || unmounted) return;
      const { mean } = await model.encode(pixels);
      if (unmounted) return;
      odd.word = null;
      // The page shows the picture itself; a link has the latent only.
      text = markOwn(formatSource(latentSource(mean)));
      memory.own = { text, pixels };
      setParams({ odd: null, picture: text });
      showSource();
      take(pixels);
    } catch (error) {
      if (!unmounted) report(error);
    }
  };
  $("own").addEventListener("click", () => takeOwn());
  $("try").addEventListener("click", () => odd.toggle("square"));

  const picks = [];
  const showTests = () => {
    $("tests").hidden = tests.length === 0;
    if (tests.length === 0) return;
    const some = tests.slice(0, TESTS);
    sizeFor($("tests-strip"), input, some.length);
    some.forEach((pixels, i) => {
      paintPicture($("tests-strip"), pixels, { input, ink: subject.ink }, i * input.width);
      const pick = element("button", { type: "button", onclick: () => choose(`test-${i}`) });
      pick.dataset.text = `test-${i}`;
      pick.setAttribute("aria-label", `Test picture ${i + 1}`);
      picks.push(pick);
    });
    $("tests-picks").style.setProperty("--columns", String(some.length));
    $("tests-picks").append(...picks);
    rove($("tests-picks"), picks, () => some.length);
  };

  // Which use fills the view
  const showUse = () => {
    $("stage").dataset.use = use;
    for (const panel of root.querySelectorAll(".use-panel")) panel.hidden = use !== "all" && panel.dataset.use !== use;
    $(`use-${use}`).checked = true;
  };
  const open = (next) => {
    use = next;
    setParams({ use: use === "all" ? null : use });
    showUse();
    follow();
    announce(use === "all" ? "All uses." : USES[use]);
  };
  for (const input of root.querySelectorAll("input[name='use']")) input.addEventListener("change", () => open(input.value));
  for (const button of root.querySelectorAll(".use-open")) {
    button.addEventListener("click", () => {
      open(button.dataset.open);
      $(`use-${use}`).focus(); // the button goes away
    });
  }
  showUse();
  if (subject.drawable && text.startsWith("drawn-")) {
    const source = parseSource(text, SEED, size);
    if (source.kind === "drawn") pad.restore({ strokes: source.strokes });
  }
  // Their room is there before they are.
  $("tests").hidden = false;
  sizeFor($("tests-strip"), input, TESTS);
  testPictures(folder, input)
    .catch(() => [])
    .then((found) => {
      if (unmounted) return undefined;
      tests = found;
      showTests();
      return showText(text || FIRST);
    })
    .finally(() => {
      reading = false;
      remember.cancel();
    });
  model.prepareUses().catch(() => {}); // each panel tells

  return {
    state,
    pad,
    share: () => ({ all: { picture: text } }),
    takePicture: subject.drawable ? undefined : takeOwn,
    redraw: follow,
    unmount() {
      unmounted = true;
      remember.flush();
      showAll.cancel();
      for (const panel of Object.values(panels)) panel.unmount();
    },
  };
}
