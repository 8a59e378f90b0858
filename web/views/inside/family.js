/**
 * Models that were trained alike but for β, side by side for one picture: what each makes of it,
 * what its KL is, and for the chosen one what it makes of other digits and of the prior.
 */

import { join } from "../../api/numbers.js";
import { folderOf } from "../../models/library.js";
import { KL, createBars, scaleFor } from "../../parts/chart.js";
import { element, fill, formatNumber } from "../../parts/dom.js";
import { examplesOf } from "../../parts/examples.js";
import { paintPicture, sizeFor } from "../../parts/picture.js";
import { createImageGrid } from "../../parts/image-grid.js";
import { borrow } from "../../models/pool.js";
import { subjectOf } from "../../models/subject.js";

/** The four on one scale: at β = 0 a single latent may take ten times as much as any at β = 1. */
const ROOT = { ...KL, y: "KL, in nats (square-root scale)", root: true };
/** Samples from N(0, I) of each member. */
const SAMPLES = 8;
/** Seed of the samples: the same random numbers in every model. */
const SEED = 7;

const MARKUP = `
  <fieldset class="members">
    <legend>Your picture at every β: as it is redrawn, the KL of each latent to 𝒩(0, 1) on one scale, and the KL to the model’s own prior</legend>
    <div id="members"></div>
  </fieldset>
  <div class="chosen-member">
    <figure class="step">
      <figcaption>Redrawn</figcaption>
      <div class="frame"><canvas id="family-reconstruction" class="ink pixels" role="img" aria-label="The reconstruction"></canvas></div>
    </figure>
    <figure class="step">
      <figcaption id="family-caption"></figcaption>
      <div id="family-bars"></div>
      <p class="note" id="family-numbers"></p>
    </figure>
  </div>
  <figure>
    <figcaption>Ten digits and their copies</figcaption>
    <div class="sheet digits-back">
      <canvas id="family-digits" class="ink pixels" role="img" aria-label="Ten digits"></canvas>
      <div id="family-backs"></div>
    </div>
  </figure>
  <figure>
    <figcaption>Made-up digits, sampled from 𝒩(0, I): the same random numbers at every β</figcaption>
    <div class="family-samples" id="family-samples"></div>
  </figure>
`;

/** Nats to one decimal place. */
const nats = (value) => formatNumber(value, 1);
const reading = ({ reconstruction, kl }) => `reconstruction ${nats(reconstruction)}, KL ${nats(kl)} nats`;

/**
 * @param {HTMLElement} host
 * @param {object} options
 * @param {import("../../models/library.js").Entry[]} options.entries in the order of β
 * @param {{ name: string, model: import("../../vaelet.js").Model }} options.own the one that is loaded already
 * @param {number} options.beta chosen to begin with
 * @param {(beta: number) => void} options.onChoose
 * @param {() => void} options.onMoved `ask` has to be asked again
 * @param {(text: string) => void} options.announce
 */
