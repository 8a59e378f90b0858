/**
 * Other people's models, dropped on the page: they are imported here, and what a file does not say is asked. A
 * folder of vaelet's own is taken as it is. Nothing is sent.
 */

import { VaeletError } from "../api/errors.js";
import { Remote } from "../api/remote.js";
import { keepModel, keptModels } from "../models/kept.js";
import { element, fill } from "../parts/dom.js";
import { save } from "../parts/picture.js";
import { zipOf } from "../parts/zip.js";

const remote = new Remote(
  import.meta.url,
  () => new Worker(new URL("../api/import-worker.js", import.meta.url), { type: "module" }),
  async () => (await import("../api/import-jobs.js")).jobs,
);

const MARKUP = `
  <h2 id="import-title">Your model</h2>
  <p id="import-status" role="status"></p>
  <ul id="import-notes"></ul>
  <form id="import-form" hidden>
    <div class="import-fields">
      <label for="import-shape">Image size</label>
      <span><input type="text" id="import-shape" size="10" placeholder="1,28,28" aria-describedby="import-shape-help"> <small id="import-shape-help">channels, height, width</small></span>
      <label for="import-activation">Hidden layers</label>
      <select id="import-activation"><option value="">ReLU</option><option value="silu">SiLU</option><option value="gelu">GELU</option><option value="elu">ELU</option><option value="softplus">softplus</option><option value="tanh">tanh</option><option value="leaky_relu">leaky ReLU</option></select>
      <label for="import-last">Last layer</label>
      <select id="import-last"><option value="">sigmoid</option><option value="tanh">tanh</option><option value="none">none</option></select>
    </div>
    <details id="import-more">
      <summary>More that a file may not say</summary>
      <div class="import-fields">
        <label for="import-second">The encoder’s second output</label>
        <select id="import-second"><option value="">as its name says</option><option value="log-var">log σ²</option><option value="log-std">log σ</option><option value="sigma">σ itself</option></select>
        <label class="wide"><input type="checkbox" id="import-second-first"> It comes before the mean</label>
        <label for="import-range">Values of black and white</label>
        <input type="text" id="import-range" size="6" placeholder="0,1">
        <label for="import-latent">Number of latents</label>
        <input type="text" id="import-latent" size="6" inputmode="numeric">
        <label for="import-outputs">Names of the outputs</label>
        <input type="text" id="import-outputs" size="14">
        <label for="import-like" class="wide">A description of the layers (docs/import.md says how)</label>
        <textarea id="import-like" class="wide" rows="6" spellcheck="false"></textarea>
      </div>
    </details>
    <p class="row"><button type="submit" class="primary">Import</button></p>
  </form>
  <p class="row">
    <button type="button" id="import-save" hidden>Save as a folder (zip)</button>
    <button type="button" id="import-close">Close</button>
  </p>
`;

/**
 * The dialog; gives what imports files.
 * @param {(name: string, kept: import("../models/library.js").Entry[]) => void} open shows a model, of all that are kept now
 */
