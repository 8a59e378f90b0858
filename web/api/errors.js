/** The one kind of error that the API throws, for which web/vaelet.d.ts lists the codes, and how errors of a program become one. */

/** An error with a machine-readable `code` and a sentence that says what to do. */
export class VaeletError extends Error {
  /**
   * @param {import("../vaelet.js").ErrorCode} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = "VaeletError";
    /** @type {import("../vaelet.js").ErrorCode} */
    this.code = code;
  }
}

/** Where a program's stack ends: the only variable that is exported, whatever it is called once names have been shortened. @param {WebAssembly.Exports} exports */
export function stackOf(exports) {
  return Object.values(exports).find(isVariable);
}

/** Whether an export can be assigned to. @param {unknown} value @returns {value is WebAssembly.Global} */
function isVariable(value) {
  if (!(value instanceof WebAssembly.Global)) return false;
  try {
    value.value = value.valueOf();
    return true;
  } catch {
    return false;
  }
}

/** Whether the program stopped in the middle: an array too long, no memory left, a mistake of ours. */
export function isCrash(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}

/** An error of the program as callers get it. @param {any} error */
export function understood(error) {
  if (error instanceof VaeletError) return error;
  if (isCrash(error)) {
    return new VaeletError("crashed", `The program crashed (${error.message}). The next call works again; smaller batches need less memory.`, { cause: error });
  }
  if (!error?.code || !(error instanceof Error) || error instanceof DOMException) return error;
  // A browser's own reasons go on for lines.
  const [sentence] = error.message.replace(/^th/, "Th").split(/[\s.]*\n/);
  return new VaeletError(/** @type {any} */ (error).code, `${sentence.trim()}.`, { cause: error });
}