export function createFamily(host, { entries, own, beta, onChoose, onMoved, announce }) {
  const $ = fill(host, MARKUP);
  const { info, latentSize } = own.model;
  const subject = subjectOf(info);
  const paper = { ...info, ink: subject.ink };
  const members = entries.map((entry) => createMember($("members"), entry, info, latentSize));
  const bars = createBars($("family-bars"), latentSize, { ...ROOT, label: "KL of each latent to N(0, 1) in nats" });
  const loans = [];
  let chosen = members.find((member) => member.beta === beta) ?? members.find(({ name }) => name === own.name);
  /** @type {Promise<unknown> | undefined} */
  let loaded;
  let unmounted = false;
  sizeFor($("family-reconstruction"), info.input);

  const digits = examplesOf(info).flatMap(({ pixels }) => (pixels ? [pixels] : []));
  const paintDigits = () => paintRow($("family-digits"), digits, paper);
  paintDigits();
  $("family-digits").closest("figure").hidden = digits.length === 0;

  const prepare = async (member) => {
    if (member.name === own.name) {
      member.model = own.model;
    } else if (!member.model) {
      // Small networks: not worth a GPU of their own.
      const loan = borrow(folderOf(member.name), undefined, { onRebuilt: () => renew(member) });
      loans.push(loan);
      member.model = await loan.model;
    }
    member.backs ??= digits.length ? (await member.model.encode(join(digits))).mean : new Float32Array(0);
  };
  const showSamples = (member) => {
    if (member.hasSamples) return;
    member.hasSamples = true;
    const host = element("div");
    $("family-samples").children[members.indexOf(member)].append(host);
    const samples = createImageGrid(host, member.model, SAMPLES, `${SAMPLES} samples at β = ${member.beta}`);
    samples.show(member.model.sample({ seed: SEED, count: SAMPLES, prior: "normal" }));
    member.grids.push(samples);
  };
  $("family-samples").append(...members.map(({ beta }) => element("div", { className: "sheet" }, element("span", { textContent: `β = ${beta}` }))));
  /** Somebody else who shows this model had it moved, or its GPU was lost. */
  const renew = (member) => {
    if (unmounted) return;
    member.renew();
    member.grids.forEach((grid) => grid.renew());
    onMoved();
  };
  const load = () => {
    loaded ??= Promise.all(members.map(prepare)).catch((error) => {
      loaded = undefined; // so that the next picture tries again
      throw error;
    });
    return loaded;
  };

  const showChosen = () => {
    const { name, result } = chosen;
    fillGrids(chosen);
    for (const member of members) member.showGrids(member === chosen);
    if (!result) return;
    paintPicture($("family-reconstruction"), result.image, paper);
    $("family-reconstruction").setAttribute("aria-label", `The reconstruction of ${name}`);
    bars.show(result.klToStandardNormal, scale());
    $("family-caption").textContent = `KL of each latent to 𝒩(0, 1) at β = ${chosen.beta}, on the scale of all four`;
    const loss = result.temperature === 1 ? `; loss ${nats(result.reconstruction + chosen.beta * result.kl)}` : "";
    $("family-numbers").textContent = `${reading(result)}${loss}`;
  };
  const scale = () => scaleFor(members.flatMap(({ result }) => (result ? [...result.klToStandardNormal] : [])));

  for (const member of members) {
    member.radio.checked = member === chosen;
    member.radio.addEventListener("change", () => {
      chosen = member;
      showChosen();
      onChoose(member.beta);
      if (member.result) announce(`β = ${member.beta}: ${reading(member.result)}.`);
    });
  }

  // What does not depend on the picture is decoded once, when a member is first chosen.
  const fillGrids = (member) => {
    const { model } = member;
    if (member.hasCopies || !model) return;
    member.hasCopies = true;
    const host = $("family-backs").appendChild(element("div"));
    const backs = createImageGrid(host, model, Math.max(1, digits.length), `Ten digits, redrawn by the model with β = ${member.beta}`);
    backs.show(member.backs);
    member.grids.push(backs);
    member.showGrids = (visible) => {
      host.hidden = !visible;
    };
  };

  return {
    get beta() {
      return chosen.beta;
    },
    /** What each member says of the picture. @param {Float32Array} pixels */
    async ask(pixels, noise) {
      await load();
      if (unmounted) return [];
      return Promise.all(members.map(async ({ model, canvas }) => ({ ...noise, ...(await model.reconstruct(canvas(), pixels, noise)) })));
    },
    show(results) {
      members.forEach((member, i) => {
        member.result = results[i];
      });
      for (const member of members) {
        member.show(scale());
        showSamples(member);
      }
      showChosen();
    },
    /** The results shown, by β. */
    get results() {
      return Object.fromEntries(members.map(({ beta: key, result }) => [key, result]));
    },
    get idle() {
      return members.every(({ grids }) => grids.every(({ idle }) => idle));
    },
    redraw() {
      paintDigits(); // a GPU that crashed may have taken it along
      for (const { grids } of members) grids.forEach((grid) => grid.redraw());
    },
    unmount() {
      unmounted = true;
      for (const { grids } of members) grids.forEach((grid) => grid.unmount());
      for (const loan of loans) loan.release();
    },
  };
}

/** A card to choose a member by, with what it makes of the picture. */
function createMember(host, { name, beta }, info, latentSize) {
  const radio = element("input", { type: "radio", name: "beta", value: beta, id: `beta-${beta}` });
  const picture = element("canvas", { className: "live ink pixels" });
  radio.setAttribute("aria-label", `β = ${beta}`);
  sizeFor(picture, info.input);
  const frame = element("div", { className: "frame" }, picture);
  const chart = element("div");
  // Once it is chosen, all this is larger below, and there it is described.
  for (const part of [frame, chart]) part.setAttribute("aria-hidden", "true");
  const numbers = element("span", { className: "member-numbers" });
  host.append(element("label", {}, radio, element("span", { className: "member-name", textContent: `β = ${beta}` }), frame, chart, numbers));
  chart.classList.add("is-small");
  const bars = createBars(chart, latentSize, { ...ROOT, label: `KL of each latent to N(0, 1) in nats at β = ${beta}` });
  return {
    name,
    beta,
    radio,
    model: null,
    backs: null,
    result: null,
    grids: [],
    hasSamples: false,
    hasCopies: false,
    /** @param {boolean} _ whether it is the chosen one */
    showGrids(_) {},
    renew: () => frame.firstChild.replaceWith(frame.firstChild.cloneNode()),
    /** Looked up afresh: it may have been replaced. */
    canvas: () => frame.firstChild,
    show(scale) {
      bars.show(this.result.klToStandardNormal, scale);
      numbers.textContent = `${nats(this.result.kl)} nats`;
    },
  };
}

/** Pictures side by side in one canvas. */
function paintRow(canvas, pictures, paper) {
  sizeFor(canvas, paper.input, Math.max(1, pictures.length));
  pictures.forEach((pixels, i) => paintPicture(canvas, pixels, paper, i * paper.input.width));
}
