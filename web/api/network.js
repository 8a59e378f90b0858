/**
 * Fetching, with an end to every wait: there is no limit to how long a file takes, but to how long
 * nothing of it comes. Every failure is a sentence that a person can act on.
 */

import { VaeletError } from "./errors.js";
import { join } from "./numbers.js";

/** Milliseconds without a byte after which a file counts as missing. */
export const STALL = 20_000;
/** Milliseconds in which a server has to say whether it is there at all. */
const PROBE = 5_000;

/**
 * A file, whole.
 *
 * @param {URL} url
 * @param {object} [options]
 * @param {AbortSignal} [options.signal]
 * @param {RequestCache} [options.cache]
 * @param {Record<string, string>} [options.headers]
 * @param {number} [options.patience] milliseconds without a byte
 * @param {number} [options.most] bytes; more are not read
 * @param {(loaded: number) => void} [options.onBytes]
 * @returns {Promise<{ bytes: Uint8Array, type: string }>} `type` is what the server calls it
 * @throws {VaeletError} or the signal's reason
 */
export async function fetchFile(url, { signal, cache, headers, patience = STALL, most = Infinity, onBytes } = {}) {
  signal?.throwIfAborted();
  const abort = new AbortController();
  const giveUp = () => abort.abort();
  signal?.addEventListener("abort", giveUp);
  const policy = watchPolicy();
  let stalled = false;
  let timer = 0;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      giveUp();
    }, patience);
  };
  try {
    wait();
    const response = await fetch(url, { signal: abort.signal, cache, headers });
    if (!response.ok) throw answered(url, response.status);
    const chunks = [];
    let loaded = 0;
    const reader = response.body.getReader();
    for (;;) {
      wait();
      const { done, value } = await reader.read();
      if (done) break;
      loaded += value.length;
      if (loaded > most) throw new VaeletError("oversized", `${url.pathname} has more than the ${most} bytes that model.json gives it. Publish the weights and the model.json of the same export.`);
      chunks.push(value);
      onBytes?.(loaded);
    }
    return { bytes: join(chunks), type: response.headers.get("content-type") ?? "" };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof VaeletError) throw error;
    if (stalled) throw new VaeletError("stalled", `No data of ${url.pathname} arrived for ${Math.round(patience / 1000)} seconds. Check the connection and try again.`, { cause: error });
    clearTimeout(timer);
    throw await failure(url, error, policy);
  } finally {
    clearTimeout(timer);
    policy.end();
    signal?.removeEventListener("abort", giveUp);
    giveUp(); // what is still to come is not wanted
  }
}

/** The text of a file; a mark of its byte order is taken away. @param {Uint8Array} bytes @throws {VaeletError} */
export function textOf(url, bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new VaeletError("bad-model", `${url.pathname} is not UTF-8. Save it in that encoding.`, { cause });
  }
}

/** What a promise brings, unless that takes longer than `patience` milliseconds. @template T @param {Promise<T>} promise @param {() => Error} error */
export function within(promise, patience, error) {
  let timer = 0;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(error()), patience);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

function answered(url, status) {
  return new VaeletError("not-found", `${url.pathname} could not be loaded (HTTP ${status}). Check that the model folder was published with the page.`);
}

/** Notices what the page's own policy refuses while something is fetched; the browser tells nobody else. */
function watchPolicy() {
  const refused = new Set();
  const note = ({ effectiveDirective, blockedURI }) => effectiveDirective === "connect-src" && refused.add(originOf(blockedURI));
  document.addEventListener("securitypolicyviolation", note);
  return {
    refuses: (url) => refused.has(url.origin),
    end: () => document.removeEventListener("securitypolicyviolation", note),
  };
}

function originOf(address) {
  return URL.canParse(address) ? new URL(address).origin : address;
}

/** Why there was no answer, as far as a page can find out. */
async function failure(url, cause, policy) {
  const error = (code, sentence) => new VaeletError(code, sentence, { cause });
  await new Promise((resolve) => setTimeout(resolve)); // events of the policy come after the failure
  if (policy.refuses(url)) return error("policy", `The policy of this page (Content-Security-Policy, connect-src) does not allow it to fetch from ${url.origin}. Allow that address there, or publish the model beside the page.`);
  if (isInsecure(location, url)) {
    return error("insecure", `This page came over https, and browsers do not let such a page fetch from ${url.origin}, which is http. Publish the model over https.`);
  }
  if (url.origin === location.origin || !/^https?:$/.test(url.protocol)) return error("network", offline() || `The connection failed while fetching ${url.pathname}. Check it and try again.`);
  // An answer that pages may not read still says that the server is there.
  const isThere = await within(fetch(url, { mode: "no-cors" }), PROBE, () => new Error("nothing came")).then(() => true, () => false);
  if (isThere) return error("cors", `The server at ${url.origin} answers, but does not let other sites' pages read ${url.pathname}. It has to send the header Access-Control-Allow-Origin, also with what is missing; check the address as well.`);
  return error("network", offline() || `The connection to ${url.origin} failed while fetching ${url.pathname}. Check the address and the connection, and try again.`);
}

/** Whether browsers refuse this because the page came over https and this would not; a machine's own servers are not refused. @param {URL | Location} page @param {URL} url */
export function isInsecure(page, url) {
  const isOwn = /^(.+\.)?localhost$|^127(\.\d+){3}$|^\[::1\]$/.test(url.hostname);
  return page.protocol === "https:" && url.protocol === "http:" && !isOwn;
}

function offline() {
  return navigator.onLine ? "" : "This machine is not connected to a network. Connect it and try again.";
}
