/**
 * One picture by two decoders that share their latents: the plain one, and the one that has learned
 * against a discriminator. The other model is fetched when this is opened.
 */

import { borrow } from "../../models/pool.js";
import { folderOf, library, partnerOf } from "../../models/library.js";
import { fill } from "../../parts/dom.js";
import { sizeFor } from "../../parts/picture.js";

const part = (id, title) => `<figure class="step"><figcaption>${title}</figcaption><div class="frame"><canvas id="${id}" class="ink pixels" role="img" aria-label="${title}"></canvas></div></figure>`;
const MARKUP = `<div class="pair">${part("pair-plain", "Plain")}${part("pair-sharp", "Sharpened")}</div><p class="note" id="pair-note" role="status">Loading the other network…</p>`;

/**
 * @param {HTMLElement} host
 * @param {import("../../vaelet.js").Model} model
 * @returns {Promise<{ show: (z: Float32Array) => void, renew: () => void, unmount: () => void }>}
 * @throws {Error} where the site does not have the other model, or it does not load
 */
export async function createPair(host, model) {
  const $ = fill(host, MARKUP);
  const { name, input } = model.info;
  const partner = partnerOf(name);
  const models = await library();
  const entry = models.find((one) => one.name === partner.name && one.latents === model.latentSize);
  if (!entry) throw new Error("this site does not have the other network");
  /** @type {Float32Array | null} */
  let shown = null;
  // On whatever it runs already; alone it is shown once, which the CPU does at once.
  const loan = borrow(folderOf(entry.name), undefined, { onRebuilt: () => renew() });
  const other = await loan.model;
  const [plain, sharp] = partner.isSharp ? [model, other] : [other, model];
  const draw = async () => {
    if (!shown) return;
    for (const [id, one] of Object.entries({ "pair-plain": plain, "pair-sharp": sharp })) {
      sizeFor($(id), input);
      await one.present($(id), shown);
    }
  };
  const renew = () => {
    for (const id of ["pair-plain", "pair-sharp"]) $(id).replaceWith($(id).cloneNode());
    draw();
  };
  $("pair-note").textContent = "The same numbers z in both. The plain network draws the average of all pictures that fit them. The other was trained against a second network, a critic, that tells such averages from photos: so it draws one of these pictures.";
  return {
    show(z) {
      shown = z;
      draw();
    },
    renew,
    unmount: () => loan.release(),
  };
}
