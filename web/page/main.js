/**
 * The shell of the page: keeps the view and its address in step, offers the models that were
 * published with it, and lets the reader see and change what they run on.
 */

import { fetchJson } from "../api/files.js";
import { within } from "../api/network.js";
import { NONE, favourite, folderOf, isName, library, suited } from "../models/library.js";
import { afterPause } from "../parts/dom.js";
import { acceptFiles } from "../parts/drop.js";
import { createPlayer } from "../player/player.js";
import { VIEWS, change, formatHash, parseHash, wordParam } from "../parts/route.js";
import { sharedStyles } from "../parts/styles.js";
import { tell } from "./start.js";
import { VaeletError, loadModel, normalizeDrawing, prepare } from "../vaelet.js";

/** What a reader keeps on the way from one model to another: it means the same to all. */
const ANY_MODEL = ["seed", "temperature", "prior", "example", "ink", "epsilon", "sigma", "ends", "t", "u", "layer", "use", "kind", "noise", "hidden", "fill", "enlarge"];
/** @type {import("../models/pool.js").Backend[]} */
const BACKENDS = ["auto", "webgpu", "cpu"];
/** How much mathematics the page shows, all of it first; and where the reader's choice is remembered. */
const MATHS = ["formulas", "notation", "none"];
const REMEMBERED = "vaelet-maths";
/** Parameters of the page itself, the same for all views. */
const OWN = ["backend", "maths", "lesson"];
/** Pages that are no views: the way there and back is a reload. The check has a GPU of its own. */
const PAGES = { check: () => import("../check/page.js"), learn: () => import("../learn/page.js"), train: () => import("../views/train/train.js") };
/** Milliseconds after which code that was asked for counts as missing. */
const CODE = 20_000;
/** Names of files that may be a model; older ones of PyTorch have no ending, and neither have folders. */
const MODEL_FILE = /\.(pth?|ckpt|safetensors|onnx|data|bin|json|zip|h5|hdf5|keras)$|^[^.]+$/i;
/** @type {(id: string) => any} */
const byId = (id) => document.getElementById(id);

/** The last address of each view, so that leaving a view loses nothing. */
const addresses = new Map();
let route = parseHash(location.hash);
/** The hash as this page last knew it; another means that the reader is on the way elsewhere. */
let known = location.hash;
/** The address follows at a distance: browsers refuse more than a few changes a second. */
const writeAddress = afterPause(() => {
  if (location.hash === known) putAddress("replaceState");
}, 200);
let models = [];
/** @type {typeof import("./chooser.js").groupsOf | undefined} */
let groupsOf;
/** The model that the reader chose last: a view that cannot show it says so, and leads back. */
let chosen = null;
/** Opens the dialog of sharing, once that has come. */
let sharing;
/** Opens the dialog of downloads, once that has come. */
let downloading;
/** Imports files, once that has come. @type {Promise<(files: any[]) => Promise<void>> | undefined} */
let importing;
/** The backend that the address asks for. @type {import("../models/pool.js").Backend} */
let requestedBackend = "auto";
/** How far down the reader was in each view. */
const heights = new Map();
/** What is to be done once the view is there that the reader went to. @type {(() => void) | null} */
let arrive = null;
/** The last choice of a backend that could be had. @type {import("../models/pool.js").Backend} */
let workingBackend = "auto";

const otherStyles = sharedStyles(new URL("../other-views.css", import.meta.url));

const player = createPlayer(byId("player"), {
  addStyles: () => otherStyles.addTo(document),
  onLoad(model) {
    const { title, credit, licence } = model.info;
    byId("model-credit").textContent = `${title}. ${credit}. Weights: ${licence}.`;
    document.title = `${byId("title").textContent} · vaelet`;
    arrive?.();
    arrive = null;
    showBackend();
    page.kept?.then(keepAtlas, () => {});
  },
  onBackend(_, error) {
    if (error) {
      requestedBackend = workingBackend;
      setShared({ backend: workingBackend === "auto" ? null : workingBackend });
    }
    workingBackend = requestedBackend;
    showBackend(error ? `${error.message} ` : "");
  },
  onParams: remember,
  navigate(view, changes) {
    const { params } = parseHash(addresses.get(view) ?? "");
    location.hash = formatHash(view, change(params, { ...changes, ...shared(), model: modelName() }));
  },
});

