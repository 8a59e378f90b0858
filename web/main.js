/**
 * The shell of the page: loads the model, keeps the view and its address in
 * step, and lets the reader see and change what the model runs on. It is the
 * only place that decides what happens when something fails.
 */

import { createLoading } from "./loading.js";
import { formatHash, parseHash } from "./route.js";
import { subjectOf } from "./subject.js";
import { loadModel, normalizeDrawing } from "./vaelet.js";
import * as draw from "./views/draw.js";
import * as morph from "./views/morph.js";
import * as sample from "./views/sample.js";

const VIEWS = { draw, sample, morph };
const BACKENDS = ["auto", "webgpu", "cpu"];
/** Parameters that stay the same from view to view. */
const SHARED = ["model", "backend"];
const byId = (id) => document.getElementById(id);

/** For tests and the curious: `ready` is of the latest load, `view` of what is on the page. */
const page = { model: null, ready: null, view: null, loadModel, normalizeDrawing };
window.vaelet = page;

const loading = createLoading(byId);
let route = parseHash(location.hash);
/** The last address of each view, so that leaving a view loses nothing. */
const addresses = new Map();
/** What was loaded, to see whether an address asks for something else. */
let asked = wanted();
/** Ends the load under way when another starts. */
let attempt = new AbortController();

load();
addEventListener("hashchange", follow);
byId("error-retry").addEventListener("click", load);
byId("backend").addEventListener("change", (event) => {
  setParams(route, { backend: event.target.value === "auto" ? null : event.target.value });
  changeBackend();
});

/** What the address asks for; a model is a folder name, never a path. */
function wanted() {
  const name = route.params.get("model") ?? "";
  const backend = route.params.get("backend");
  return {
    name: /^[\w-]+$/.test(name) ? name : "digits",
    backend: BACKENDS.includes(backend) ? backend : "auto",
  };
}

function load() {
  page.ready = start();
  page.ready.catch(() => {}); // the page shows it; whoever awaits `ready` still gets it
}

async function start() {
  attempt.abort();
  attempt = new AbortController();
  const { signal } = attempt;
  unmount();
  page.model?.free();
  page.model = null;
  asked = wanted();
  byId("error").hidden = true;
  loading.start();
  showRoute();
  try {
    const model = await fetchModel(signal);
    if (signal.aborted) model.free();
    signal.throwIfAborted();
    page.model = model;
    model.onRebuilt = show;
    loading.end();
    byId("model-credit").textContent = `${model.info.title}. ${model.info.credit} ${model.info.licence}.`;
    show();
    // The CPU shows the first pictures, while the GPU compiles and proves itself.
    if (asked.backend === "auto") await model.setBackend("auto");
    if (page.model === model) showBackend();
    return model;
  } catch (error) {
    if (!signal.aborted) fail("The model did not load", error);
    throw error;
  }
}

async function fetchModel(signal) {
  const url = new URL(`../models/${asked.name}`, import.meta.url);
  const options = { signal, onProgress: loading.show };
  const backend = asked.backend === "auto" ? "cpu" : asked.backend;
  try {
    return await loadModel(url, { ...options, backend });
  } catch (error) {
    if (error.code !== "no-webgpu" || signal.aborted) throw error;
    // A link may ask for a GPU that this reader does not have; the page works all the same.
    asked.backend = "auto";
    setParams(route, { backend: null });
    return loadModel(url, { ...options, backend: "cpu" });
  }
}

/** Moves the model to the backend that the address asks for. */
function changeBackend() {
  if (!page.model) {
    load();
    return;
  }
  const before = asked;
  asked = wanted();
  page.ready = page.model.setBackend(asked.backend).then(
    () => {
      showBackend();
      return page.model;
    },
    (error) => {
      asked = before;
      setParams(route, { backend: before.backend === "auto" ? null : before.backend });
      showBackend(`${error.message} `);
      return page.model;
    },
  );
}

