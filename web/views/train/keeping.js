/** What was trained as a model: kept in this browser, saved as a folder, opened, renamed and deleted. */

import { element } from "../../parts/dom.js";
import { save } from "../../parts/picture.js";
import { zipOf } from "../../parts/zip.js";
import { filesOf, forgetModel, keepModel, keptModels, renameModel } from "../../models/kept.js";
import { suited } from "../../models/library.js";
import { keptBeginnings } from "./further.js";

/** Views that a kept model opens in. */
const VIEWS = [["sample", "Sample"], ["draw", "Draw"], ["morph", "Morph"], ["map", "Map"], ["inside", "Inside"]];

/**
 * @param {(id: string) => any} $
 * @param {object} options
 * @param {{ ask: (action: string, options?: object) => Promise<any> }} options.learner
 * @param {() => import("./data.js").Data | null} options.facts
 * @param {() => string} options.address of these settings
 * @param {(beginnings: import("./further.js").Beginning[]) => void} options.onList what training can go on from
 * @param {(beginning: import("./further.js").Beginning) => void} options.onFurther when a model should be trained further
 */
export function createKeeping($, { learner, facts, address, onList, onFurther }) {
  const say = (text) => {
    $("kept-status").textContent = text;
  };
  const titleOf = () => $("name").value.trim() || "My model";

  async function made() {
    const { credit, licence, name: data } = facts();
    return learner.ask("files", { name: "trained", title: titleOf(), data, licence, credit });
  }

  $("keep").addEventListener("click", async () => {
    try {
      const { description, weights } = await made();
      await keepModel(description, { "weights.safetensors": weights }, titleOf());
      await list();
      say(`“${titleOf()}” is kept in this browser. Open it below.`);
    } catch (error) {
      say(error.message);
    }
  });
  $("save").addEventListener("click", async () => {
    try {
      const { description, weights } = await made();
      saveFolder(titleOf(), { "model.json": description, "weights.safetensors": weights });
      say("Unpack the zip beside your article. README.txt in it has the two lines that show the model there.");
    } catch (error) {
      say(error.message);
    }
  });
  $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(address());
      say("The link is copied. It holds these settings and the seed, and none of your pictures.");
    } catch {
      say(`This browser does not let the page copy. The link is the address of this page: ${address()}`);
    }
  });

  /** Shows the models that are kept. */
  async function list() {
    const [models, beginnings] = await Promise.all([keptModels(), keptBeginnings(learner)]);
    $("kept-section").hidden = models.length === 0;
    $("kept").replaceChildren(...models.map((model) => itemOf(model, beginnings.find(({ name }) => name === model.name))));
    onList(beginnings);
  }

  function itemOf(model, beginning) {
    const { name, title, latents, bytes } = model;
    const links = VIEWS.filter(([view]) => suited([model], view).length > 0).map(([view, label]) => element("a", { href: `#/${view}?model=${encodeURIComponent(name)}`, textContent: label }));
    const button = (text, action) => {
      const node = element("button", { type: "button", textContent: text });
      node.addEventListener("click", () => Promise.resolve(action()).catch((error) => say(error.message)));
      return node;
    };
    const rename = button("Rename", () => {
      const field = element("input", { type: "text", value: title, maxLength: 60 });
      field.setAttribute("aria-label", `New name of ${title}`);
      const done = button("Save name", async () => {
        await renameModel(name, field.value);
        await list();
      });
      rename.replaceWith(field, done);
      field.focus();
    });
    const remove = button("Delete", async () => {
      await forgetModel(name);
      await list();
      say(`“${title}” is deleted.`);
    });
    const saveIt = button("Save (zip)", async () => saveFolder(title, await filesOf(name)));
    const further = beginning ? [button("Train further", () => onFurther(beginning))] : [];
    const facts = element("span", { className: "note", textContent: `${latents} numbers, ${(bytes / 1e6).toFixed(1)} MB` });
    return element("li", {}, element("b", { textContent: title }), facts, element("span", { className: "train-links" }, ...links), element("span", { className: "row" }, ...further, rename, saveIt, remove));
  }

  return { list };
}

/** Hands a model's folder to the reader as one file. @param {string} title @param {Record<string, Uint8Array | string>} files */
function saveFolder(title, files) {
  const folder = title.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "") || "model";
  const script = new URL("../../vae-let.js", import.meta.url);
  const site = script.href.replace(/v\/[0-9a-f]{16}\/web\//, "web/");
  const readme = `This folder is a model: a variational autoencoder that was trained in a browser.\n\nPut the folder beside a page, and these two lines into it:\n\n<script type="module" src="${site}"></script>\n<vae-let src="${folder}" view="sample"></vae-let>\n\nviews: sample, morph, map, inside, and draw for signs and digits.\n`;
  const all = Object.entries({ ...files, "README.txt": readme }).map(([name, contents]) => /** @type {[string, Uint8Array]} */ ([`${folder}/${name}`, typeof contents === "string" ? new TextEncoder().encode(contents) : contents]));
  save(new Blob([/** @type {BlobPart} */ (zipOf(all))], { type: "application/zip" }), `${folder}.zip`);
}
