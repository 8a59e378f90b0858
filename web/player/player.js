/**
 * One view of one model inside an element: what the page shows, and what `<vae-let>` shows in
 * somebody's article. It borrows the model, shows its progress and its failures, mounts the
 * view, and gives it fresh canvases when the model moves to another backend.
 */

import { within } from "../api/network.js";
import { inTurn } from "../api/slices.js";
import { borrow } from "../models/pool.js";
import { subjectOf } from "../models/subject.js";
import { createAnnouncer, element, fill } from "../parts/dom.js";
import { acceptFiles } from "../parts/drop.js";
import { promiseOf } from "../parts/own.js";
import { change } from "../parts/route.js";
import { VaeletError } from "../vaelet.js";
import { MARKUP as HEADING, showHeading } from "./heading.js";
import { columnsFor, posterOf, showPoster } from "./poster.js";

/** Fetched when they are shown. */
const VIEWS = {
  sample: () => import("../views/sample/sample.js"),
  draw: () => import("../views/draw/draw.js"),
  morph: () => import("../views/morph/morph.js"),
  map: () => import("../views/map/map.js"),
  edit: () => import("../views/edit/edit.js"),
  inside: () => import("../views/inside/inside.js"),
  use: () => import("../views/use/use.js"),
};

/** Fetched instead for a model of texts. */
const fetchTexts = () => import("../views/texts/texts.js");

/** Fetched for the views that use an atlas. */
const fetchReader = () => import("../models/atlas.js");
/** What a view has that uses none, or cannot have it. @type {import("../models/atlas.js").Atlas} */
const NO_ATLAS = { directions: [], followed: [], examples: [], plane: null, items: null };
/** The view whose styles are there from the start. */
const FIRST = "sample";
/** Milliseconds after which code that has not come counts as missing. */
const CODE = 30_000;

const MARKUP = `${HEADING}
  <section id="loading" class="loading" hidden>
    <div class="opening" id="loading-opening"><button type="button" id="loading-action" class="primary" disabled></button></div>
    <div id="poster" class="sheet poster" aria-hidden="true"></div>
    <div id="loading-status" hidden>
      <p><label for="loading-progress">Loading the model</label> <span id="loading-bytes"></span></p>
      <progress id="loading-progress" max="1"></progress>
    </div>
  </section>
  <section id="error" class="notice" role="alert" hidden>
    <p class="notice-title" id="error-title"></p>
    <p id="error-message"></p>
    <p><button id="error-retry" type="button">Try again</button></p>
  </section>
  <p id="dropped" class="note dropped" role="status"></p>
  <p id="missing" class="notice-missing" role="status" hidden></p>
  <p id="condition" class="condition" hidden><label for="class" id="condition-name"></label> <select id="class"></select></p>
  <div id="sound" class="opening" role="group" aria-label="Sound" hidden></div>
  <div id="view" class="view"></div>
  <div id="announcer" class="visually-hidden" aria-live="polite"></div>
`;

const sentence = (text) => `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`;
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/**
 * @typedef {object} What
 * @property {string} view
 * @property {URL} folder of the model
 * @property {URLSearchParams} params the view's state; changed as the reader changes it
 * @property {"auto" | "webgpu" | "cpu"} backend
 * @property {import("../models/library.js").Entry} [entry] the model, where it is known before it has come
 * @property {"link" | "nobody" | "author"} recipient who gets the latents of the reader's own pictures
 * @property {URL} [picture] what is shown until then, instead of the model's samples
 *
 * @typedef {object} Hooks
 * @property {() => Promise<boolean>} addStyles of all views but the first; whether they could be had
 * @property {(progress: import("../vaelet.js").Progress) => void} [onProgress]
 * @property {(model: import("../vaelet.js").Model) => void} [onLoad] a view of this model is on the page
 * @property {(model: import("../vaelet.js").Model, error?: Error) => void} [onBackend] it moved, or could not
 * @property {(error: Error) => void} [onError]
 * @property {(params: URLSearchParams, options: { push?: boolean }, view: string) => void} [onParams] the reader changed the view's state
 * @property {(view: string, changes: object) => void} [navigate] a link to another view; without it there are none
 */