/** For tests and the curious: `ready` is of the latest load, `view` of what is on the page, `kept` once it works offline. */
const page = {
  ready: null,
  kept: null,
  loadModel,
  normalizeDrawing,
  get view() {
    return player.view;
  },
  get model() {
    return player.model;
  },
};
window.vaelet = page;

page.ready = start();
page.ready.then(enrichModels).catch(() => {}); // the player shows it; whoever awaits `ready` still gets it
addEventListener("hashchange", follow);
byId("backend").addEventListener("change", ({ target }) => {
  setShared({ backend: target.value === "auto" ? null : target.value });
  changeBackend();
});
byId("model").addEventListener("change", ({ target }) => {
  writeAddress.flush();
  const params = change(new URLSearchParams(), shared());
  for (const name of ANY_MODEL) if (route.params.has(name)) params.set(name, route.params.get(name));
  if (target.value !== favourite(models, route.view)) params.set("model", target.value);
  location.hash = formatHash(route.view, params);
});
// Whatever leads away leaves an address behind that says how things were.
addEventListener("pagehide", () => writeAddress.flush());
addEventListener("click", () => writeAddress.flush(), true);
acceptFiles(window, player.takeFile); // beside the view too
addEventListener("drop", takeModel, true); // before any view takes it for a picture
byId("maths").addEventListener("change", chooseMaths);
byId("share").addEventListener("click", share);
byId("offline").addEventListener("click", download);
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // what follows the # is the page's address
  document.querySelector("h1").focus();
});
// The check measures, and nothing else shall be fetched meanwhile.
if ("serviceWorker" in navigator && isSecureContext && route.page !== "check") {
  page.kept = page.ready.catch(() => {}).then(keepForOffline);
  page.kept.catch(() => {}); // then there is no page without a network
}

async function start() {
  if (route.page) {
    for (const part of document.querySelectorAll(".setting, .runtime")) part.toggleAttribute("hidden", true);
    byId(`nav-${route.page}`)?.setAttribute("aria-current", "page");
    showMaths();
    const { mount } = await PAGES[route.page]();
    return mount(byId("main"), route.params);
  }
  prepare();
  try {
    models = await library();
  } catch (error) {
    tell(`The list of models could not be loaded, so no other model can be chosen. Reload the page. ${error.message}`);
  }
  byId("starting").remove(); // the program has taken over
  return open();
}

/** The dialog is fetched when it is asked for, and may fail by itself. */
async function share() {
  writeAddress.flush();
  try {
    const { createSharing } = await within(import("./share.js"), CODE, () => new Error("nothing came"));
    await otherStyles.addTo(document);
    sharing ??= createSharing();
    const { all = {}, frame = null, z = player.latent } = player.view?.share?.() ?? {};
    sharing({ ...route, title: document.title, model: modelName(), loaded: player.model, all, frame, z });
  } catch (error) {
    console.info(error);
    tell("The code for sharing could not be loaded. The address of this page is a link to what it shows. Reload the page to try again; a content blocker may stop it.");
  }
}

/** What works without a network; the dialog is fetched when it is asked for. */
async function download() {
  try {
    const { createDownloads } = await within(import("./downloads.js"), CODE, () => new Error("nothing came"));
    await otherStyles.addTo(document);
    downloading ??= createDownloads(() => enrichModels().catch(() => {}));
    await downloading(await library(), page.kept);
  } catch (error) {
    console.info(error);
    tell("The list of downloads could not be loaded. Check the connection, and reload the page to try again.");
  }
}

/** Files of a model that are dropped anywhere: the code for them is fetched when they are. @param {DragEvent} event */
async function takeModel(event) {
  const files = [...(event.dataTransfer?.files ?? [])];
  const isPicture = (file) => /^(image|video|audio)\//.test(file.type);
  if (!files.some((file) => !isPicture(file) && MODEL_FILE.test(file.name)) || document.querySelector("dialog[open]:not(#import-dialog)")) return;
  event.preventDefault();
  try {
    // The list of what was dropped is gone once the event is over.
    const { dataTransfer } = event;
    const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const loading = within(import("./import.js"), CODE, () => new Error("nothing came"));
    importing ??= loading.then(({ createImporter }) => createImporter(showOwn));
    const { filesIn } = await loading;
    await otherStyles.addTo(document);
    await (await importing)(await filesIn(files, entries));
  } catch (error) {
    importing = undefined;
    console.info(error);
    tell("The code for importing models could not be loaded. Reload the page to try again; a content blocker may stop it.");
  }
}

