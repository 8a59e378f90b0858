/**
 * Works offline, from whole versions. The build puts `PUBLISHED` before this: a version, and the
 * SHA-256 of its files, so that each publication is another worker. It keeps its version whole before
 * it takes over, and the files of models, by their hash, as they are asked for. So it does with programs
 * beside the first, which are in the list of models and come with a new version where the last one had been used. Addresses with a version
 * in them never change; the few others come from the network first, so that a reader gets the newest
 * version, and without a network that of the last visit. Weights are kept by `api/files.js`.
 */

const { version, files, models } = PUBLISHED;
const SITE = self.registration.scope;
/** Several sites may share an origin. */
const VERSIONS = `vaelet-page ${SITE} `;
const MODELS = `vaelet-models ${SITE}`;
/** The header that remembers the hash of what is kept. */
const HASH = "x-sha256";
/** Milliseconds that the network has to answer before what is kept does. */
const PATIENCE = 4_000;
/** Milliseconds without an answer after which a version cannot be installed; it is tried again at the next visit. */
const INSTALL = 60_000;

const addressOf = (path) => new URL(path, SITE).href;
/** What stands at an address, as the lists of this version name it. */
function pathOf(url) {
  try {
    return decodeURIComponent(url.slice(SITE.length).split(/[?#]/, 1)[0]) || "index.html";
  } catch {
    return ""; // no address of ours
  }
}

addEventListener("install", (event) => event.waitUntil(install().then(() => self.skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(tidy().then(() => self.clients.claim())));

/** What the page had loaded before there was anybody to keep it, or shall be kept; or the question what is kept where it is used. */
addEventListener("message", (event) => {
  if (event.data === "list") return event.ports[0].postMessage(Object.keys(models));
  const paths = event.data.filter((url) => url.startsWith(SITE)).map(pathOf);
  const kept = Promise.allSettled(paths.filter((path) => Object.hasOwn(models, path)).map(keepModel));
  event.waitUntil(kept.then(() => event.ports[0].postMessage("kept")));
});

addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method !== "GET" || !url.startsWith(SITE)) return;
  const path = pathOf(url);
  if (Object.hasOwn(files, path)) event.respondWith(path.startsWith("v/") ? kept(path, event.request) : newest(path, event.request));
  // A page of a newer version asks for its own files.
  else if (Object.hasOwn(models, path) && [null, models[path]].includes(new URL(url).searchParams.get("sha256"))) event.respondWith(model(event, path));
});

/** Keeps every file of this version, or fails. */
async function install() {
  const cache = await caches.open(VERSIONS + version);
  await Promise.all(
    Object.entries(files).map(async ([path, hash]) => {
      if (await cache.match(addressOf(path))) return; // by an installation that was interrupted
      const response = (await inherited(path, hash)) ?? (await fetchExactly(path, hash));
      if (!response) throw new Error(`${path} is not the one of version ${version}`);
      await cache.put(addressOf(path), response);
    }),
  );
  const used = (await (await caches.open(MODELS)).keys()).map(({ url }) => nameOf(pathOf(url)));
  const programs = Object.keys(models).filter((path) => path.startsWith("v/") && used.includes(nameOf(path)));
  await Promise.allSettled(programs.map(keepModel));
}

/** The name of a file that belongs to a version. */
function nameOf(path) {
  return path.startsWith("v/") && path.split("/").at(-1);
}

/** The same contents, as an older version has kept them. */
async function inherited(path, hash) {
  for (const name of await versions()) {
    const older = path.replace(`v/${version}/`, `v/${name.slice(VERSIONS.length)}/`);
    const response = await (await caches.open(name)).match(addressOf(older));
    if (response?.headers.get(HASH) === hash) return response;
  }
  return undefined;
}

async function versions() {
  return (await caches.keys()).filter((name) => name.startsWith(VERSIONS));
}

/** Removes older versions, and files of models that this version does not have. */
async function tidy() {
  const old = (await versions()).filter((name) => name !== VERSIONS + version);
  const cache = await caches.open(MODELS);
  const spare = (await cache.keys()).filter(({ url }) => !isCurrent(url));
  await Promise.all([...old.map((name) => caches.delete(name)), ...spare.map((request) => cache.delete(request))]);
}

const keyOf = (path) => `${addressOf(path)}?sha256=${models[path]}`;
const isCurrent = (url) => keyOf(pathOf(url)) === url;

/** A file with this hash, from the browser's cache or else from the server; `null` where it has another. */
async function fetchExactly(path, hash) {
  for (const cache of ["default", "reload"]) {
    const response = await fetch(addressOf(path), { cache, signal: AbortSignal.timeout(INSTALL) });
    const found = response.ok && (await hashed(response));
    if (found && found.headers.get(HASH) === hash) return found;
  }
  return null;
}

/** The response as it is kept, with its hash. */
async function hashed(response) {
  const body = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return new Response(body, { headers: { "content-type": response.headers.get("content-type") ?? "", [HASH]: hash } });
}

/** A file of this version. */
async function kept(path, request) {
  return (await match(VERSIONS + version, addressOf(path))) ?? fetch(request);
}

/** A file whose address all versions share: the network's, or the one that is kept. */
async function newest(path, request) {
  const limit = AbortSignal.timeout(PATIENCE);
  try {
    const response = await fetch(request.url, { cache: "no-cache", signal: limit });
    const body = await response.blob();
    if (response.status < 500) return new Response(body, response);
  } catch {
    // No answer, or none in time.
  }
  return (await match(VERSIONS + version, addressOf(path))) ?? fetch(request);
}

/** A file of a model: as it is kept, or from the network while a copy is checked and kept. */
async function model(event, path) {
  const found = await match(MODELS, keyOf(path));
  if (found) return found;
  const response = await fetch(event.request);
  if (response.ok) event.waitUntil(hashed(response.clone()).then((copy) => keep(path, copy)).catch(() => {}));
  return response;
}

/** Fetches a file of a model and keeps it. */
async function keepModel(path) {
  if (await match(MODELS, keyOf(path))) return;
  const response = await fetchExactly(path, models[path]);
  if (response) await keep(path, response);
}

async function keep(path, response) {
  // A full or a broken disk is no reason to fail.
  if (response.headers.get(HASH) === models[path]) await (await caches.open(MODELS)).put(keyOf(path), response);
}

/** What is kept at an address; nothing where the cache cannot be read. */
async function match(name, url) {
  try {
    return await (await caches.open(name)).match(url);
  } catch {
    return undefined;
  }
}