/** @param {HTMLElement} root @param {Hooks} hooks */
export function createPlayer(root, hooks) {
  const still = root.querySelector("#heading");
  const $ = fill(root, MARKUP);
  if (still) $("heading").replaceWith(still); // it stays as it is until more is known
  const announce = createAnnouncer($("announcer"));
  // In an article there is nowhere to go.
  if (!hooks.navigate) for (const link of $("machine").querySelectorAll("a")) link.removeAttribute("href");
  /** @type {What | null} */
  let what = null;
  let loan = null;
  let view = null;
  let model = null;
  /** Plays what the view shows, in a model of sounds. @type {Promise<ReturnType<typeof import("../parts/hear.js").createHearing>> | null} */
  let hearing = null;
  /** What a view finds again when it comes back, by its name and the model's. @type {Map<string, object>} */
  const memories = new Map();

  const player = {
    /** The latent of the one picture that the view is about, if there is one. @returns {Float32Array | null} */
    get latent() {
      return view?.state?.z ?? view?.state?.after ?? null;
    },
    /** Shows this; resolves with the model once its backend is chosen. @param {What} next */
    async open(next) {
      if (what?.folder.href !== next.folder.href) release();
      unmount();
      what = next;
      loan?.setBackend(next.backend);
      return load(next);
    },
    /** Moves the model to a backend; the view stays. */
    async setBackend(backend) {
      if (!what) return undefined;
      what.backend = backend;
      if (!model) return player.open({ ...what });
      loan.setBackend(backend);
      return settle(model, loan.settled);
    },
    /** Shows what stands in for the view until `open`. @param {Pick<What, "view" | "folder" | "entry" | "picture">} next */
    preview(next) {
      if (!what) decorate(next);
    },
    /** Says what cannot be shown, and why. @param {Error} error */
    refuse(error) {
      what = null;
      fail("Not found", error);
    },
    /** A file that was dropped, on something: opened where the view takes pictures, else it is said why not. */
    takeFile(file, { target }) {
      const where = target instanceof Element ? target : root;
      const open = $("view").querySelector("dialog[open]");
      if (!model || open) return;
      if (file && view.takePicture) view.takePicture(file, where);
      $("dropped").textContent = file && view.takePicture ? "" : refusalOf(file);
    },
    /** Says what is missing while the view goes on without it. @param {string} sentence @param {{ text: string, href?: string }} [link] where to go instead; without an address it takes the sentence away */
    tell(sentence, link) {
      const { text: textContent, href } = link ?? {};
      const way = href ? element("a", { textContent, href }) : element("button", { type: "button", textContent, onclick: () => player.tell("") });
      $("missing").replaceChildren(sentence, ...(link ? [way] : []));
      $("missing").hidden = !sentence;
    },
    retry: () => (what ? player.open(what) : undefined),
    close() {
      unmount();
      release();
      what = null;
    },
    get view() {
      return view;
    },
    get model() {
      return model;
    },
  };

  /** Why what was dropped is not opened. */
  function refusalOf(file) {
    if (!file) return "No file was found in what you dropped. Save the image as a file first, then drop it here.";
    const isText = isOfTexts(model.info);
    if (isText || subjectOf(model.info).drawable) return `This model reads ${isText ? "texts" : "drawings"}, not image files.`;
    const { own, sound } = subjectOf(model.info);
    return `This view does not use ${own}s. Edit, Morph${sound ? " and Inside" : ", Inside and Use"} do.`;
  }

  async function load(request) {
    $("error").hidden = true;
    $("dropped").textContent = "";
    player.tell("");
    loan ??= borrow(request.folder, request.backend, { onProgress: progress, onRebuilt: refresh });
    const { model: loaded } = loan;
    decorate(request);
    if (!model) wait();
    try {
      const [next, found] = await Promise.all([loaded, fetchView(request, hooks.addStyles, player.tell)]);
      // What was not known before the model had come.
      const { module, readAtlas } = isOfTexts(next.info) === isOfTexts(request.entry) ? found : await fetchView(request, hooks.addStyles, player.tell, next.info);
      if (what !== request) return next;
      await inTurn(() => what === request && mount(request, next, module, readAtlas(next.latentSize)));
      if (what !== request) return next;
      hooks.onLoad?.(model);
      return await settle(model, loan.settled);
    } catch (error) {
      if (what === request) fail("The model could not be loaded", error);
      throw error;
    } finally {
      if (what === request) $("loading").hidden = true;
    }
  }

  /** Waits for the choice of a backend and tells what came of it. */
  async function settle(chosen, choice) {
    const failure = await choice.then(() => undefined, (error) => error);
    if (model === chosen) hooks.onBackend?.(chosen, failure);
    return chosen;
  }

  function wait() {
    $("loading-status").hidden = false;
    $("loading-progress").removeAttribute("value"); // how much there is comes with model.json
    $("loading-bytes").textContent = "";
  }

  /** The view's heading and, until there is a model, its samples or the author's picture. @param {Pick<What, "view" | "folder" | "entry" | "picture">} next */
  function decorate({ view: name, folder, entry, picture }) {
    const host = $("poster");
    const source = picture ?? (entry && posterOf(folder, entry.input));
    const subject = entry && subjectOf(entry);
    $("loading").hidden = false;
    $("loading-status").hidden = true;
    $("loading").classList.toggle("as-is", !subject?.ink);
    $("loading-opening").hidden = !subject || name !== FIRST; // the view's own takes over where it stands
    $("heading").hidden = !subject;
    if (subject) showHeading($, name, subject, entry.latents);
    $("loading-action").textContent = subject ? `New ${subject.many}` : "";
    host.hidden = !source || Boolean(model);
    const rows = name === "sample" ? Infinity : 1;
    const shown = `${rows} ${columnsFor(host.clientWidth)} ${source?.href}`; // it may have been hidden before
    if (host.hidden || host.dataset.shown === shown) return;
    host.dataset.shown = shown;
    if (picture) host.replaceChildren(element("img", { src: picture.href, alt: "" }));
    else if (isOfTexts(entry)) fetchTexts().then(({ showSamples }) => showSamples(host, { source, entry, rows, addStyles: hooks.addStyles })).catch(() => {}); // the view tells
    else showPoster(host, source, entry.input, rows);
  }

  function progress({ loaded, total }) {
    $("loading-progress").value = loaded / total;
    $("loading-bytes").textContent = `${megabytes(loaded)} of ${megabytes(total)} MB`;
    hooks.onProgress?.({ loaded, total });
  }

  function mount(request, loaded, module, atlas) {
    model = loaded;
    const subject = subjectOf(model.info);
    $("loading").hidden = true;
    const given = showCondition(request);
    hearing = subject.sound ? Promise.all([import("../parts/hear.js"), hooks.addStyles()]).then(([{ createHearing }]) => createHearing($("sound"), loaded)) : null;
    $("sound").hidden = !hearing;
    const heard = hearing;
    heard?.catch(() => player.tell("The code that plays sounds could not be loaded, so nothing is heard. Reload the page to try again."));
    // A root of its own, so that what a view does late meets nobody else's nodes.
    const root = element("div", { id: "view", className: subject.ink ? "view" : "view as-is" });
    $("view").replaceWith(root);
    view = module.mount(root, {
      model: given,
      folder: request.folder,
      params: request.params,
      atlas,
      memory: memoryOf(request),
      promise: promiseOf(request.recipient, model.latentSize, subject.own),
      announce,
      addStyles: hooks.addStyles,
      hear: (z, options) => heard?.then((one) => heard === hearing && one.hear(z, options), () => {}),
      navigate: hooks.navigate,
      setParams(changes, options = {}) {
        const before = request.params.toString();
        change(request.params, changes);
        if (request.params.toString() !== before) hooks.onParams?.(request.params, options, request.view);
      },
      report: (error) => root.isConnected && fail("The model crashed", error),
    });
    showHeading($, request.view, subject, model.latentSize);
    if (view.lead) $("lead").textContent = view.lead;
  }

  /** Offers the classes of a conditional model, and returns the model with the one that the address names. */
  function showCondition({ params }) {
    const { condition } = model.info;
    $("condition").hidden = !condition || isOfTexts(model.info); // views of texts have a choice of their own
    if (!condition) return model;
    $("condition-name").textContent = sentence(condition.name);
    const options = condition.classes.map((name) => element("option", { value: name, textContent: name }));
    $("class").replaceChildren(...options);
    const chosen = Math.max(0, condition.classes.indexOf(params.get("class")));
    $("class").selectedIndex = chosen;
    return model.given(chosen);
  }

  function memoryOf({ view: name, folder }) {
    const key = `${name} ${folder.href}`;
    if (!memories.has(key)) memories.set(key, {});
    return memories.get(key);
  }

  /** Shows the view with another class. */
  $("class").addEventListener("change", () => {
    if (!what || !view) return;
    what.params.set("class", $("class").value);
    hooks.onParams?.(what.params, {}, what.view);
    player.open({ ...what }).catch(() => {}); // the player shows it
  });

  function unmount() {
    const leaving = view;
    view = null;
    hearing?.then((one) => one.unmount(), () => {});
    hearing = null;
    $("sound").hidden = true;
    leaving?.unmount();
    $("view").replaceWith(element("div", { id: "view" }));
  }

  function release() {
    loan?.release();
    loan = model = null;
  }

  /** A canvas belongs to the backend that drew in it first. */
  function refresh() {
    for (const canvas of $("view").querySelectorAll("canvas.live")) canvas.replaceWith(canvas.cloneNode());
    view?.redraw();
    if (model) hooks.onBackend?.(model);
  }

  function fail(title, error) {
    console.info(error); // the sentence is for the reader; the cause for whoever looks closer
    unmount();
    release();
    $("loading").hidden = $("heading").hidden = true;
    $("error").hidden = false;
    $("error-retry").hidden = !what;
    $("error").dataset.code = error.code ?? "";
    $("error-title").textContent = title;
    $("error-message").textContent = error.code ? error.message : `Something went wrong. Try reloading. (${error.message})`;
    hooks.onError?.(error);
  }

  acceptFiles(root, (file, event) => player.takeFile(file, { target: event.composedPath()[0] }));
  $("error-retry").addEventListener("click", () => player.retry()?.catch(() => {}));
  return player;
}