function fail(title, error) {
  console.info(error); // the sentence is for the reader; the cause for whoever looks closer
  unmount();
  loading.end();
  byId("error").hidden = false;
  byId("error").dataset.code = error.code ?? "";
  byId("error-title").textContent = title;
  byId("error-message").textContent = error.code ? error.message : `This should not happen, and reloading may help: ${error.message}`;
}

function unmount() {
  const view = page.view;
  page.view = null;
  view?.unmount();
  byId("view").replaceChildren();
}

/** Mounts the view afresh: a canvas belongs to the backend that drew in it first. */
function show() {
  unmount();
  const { drawable } = subjectOf(page.model.info);
  byId("nav-draw").hidden = !drawable;
  byId("view").classList.toggle("as-is", !drawable);
  if (route.view === "draw" && !drawable) {
    route = { view: "sample", params: withShared(new URLSearchParams()) };
    history.replaceState(null, "", formatHash(route.view, route.params));
  }
  const mine = route;
  page.view = VIEWS[mine.view].mount(byId("view"), {
    model: page.model,
    params: mine.params,
    setParams: (changes, options) => setParams(mine, changes, options),
    navigate,
    report: (error) => fail("The model stopped", error),
  });
  document.title = `${byId("view").querySelector("h1").textContent} · vaelet`;
  showRoute();
  showBackend();
}

/** The reader followed a link, went back, or edited the address. */
function follow() {
  const before = route;
  unmount(); // first, so that the old view can still save itself under its own address
  route = parseHash(location.hash);
  const { name, backend } = wanted();
  if (name !== asked.name || !page.model) {
    load();
    return;
  }
  show();
  if (backend !== asked.backend) changeBackend();
  if (route.view !== before.view) {
    scrollTo(0, 0);
    byId("view").querySelector("h1").focus({ preventScroll: true });
  }
}

/**
 * Writes what changed into a view's address; `null` takes a name out. A `push`
 * can be gone back from, anything else replaces the current address. A view
 * that is being left changes only the address to return to.
 */
function setParams(target, changes, { push = false } = {}) {
  const before = formatHash(target.view, target.params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) target.params.delete(name);
    else target.params.set(name, value);
  }
  const after = formatHash(target.view, target.params);
  addresses.set(target.view, after);
  const current = target === route && parseHash(location.hash).view === target.view;
  if (current && after !== before) history[push ? "pushState" : "replaceState"](null, "", after);
  showRoute();
}

function navigate(view, changes) {
  const { params } = parseHash(addresses.get(view) ?? "");
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  location.hash = formatHash(view, withShared(params));
}

function withShared(params) {
  for (const name of SHARED) {
    if (route.params.has(name)) params.set(name, route.params.get(name));
    else params.delete(name);
  }
  return params;
}

function showRoute() {
  addresses.set(route.view, formatHash(route.view, route.params));
  for (const view of Object.keys(VIEWS)) {
    const link = byId(`nav-${view}`);
    link.href = formatHash(view, withShared(parseHash(addresses.get(view) ?? "").params));
    if (view === route.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** @param {string} notice said before what is running */
function showBackend(notice = "") {
  const { backend, measured } = page.model;
  const { webgpu, cpu, adapter } = measured;
  byId("backend").value = asked.backend;
  byId("backend").dataset.running = backend;
  const time = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const names = { webgpu: `GPU${adapter ? ` (${adapter})` : ""}`, cpu: "CPU" };
  const [here, there, other] = backend === "webgpu" ? [webgpu, cpu, "cpu"] : [cpu, webgpu, "webgpu"];
  let status = `Running on your ${names[backend]}`;
  if (here !== null) status += `, ${time(here)} a picture`;
  if (there !== null) status += `; the ${names[other]} takes ${time(there)}`;
  else if (asked.backend === "auto" && cpu === null) status += " while the GPU gets ready";
  else if (asked.backend === "auto" && backend === "cpu") status += "; there is no WebGPU here";
  status = `${notice}${status}.`;
  if (byId("backend-status").textContent !== status) byId("backend-status").textContent = status;
}
