/**
 * Works offline after the first visit: answers come from the network, and what has been seen
 * before from here where there is none. Weights are kept by vaelet.js, by their hash.
 */

const CACHE = "vaelet-page";
const isWeights = (url) => url.endsWith(".safetensors");

addEventListener("install", () => self.skipWaiting());
addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** What the page had loaded before there was anybody to keep it. */
addEventListener("message", (event) => {
  const own = event.data.filter((url) => url.startsWith(self.registration.scope) && !isWeights(url));
  event.waitUntil(keep(own).then(() => event.ports[0].postMessage("kept")));
});

async function keep(urls) {
  const cache = await caches.open(CACHE);
  await Promise.allSettled(urls.map((url) => cache.add(url)));
}

addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope) && !isWeights(url)) event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) cache.put(request, response.clone()).catch(() => {}); // a full disk is no reason to fail
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}