/** Whether the data of a model are texts. @param {{ data?: { kind: string } } | undefined} info */
function isOfTexts(info) {
  return info?.data?.kind === "sequence";
}

/** Fetches the code of all views, so that they are there without a network. */
export function prefetchViews() {
  return Promise.all([...Object.values(VIEWS), fetchTexts, fetchReader].map((fetchCode) => fetchCode()));
}

/**
 * A view's code and styles, and the atlas of the model where the view uses one.
 * @param {What} what
 * @param {Hooks["addStyles"]} addStyles
 * @param {(sentence: string) => void} tell
 */
async function fetchView({ view, folder, entry }, addStyles, tell, info = entry) {
  const texts = isOfTexts(info);
  const failed = (cause) => new VaeletError("network", "The code of this view could not be loaded. Check the connection and whether a content blocker stops it, and try again; if this page was published again meanwhile, reload it.", { cause });
  const code = within(texts ? fetchTexts().then(({ viewOfTexts }) => viewOfTexts(view, info)) : VIEWS[view](), CODE, failed).catch((cause) => {
    throw failed(cause);
  });
  const [module, hasStyles] = await Promise.all([code, (view === FIRST && !texts) || addStyles()]);
  if (!hasStyles) tell("The styles of this view could not be loaded, so it looks plain. Reload the page to try again.");
  if (!module.usesAtlas?.(entry)) return { module, readAtlas: () => NO_ATLAS };
  try {
    const reader = await fetchReader();
    const atlas = await reader.fetchAtlas(folder);
    return { module, readAtlas: (latents) => reader.readAtlas(atlas, latents) };
  } catch (error) {
    if (error.code !== "not-found") tell(`The examples of this model could not be loaded; the view works without them. ${error.message}`);
    return { module, readAtlas: () => NO_ATLAS };
  }
}
