/**
 * The shell of the page: keeps the view and its address in step, offers the models that were
 * published with it, and lets the reader see and change what they run on.
 */

import { MODELS, favourite, library, suited } from "./library.js";
import { createPlayer, prefetchViews } from "./player.js";
import { VIEWS, change, formatHash, parseHash, wordParam } from "./route.js";
import { setUpSharing } from "./share.js";
import { loadModel, normalizeDrawing, prepare } from "./vaelet.js";

const BACKENDS = ["auto", "webgpu", "cpu"];
const byId = (id) => document.getElementById(id);

/** The last address of each view, so that leaving a view loses nothing. */
const addresses = new Map();
let route = parseHash(location.hash);
let models = [];
/** The backend that the address asks for. */
let asked = "auto";
/** Whether the reader went to another view that is on its way. */
let moved = false;
/** The last choice of a backend that could be had. */
let had = "auto";

const player = createPlayer(byId("player"), {
  onLoad(model) {
    const { title, credit, licence } = model.info;
    byId("model-credit").textContent = `${title}. ${credit}. Weights: ${licence}.`;
    const heading = byId("view").querySelector("h1");
    document.title = `${heading.textContent} · vaelet`;
    if (moved) heading.focus({ preventScroll: true }); // so that a screen reader reads on here
    moved = false;
    showBackend();
  },
  onBackend(_, error) {
    if (error) {
      asked = had;
      setShared({ backend: had === "auto" ? null : had });
    }
    had = asked;
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
page.ready.catch(() => {}); // the player shows it; whoever awaits `ready` still gets it
addEventListener("hashchange", follow);
byId("backend").addEventListener("change", ({ target }) => {
  setShared({ backend: target.value === "auto" ? null : target.value });
  changeBackend();
});
byId("model").addEventListener("change", ({ target }) => {
  const params = new URLSearchParams(shared());
  if (target.value !== favourite(models, route.view)) params.set("model", target.value);
  location.hash = formatHash(route.view, params);
});
setUpSharing(byId, () => ({ ...route, model: modelName() }));
if ("serviceWorker" in navigator && isSecureContext) {
  page.kept = navigator.serviceWorker.register(new URL("../sw.js", import.meta.url)).then(keepForOffline);
  page.kept.catch(() => {}); // then there is no page without a network
}

async function start() {
  prepare();
  models = await library();
  return open();
}

/** A model is a folder name, never a path. */
function modelName() {
  const name = route.params.get("model") ?? "";
  return /^[\w-]+$/.test(name) ? name : favourite(models, route.view);
}

function open() {
  const known = models.find(({ name }) => name === modelName());
  if (known && !suited([known], route.view).length) {
    // Nobody draws faces: another view of the same model.
    route = { view: VIEWS[0], params: new URLSearchParams({ model: known.name, ...shared() }) };
    history.replaceState(null, "", formatHash(route.view, route.params));
  }
  const folder = new URL(`${modelName()}/`, MODELS);
  asked = wordParam(route.params, "backend", BACKENDS);
  showRoute();
  return player.open({ view: route.view, folder, params: route.params, backend: asked, entry: known });
}

/** The reader followed a link, went back, or edited the address. */
function follow() {
  const { view } = route;
  route = parseHash(location.hash);
  moved = route.view !== view;
  page.ready = open();
  page.ready.catch(() => {}); // the player shows it; whoever awaits `ready` still gets it
  if (moved) scrollTo(0, 0);
}

function changeBackend() {
  asked = wordParam(route.params, "backend", BACKENDS);
  page.ready = player.setBackend(asked);
}

/** Writes what changed into the address. A `push` can be gone back from, anything else replaces the current one. */
function remember(params, { push = false }, view) {
  const address = formatHash(view, params);
  addresses.set(view, address);
  // A view that is being left changes only the address to return to.
  if (params !== route.params) return;
  history[push ? "pushState" : "replaceState"](null, "", address);
  showRoute();
}

/** Parameters that stay the same from view to view. */
function shared() {
  const backend = route.params.get("backend");
  return backend === null ? {} : { backend };
}

function setShared(changes) {
  change(route.params, changes);
  history.replaceState(null, "", formatHash(route.view, route.params));
  showRoute();
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
    link.href = formatHash(view, change(params, { backend: null, ...shared() }));
    if (view === route.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const options = suited(models, route.view).map(({ name, title }) => new Option(title, name));
  byId("model").replaceChildren(...options);
  byId("model").value = modelName();
}

/** @param {string} notice said before what is running */
function showBackend(notice = "") {
  if (!player.model) return;
  const { backend, measured } = player.model;
  const { webgpu, cpu, adapter } = measured;
  byId("backend").value = asked;
  byId("backend").dataset.running = backend;
  const time = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const names = { webgpu: `GPU${adapter ? ` (${adapter})` : ""}`, cpu: "CPU" };
  const [here, there, other] = backend === "webgpu" ? [webgpu, cpu, "cpu"] : [cpu, webgpu, "webgpu"];
  let status = `Running on your ${names[backend]}`;
  if (here !== null) status += `, ${time(here)} a picture`;
  if (there !== null) status += `; the ${names[other]} takes ${time(there)}`;
  else if (asked === "auto" && cpu === null) status += " while the GPU gets ready";
  else if (asked === "auto" && backend === "cpu") status += "; there is no WebGPU here";
  status = `${notice}${status}.`;
  if (byId("backend-status").textContent !== status) byId("backend-status").textContent = status;
}

/** What this visit has loaded so far was loaded before there was anybody to keep it. */
async function keepForOffline() {
  const { active } = await navigator.serviceWorker.ready;
  await page.ready.catch(() => {});
  await prefetchViews();
  const urls = performance.getEntriesByType("resource").map(({ name }) => name);
  const { port1, port2 } = new MessageChannel();
  const kept = new Promise((done) => {
    port1.onmessage = done;
  });
  active.postMessage([location.href.split("#")[0], ...urls], [port2]);
  await kept;
}
