/**
 * The JavaScript API of vaelet: fetch a model folder, run its encoder and
 * decoder on the reader's GPU or CPU. The arithmetic lives in the wasm module;
 * what is around it in `api/`.
 */

export { VaeletError } from "./api/errors.js";
export { Model, loadModel, prepare } from "./api/model.js";
export { normalizeDrawing, normalizeStrokes } from "./api/program.js";
