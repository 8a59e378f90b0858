/**
 * Small programs that are fetched when they are first used, on the page itself: those that make sounds and
 * molecules of what a model decodes.
 */

import { VaeletError, isCrash, stackOf, understood } from "./errors.js";
import { within } from "./network.js";

/** Milliseconds that a program may take to come. */
const PATIENCE = 60_000;

/**
 * @param {() => Promise<WebAssembly.Exports>} start the glue's own
 * @param {string} what it does, for its readers: "makes sounds"
 * @param {string} file its glue, without the ending
 */
export function secondProgram(start, what, file) {
  /** @type {Promise<void> | undefined} */
  let loading;
  /** Where the program's stack ends now. @type {WebAssembly.Global} */
  let stack;
  return {
    /** Fetches it, once. @throws {VaeletError} */
    load() {
      loading ??= within(start(), PATIENCE, () => new Error("nothing came")).then(
        (exports) => {
          stack = stackOf(exports);
        },
        (cause) => {
          loading = undefined; // so that the next attempt starts afresh
          throw new VaeletError("network", `The program that ${what} (${file}.js and ${file}_bg.wasm) could not be loaded. Check the connection, and try again; if this page was published again meanwhile, reload it.`, { cause });
        },
      );
      return loading;
    },
    /** Asks it something, once it is loaded. @template T @param {() => T} question @returns {T} */
    call(question) {
      const top = stack.value;
      try {
        return question();
      } catch (error) {
        if (isCrash(error)) stack.value = top;
        throw understood(error);
      }
    },
  };
}
