/**
 * Works offline: answers come from the network, and what has been seen before from here where
 * there is none. Weights are kept by api/files.js, by their hash.
 */

const CACHE = "vaelet-page";
const isOurs = (url) => url.startsWith(self.registration.scope) && !url.endsWith(".safetensors");

addEventListener("install", () => self.skipWaiting());
addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** What the page had loaded before there was anybody to keep it. */
addEventListener("message", (event) => {
  const kept = caches.open(CACHE).then((cache) => Promise.allSettled(event.data.filter(isOurs).map((url) => cache.add(url))));
  event.waitUntil(kept.catch(() => {}).then(() => event.ports[0].postMessage("kept")));
});

addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && isOurs(url)) event.respondWith(answer(event.request));
});

async function answer(request) {
  try {
    const response = await fetch(request);
    if (response.ok) keep(request, response.clone());
    return response;
  } catch (error) {
    const kept = await caches.match(request, { cacheName: CACHE, ignoreSearch: true, ignoreVary: true }).catch(() => undefined);
    if (kept) return kept;
    throw error;
  }
}

async function keep(request, response) {
  try {
    await (await caches.open(CACHE)).put(request, response);
  } catch {
    // A full or a broken disk is no reason to fail.
  }
}
