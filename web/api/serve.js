/** The other end of `remote.js`: a worker that does jobs for its page. */

/** @param {import("./remote.js").Jobs} jobs */
export function serve(jobs) {
  /** @type {Map<number, AbortController>} */
  const running = new Map();
  let told = 0;
  addEventListener("message", async ({ data: { id, name, args, cancel } }) => {
    if (cancel !== undefined) {
      running.get(cancel)?.abort();
      return;
    }
    const abort = new AbortController();
    running.set(id, abort);
    try {
      const result = await jobs[name](args, { signal: abort.signal, tell: (progress) => postMessage({ id, progress }) });
      const files = performance.getEntriesByType("resource").map((entry) => entry.name);
      postMessage({ id, result, fetched: files.slice(told) });
      told = files.length;
    } catch (error) {
      postMessage({ id, error: { code: error.code, name: error.name, message: error.message } });
    } finally {
      running.delete(id);
    }
  });
  postMessage("ready");
}
