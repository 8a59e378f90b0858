/**
 * What becomes of files that are dropped: other people's models as vaelet's, and zip files. The reading lives in
 * the program `vaelet-import-web`, which is fetched with the first job.
 */

import start, * as glue from "../../vaelet-import-web.js";
import { VaeletError, isCrash } from "./errors.js";

/** Its classes. @type {any} */
const program = glue;
/** @type {Promise<any> | undefined} */
let loading;

function load() {
  loading ??= Promise.resolve(start()).catch((cause) => {
    loading = undefined; // so that the next attempt starts afresh
    throw new VaeletError("network", "The program for importing models (vaelet-import-web.js and vaelet-import-web_bg.wasm) could not be loaded. Check the connection, and try again; if this page was published again meanwhile, reload it.", { cause });
  });
  return loading;
}

/** Does something with files in the program, and frees them whatever happens. */
async function withFiles(sources, work) {
  await load();
  try {
    const files = new program.Files();
    for (const { name, bytes } of sources) files.add(name, bytes);
    return work(files);
  } catch (error) {
    if (!isCrash(error)) throw error.code ? new VaeletError(error.code, error.message) : error;
    throw new VaeletError("crashed", "The program stopped at these files. They may be damaged.", { cause: error });
  }
}

/** @type {import("./remote.js").Jobs} */
export const jobs = {
  /** A model of these files. */
  import: ({ sources, options }) =>
    withFiles(sources, (files) => {
      const model = files.import(JSON.stringify(options));
      return { description: model.description(), weights: model.weights(), notes: model.notes().split("\n").filter(Boolean) };
    }),

  /** These files, and those in zip files of vaelet's own folders instead of these. */
  unpack: ({ sources }) =>
    withFiles(sources, (files) => {
      const inside = files.unpack();
      return Array.from({ length: inside.count() }, (_, i) => ({ name: inside.name(i), bytes: inside.bytes(i) }));
    }),
};
