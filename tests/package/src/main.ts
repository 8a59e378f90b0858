/**
 * What a user's own code does with the package: the element in the markup, the element by code, and
 * the API by itself. What came of it is left in `window.report` for run.mjs.
 */

import { type Model, VaeletError, loadModel } from "vaelet";
import "vaelet/element";
import type { Change, VaeLet } from "vaelet/element";

export interface Report {
  /** Why there is nothing else here. */
  failure?: string;
  /** Titles of the models that the elements have loaded. */
  loaded?: string[];
  /** Bytes of weights that the first element has told of, and all there are. */
  progress?: { loaded: number; total: number };
  /** Four images [N, C, H, W]. */
  pixels?: number[];
  /** What a reader has made of the first element since. */
  changes?: Change[];
}

declare global {
  interface Window {
    report?: Report;
  }
}

const DIGITS = "models/digits";

function find<E extends Element>(selector: string): E {
  const found = document.querySelector<E>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

/** The model of an element, once its view is on the page. */
function loaded(element: VaeLet): Promise<Model> {
  return new Promise((resolve, reject) => {
    element.addEventListener("load", ({ detail: { model } }) => resolve(model), { once: true });
    element.addEventListener("error", ({ detail }) => reject(detail), { once: true });
  });
}

function createElement(): VaeLet {
  const element = document.createElement("vae-let");
  element.id = "morphed";
  element.src = DIGITS;
  element.view = "morph";
  element.seed = 7;
  element.loading = "eager";
  element.backend = "cpu";
  return element;
}

async function decode(canvas: HTMLCanvasElement): Promise<Float32Array> {
  const model = await loadModel(DIGITS, { backend: "cpu" });
  const z = model.sample({ seed: 7, count: 4, temperature: 1 });
  model.present(canvas, z, { columns: 4 });
  return model.decode(z);
}

async function use(): Promise<Report> {
  const written = find<VaeLet>("vae-let");
  let progress = { loaded: 0, total: 0 };
  written.addEventListener("progress", ({ detail }) => {
    progress = detail;
  });
  const changes: Change[] = [];
  written.addEventListener("change", ({ detail }) => changes.push(detail));
  const morphed = createElement();
  find("main").append(morphed);
  const [pixels, ...models] = await Promise.all([
    decode(find<HTMLCanvasElement>("#decoded")),
    loaded(written),
    loaded(morphed),
  ]);
  return { loaded: models.map(({ info }) => info.title), progress, pixels: [...pixels], changes };
}

use()
  .catch((error: unknown): Report => ({
    failure: error instanceof VaeletError ? `${error.code}: ${error.message}` : String(error),
  }))
  .then((report) => {
    window.report = report;
  });
