/** The one kind of error that the API throws; web/vaelet.d.ts lists the codes. */

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