/** Shows a model that has just been imported. @param {string} name @param {import("../models/library.js").Entry[]} kept all that are kept now */
function showOwn(name, kept) {
  models = [...models.filter((entry) => !entry.kept), ...kept];
  const fitting = VIEWS.filter((view) => suited([entryOf(name)], view).length);
  location.hash = formatHash(fitting.includes(route.view) ? route.view : (fitting[0] ?? VIEWS[0]), change(new URLSearchParams({ model: name }), shared()));
}

function modelName() {
  const name = route.params.get("model");
  return isName(name) ? name : favourite(models, route.view);
}

function open() {
  const lost = lostIn(route);
  const entry = entryOf(route.params.get("model"));
  if (entry) chosen = entry;
  if (entry && !suited([entry], route.view).length) {
    // Nobody draws faces: the view stays, with a model of its own.
    route.params = change(new URLSearchParams(), shared());
    putAddress("replaceState");
  }
  requestedBackend = wordParam(route.params, "backend", BACKENDS);
  showMaths();
  showLesson();
  showRoute();
  showModels();
  if (!modelName()) {
    const error = new VaeletError("not-found", NONE);
    player.refuse(error);
    return Promise.reject(error);
  }
  const opened = player.open({ view: route.view, folder: folderOf(modelName()), params: route.params, backend: requestedBackend, recipient: "link", entry: entryOf(modelName()) });
  if (chosen && !suited([chosen], route.view).length) {
    const why = { draw: "was not trained on drawings", use: "has to be told what it draws" }[route.view] ?? "has only two numbers to change";
    player.tell(`“${chosen.title}” ${why}, so here is “${entryOf(modelName())?.title ?? modelName()}”. `, {
      text: `Back to “${chosen.title}”`,
      href: formatHash(VIEWS[0], change(new URLSearchParams({ model: chosen.name }), shared())),
    });
  }
  if (lost) player.tell(`${lost} `, { text: "Close" });
  return opened;
}

/** The step of the lesson that the address names; the code for it is fetched where there is one. */
function showLesson() {
  if (!route.params.has("lesson") && !byId("lesson")) return;
  Promise.all([import("../learn/bar.js"), otherStyles.addTo(document)]).then(([{ showStep }]) => showStep(route.params, () => setShared({ lesson: null })), console.info);
}

/** What the address names and is not here, in a sentence; the address is put right. */
function lostIn({ view, params, path }) {
  const name = params.get("model");
  const isLost = isName(name) && models.length > 0 && !entryOf(name);
  const isNowhere = Boolean(path) && path !== view;
  if (isLost) route.params = change(new URLSearchParams(), shared());
  if (isLost || isNowhere) putAddress("replaceState");
  if (isLost) return `There is no model called “${name}” here, so this is another one. Choose one above.`;
  return isNowhere ? `There is no view called “${path}” here, so this is another one.` : "";
}

function entryOf(name) {
  return models.find((entry) => entry.name === name);
}

/** The reader followed a link, went back, or edited the address. */
function follow() {
  if (route.page || parseHash(location.hash).page) {
    scrollTo(0, 0); // or the next page would begin as far down as this one was
    location.reload();
    return;
  }
  const { view } = route;
  writeAddress.cancel();
  known = location.hash;
  route = parseHash(known);
  const stays = route.view === view;
  if (!stays) heights.set(view, scrollY);
  arrive = stays ? returnTo(scrollY, document.activeElement?.id) : readOn;
  page.ready = open();
  page.ready.catch(() => {}); // the player shows it; whoever awaits `ready` still gets it
}

/** Another view: where the reader left it, and a screen reader reads on at its heading. */
function readOn() {
  scrollTo(0, heights.get(route.view) ?? 0);
  byId("title").focus({ preventScroll: true });
}

/** The same view in another state: the reader stays where they were. */
function returnTo(top, id) {
  return () => {
    scrollTo(0, top);
    if (id) byId(id)?.focus({ preventScroll: true });
  };
}

function changeBackend() {
  requestedBackend = wordParam(route.params, "backend", BACKENDS);
  page.ready = player.setBackend(requestedBackend);
  page.ready.catch(() => {}); // the player shows it
}