export function createImporter(open) {
  const dialog = element("dialog", { id: "import-dialog" });
  dialog.setAttribute("aria-labelledby", "import-title");
  const $ = fill(dialog, MARKUP);
  document.body.append(dialog);
  /** @type {{ name: string, bytes: Uint8Array }[]} */
  let sources = [];
  let title = "";
  /** @type {{ name: string, bytes: Uint8Array }[]} */
  let made = [];
  let number = 0;

  const options = () => {
    const numbers = (id, count) => {
      const list = $(id).value.split(",").map(Number);
      return list.length === count && list.every(Number.isFinite) ? list : null;
    };
    return {
      name: "own",
      title,
      shape: numbers("import-shape", 3),
      range: numbers("import-range", 2),
      second: $("import-second").value,
      secondFirst: $("import-second-first").checked,
      activation: $("import-activation").value,
      last: $("import-last").value,
      latent: Number($("import-latent").value) || null,
      outputs: $("import-outputs").value,
      like: $("import-like").value.trim(),
      credit: `Imported from ${sources.map(({ name }) => name).join(", ").slice(0, 200)} in this browser`,
    };
  };

  /** @param {() => Promise<{ files: { name: string, bytes: Uint8Array }[], notes: string[] }>} work */
  const attempt = async (work) => {
    const mine = (number += 1);
    $("import-status").textContent = "Reading the files…";
    $("import-notes").replaceChildren();
    $("import-save").hidden = true;
    dialog.close();
    dialog.showModal();
    try {
      const { files, notes } = await work();
      if (mine !== number) return;
      made = files;
      const { "model.json": description, ...others } = Object.fromEntries(files.map(({ name, bytes }) => [name, bytes]));
      const name = await keepModel(new TextDecoder().decode(description), others, title);
      $("import-form").hidden = true;
      $("import-status").textContent = `“${title}” is open, and kept in this browser. Nothing was sent.`;
      $("import-notes").replaceChildren(...notes.map((note) => element("li", { textContent: note })));
      $("import-save").hidden = false;
      // The model behind it can be used at once.
      dialog.close();
      dialog.show();
      open(name, await keptModels());
    } catch (error) {
      if (mine !== number) return;
      const [sentence, ...guess] = error.code ? error.message.split("\n") : [`Something went wrong. (${error.message})`];
      $("import-status").textContent = sentence;
      if (error.code === "confirm") $("import-like").value = guess.join("\n");
      const asksForSize = error.code === "ask" && /how large its images/.test(sentence);
      $("import-more").open = !asksForSize;
      $("import-form").hidden = !["ask", "confirm", "unsupported"].includes(error.code);
      $(asksForSize ? "import-shape" : "import-second").focus();
    }
  };

  const convert = async () => {
    const { description, weights, notes } = await remote.call("import", { sources, options: options() });
    return { files: [{ name: "model.json", bytes: new TextEncoder().encode(description) }, { name: "weights.safetensors", bytes: weights }], notes };
  };

  $("import-form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(convert);
  });
  $("import-close").addEventListener("click", () => dialog.close());
  $("import-save").addEventListener("click", () => {
    const folder = title.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").toLowerCase() || "model";
    save(new Blob([/** @type {BlobPart} */ (zipOf(made.map(({ name, bytes }) => [`${folder}/${name}`, bytes])))], { type: "application/zip" }), `${folder}.zip`);
  });

  /** @param {{ name: string, file: File }[]} dropped names with their folders */
  return (dropped) => {
    $("import-form").reset();
    $("import-form").hidden = true;
    return attempt(async () => {
      const read = await Promise.all(dropped.map(async ({ name, file }) => ({ name, bytes: new Uint8Array(await file.arrayBuffer()) })));
      sources = read.some(({ name }) => /\.zip$/i.test(name)) ? await remote.call("unpack", { sources: read }) : read;
      title = titleOf(sources);
      return (await ownFolder(sources)) ?? convert();
    });
  };
}

/** What a model is called by its files: the folder, or the file. */
function titleOf(sources) {
  const main = sources.find(({ name }) => !/\.(data|bin)$/i.test(name)) ?? sources[0];
  const [folder, file] = main.name.split("/").slice(-2);
  const text = (file === undefined || !/^(model|weights|vae|encoder|decoder)\b/i.test(file) ? (file ?? folder) : folder).replace(/\.[a-z0-9]+$/i, "");
  return text.replace(/[-_]+/g, " ").trim().slice(0, 60) || "My model";
}

/** The files of a folder of vaelet's own; nothing where these are none. */
async function ownFolder(sources) {
  const named = (name) => sources.find((source) => source.name.split("/").at(-1) === name);
  const description = named("model.json");
  if (!description) return undefined;
  let info;
  try {
    info = JSON.parse(new TextDecoder().decode(description.bytes));
  } catch {
    return undefined; // the importer says what is wrong
  }
  if (!String(info?.format).startsWith("vaelet/")) return undefined;
  const weights = named(String(info.weights?.file));
  if (!weights) throw new VaeletError("bad-input", `model.json needs ${String(info.weights?.file).slice(0, 60)} beside it. Drop both together.`);
  const folder = description.name.slice(0, -"model.json".length);
  const files = sources.filter(({ name }) => name.startsWith(folder)).map(({ name, bytes }) => ({ name: name.slice(folder.length), bytes }));
  return { files, notes: [] };
}

/** The files in what was dropped, those of folders with the folder's name. @param {File[]} dropped @param {any[]} entries @returns {Promise<{ name: string, file: File }[]>} */
export async function filesIn(dropped, entries) {
  const files = dropped.map((file) => ({ name: file.name, file }));
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const found = [];
  const walk = async (entry, depth) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ name: entry.fullPath.replace(/^\//, ""), file });
    } else if (depth < 3) {
      const reader = entry.createReader();
      for (;;) {
        const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (part.length === 0) break;
        for (const inner of part) await walk(inner, depth + 1);
        if (found.length > 200) return;
      }
    }
  };
  for (const entry of entries.filter(Boolean)) await walk(entry, 0);
  return found;
}
