/**
 * Work of a program beside the page: in a worker, or, where the page may not start one, on the page
 * itself. The same functions do it in both places, in slices, so that whoever asked can cancel it.
 */

import { VaeletError } from "./errors.js";

/** Milliseconds after which a worker that has said nothing counts as one that may not run. */
const START = 20_000;

/** What workers have fetched: a page's own list does not have it. @type {Set<string>} */
export const fetchedByWorkers = new Set();

/**
 * @typedef {object} Control
 * @property {AbortSignal} [signal]
 * @property {(progress: any) => void} [tell]
 *
 * @typedef {Record<string, (args: any, control: Control) => Promise<any>>} Jobs
 */

export class Remote {
  /** Goes up when everything that the program held is gone. */
  generation = 0;

  #startWorker;
  #fetchJobs;
  /** @type {Promise<Worker | null> | null} */
  #worker = null;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: unknown) => void, tell?: (progress: any) => void }>} */
  #calls = new Map();
  #number = 0;

  /**
   * @param {string} script address of the worker's script
   * @param {() => Worker} startWorker
   * @param {() => Promise<Jobs>} fetchJobs for the page itself
   */
  constructor(script, startWorker, fetchJobs) {
    this.#startWorker = URL.canParse(script) && new URL(script).origin === location.origin ? startWorker : null;
    this.#fetchJobs = fetchJobs;
  }

  /**
   * Does a job.
   * @param {string} name
   * @param {any} args what can be cloned
   * @param {Control & { transfer?: Transferable[] }} [control]
   * @throws {VaeletError}
   */
  async call(name, args, { signal, tell, transfer = [] } = {}) {
    signal?.throwIfAborted();
    const worker = await (this.#worker ??= this.#start());
    signal?.throwIfAborted();
    if (!worker) return this.#callHere(name, args, { signal, tell });
    const id = (this.#number += 1);
    return new Promise((resolve, reject) => {
      const cancel = () => {
        worker.postMessage({ cancel: id });
        this.#settle(id)?.reject(signal.reason);
      };
      const stop = () => signal?.removeEventListener("abort", cancel);
      this.#calls.set(id, {
        tell,
        resolve: (value) => {
          stop();
          resolve(value);
        },
        reject: (error) => {
          stop();
          reject(error);
        },
      });
      signal?.addEventListener("abort", cancel);
      try {
        worker.postMessage({ id, name, args }, transfer);
      } catch (error) {
        this.#settle(id)?.reject(error);
      }
    });
  }

  async #callHere(name, args, control) {
    const jobs = await this.#fetchJobs().catch((cause) => {
      throw missing(cause);
    });
    try {
      return await jobs[name](args, control);
    } catch (error) {
      if (error.code === "crashed") this.generation += 1;
      throw error;
    }
  }

  /** @returns {Promise<Worker | null>} nothing where this page may not have one */
  #start() {
    if (!this.#startWorker) return Promise.resolve(null);
    return new Promise((resolve) => {
      let worker;
      const timer = setTimeout(() => refuse(), START);
      const refuse = () => {
        clearTimeout(timer);
        worker?.terminate();
        resolve(null);
      };
      try {
        worker = this.#startWorker();
      } catch {
        refuse(); // a policy of the page
        return;
      }
      worker.onerror = (event) => {
        event.preventDefault();
        refuse();
      };
      worker.onmessage = () => {
        clearTimeout(timer);
        worker.onmessage = ({ data }) => this.#hear(data);
        worker.onerror = () => this.#fail(new VaeletError("crashed", "The worker of this program stopped. The next call starts another one."));
        resolve(worker);
      };
    });
  }

  #hear({ id, result, error, progress, fetched }) {
    for (const url of fetched ?? []) fetchedByWorkers.add(url);
    if (progress !== undefined) {
      this.#calls.get(id)?.tell?.(progress);
      return;
    }
    if (!error) {
      this.#settle(id)?.resolve(result);
      return;
    }
    const known = error.code ? new VaeletError(error.code, error.message) : Object.assign(new Error(error.message), { name: error.name });
    // What it holds after that is not to be trusted.
    if (error.code === "crashed") this.#fail(known);
    else this.#settle(id)?.reject(known);
  }

  #settle(id) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  /** Gives the worker up, and everybody who waits for it. */
  #fail(error) {
    this.generation += 1;
    this.#worker?.then((worker) => worker?.terminate());
    this.#worker = null;
    for (const id of [...this.#calls.keys()]) this.#settle(id)?.reject(error);
  }
}

function missing(cause) {
  return new VaeletError("network", "The code of this program could not be loaded. Check the connection, and try again; if this page was published again meanwhile, reload it.", { cause });
}