/** Writes what changed into the address. A `push` can be gone back from, anything else replaces the current one. */
function remember(params, { push = false }, view) {
  addresses.set(view, formatHash(view, params));
  // A view that is being left changes only the address to return to.
  if (params !== route.params) return;
  writeAddress();
  if (!push) return;
  writeAddress.cancel();
  putAddress("pushState");
}

/** @param {"replaceState" | "pushState"} how */
function putAddress(how) {
  history[how](null, "", formatHash(route.view, route.params));
  known = location.hash; // as the browser writes it
  showRoute();
}

/** Parameters that stay the same from view to view; null where they are not given. */
function shared() {
  return Object.fromEntries(OWN.map((name) => [name, route.params.get(name)]));
}

/** Of an address that says nothing the reader's own choice counts, which is then in the address too, for whom they send it to. */
function showMaths() {
  let remembered = null;
  try {
    remembered = localStorage.getItem(REMEMBERED);
  } catch {
    // Some browsers keep nothing.
  }
  if (!route.params.has("maths") && MATHS.slice(1).includes(remembered)) route.params.set("maths", remembered);
  const level = wordParam(route.params, "maths", MATHS);
  document.documentElement.dataset.maths = level;
  byId("maths").value = level;
}

function chooseMaths({ target: { value } }) {
  try {
    localStorage.setItem(REMEMBERED, value);
  } catch {
    // The address has it until the page is left.
  }
  const changes = { maths: value === MATHS[0] ? null : value };
  if (route.page) change(route.params, changes); // its address is not that of a view
  else setShared(changes);
  showMaths();
}

function setShared(changes) {
  change(route.params, changes);
  writeAddress();
  writeAddress.flush();
}

function showRoute() {
  addresses.set(route.view, formatHash(route.view, route.params));
  const chosen = route.params.get("model");
  for (const view of VIEWS) {
    const { params } = parseHash(addresses.get(view) ?? "");
    // A model that the reader chose comes along to every view that can show it.
    if (chosen && chosen !== params.get("model") && suited(models, view).some(({ name }) => name === chosen)) {
      for (const name of [...params.keys()]) params.delete(name);
      params.set("model", chosen);
    }
    const link = byId(`nav-${view}`);
    const { hash } = new URL(formatHash(view, change(params, shared())), location.href);
    for (const each of [link, ...document.querySelectorAll(`.machine [data-view="${view}"]`)]) each.href = hash;
    if (view === route.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Names at first; their groups, sizes and samples once the first view is there. */
function showModels() {
  const fitting = suited(models, route.view);
  for (const old of byId("model").querySelectorAll("optgroup, option")) old.remove();
  byId("model").append(...(groupsOf?.(fitting) ?? fitting.map(({ name, title }) => new Option(title, name))));
  byId("model").value = modelName();
}

async function enrichModels() {
  const chooser = await import("./chooser.js");
  await chooser.markHere(models);
  ({ groupsOf } = chooser);
  showModels();
}

/** @param {string} notice said before what is running */
function showBackend(notice = "") {
  if (!player.model) return;
  const { backend, measured, reason } = player.model;
  const { webgpu, cpu, adapter } = measured;
  byId("backend").value = requestedBackend;
  byId("backend").dataset.running = backend;
  const time = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const names = { webgpu: `GPU${adapter ? ` (${adapter})` : ""}`, cpu: "CPU" };
  const [here, there, other] = backend === "webgpu" ? [webgpu, cpu, "cpu"] : [cpu, webgpu, "webgpu"];
  let status = `Runs on your ${names[backend]}`;
  if (here !== null) status += `, ${time(here)} per picture`;
  if (there !== null) status += `; the ${names[other]} takes ${time(there)}`;
  else if (requestedBackend === "auto" && cpu === null) status += " while the GPU is being prepared";
  status = `${notice}${status}.${reason && notice === "" ? ` ${reason}` : ""}`;
  if (byId("backend-status").textContent !== status) byId("backend-status").textContent = status;
}

/** Once the first view is there: until then the network is its own. */
async function keepForOffline() {
  const { keepPage } = await import("./offline.js");
  await Promise.all([keepAtlas(), otherStyles.addTo(document)]);
  await keepPage();
}

/** Without it a model can be sampled and morphed, but not edited by its attributes. */
function keepAtlas() {
  return player.model && fetchJson(folderOf(modelName()), "atlas.json").catch(() => {});
}
