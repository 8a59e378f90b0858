/** Inside, of texts: a text as columns of zeros and a one, its posterior, one draw from it, and the probabilities that the decoder gives. */

import { element, fill, formatNumber, oncePerFrame } from "../../parts/dom.js";
import { createPosterior } from "../../parts/posterior.js";
import { newSeed, numberParam, seedParam } from "../../parts/route.js";
import { createTemperature } from "../../parts/slider.js";
import { subjectOf } from "../../models/subject.js";
import { beginningOf, createEnd, itemParam, paramsOf } from "./end.js";
import { createWriter } from "./writer.js";

/** Symbols that are shown at each place, the likeliest first. */
const LIKELIEST = 3;
/** Less than this share is not shown. */
const LEAST = 0.005;
const WISH = { text: "machynlleth", name: "GB", known: "paracetamol" };

const markup = ({ one }, size, reads) => `
  <div class="layout">
    <div class="content inside-texts">
      <fieldset id="start"></fieldset>
      <section>
        <h2>1. What the encoder reads</h2>
        <p class="note" id="read-note"></p>
        <div class="scroll" tabindex="0" role="group" aria-label="What the encoder reads"><table class="letters" id="read"></table></div>
      </section>
      <section>
        <h2>2. ${size} numbers, each with its uncertainty</h2>
        <figure><div class="chart" id="posterior" tabindex="0" role="slider" aria-label="The numbers of the ${one}; arrow keys go from one to the next"></div>
        <p class="note arithmetic" id="number"></p></figure>
        <div id="temperature-host"></div>
        <div class="opening"><button type="button" id="draw-again">Draw z again</button></div>
      </section>
      <section>
        <h2>3. What the decoder writes</h2>
        <p class="text-large" id="back"></p>
        <p class="note">At each place it gives every symbol a probability. These are the likeliest, in percent; ⏎ ends the ${one}.</p>
        <div class="scroll" tabindex="0" role="group" aria-label="What the decoder writes"><table class="letters" id="written"></table></div>
      </section>
      <section>
        <h2>4. What it costs</h2>
        <dl class="ledger">
          <div><dt>reconstruction, −log p(x | z)</dt><dd id="reconstruction-nats">–</dd></div>
          <div><dt>+ KL to the prior</dt><dd id="kl-nats">–</dd></div>
          <div class="total"><dt>−ELBO, in nats</dt><dd id="loss-nats">–</dd></div>
        </dl>
        <p class="note" id="cost-note"></p>
      </section>
    </div>
    <div class="prose">
      <p>A ${one} is a table: a column for each place, a row for each symbol, 1 where they meet and 0 elsewhere. The last layer has a row of numbers for each
      place, and their softmax is the probability p(x | z) of each symbol there. ${reads ? `Each place also reads the symbols written before it. The cost is that of the
      right symbols, each given the right ones before it.` : "Given z the places know nothing of each other."}</p>
    </div>
  </div>`;

export const usesAtlas = () => true;

export function mount(root, { model, params, setParams, announce, report, atlas, notation }) {
  const subject = subjectOf(model.info);
  const writer = createWriter(model, notation);
  const size = model.latentSize;
  const $ = fill(root, markup(subject, size, writer.reads));
  const { symbols, end, columns } = writer.spelling;
  const state = { seed: seedParam(params, "seed", 7), temperature: numberParam(params, "temperature", 1, 0, 2), z: null, text: "", elbo: null, busy: true };
  let unmounted = false;
  let newest = 0;
  const chart = createPosterior($("posterior"), $("number"), size);
  const letter = (place) => (place === end ? "⏎" : symbols[place] === " " ? "␣" : symbols[place]);

  const draw = oncePerFrame(async () => {
    const turn = (newest += 1);
    state.busy = true;
    try {
      const { text, group } = start.item;
      const given = writer.groups.length > 0 ? { classes: group } : {};
      const epsilon = model.noise({ seed: state.seed });
      const unseen = element("canvas", { width: 1, height: 1 });
      const pixels = await model.parse(text);
      const found = await model.reconstruct(unseen, pixels, { epsilon, temperature: state.temperature, ...given });
      const { shares, text: back } = await writer.shares(found.z, group);
      if (unmounted || turn !== newest) return;
      state.z = found.z;
      chart.show({ ...found, epsilon, temperature: state.temperature });
      showRead(pixels);
      showWritten(shares, pixels);
      state.text = back;
      $("back").replaceChildren(writer.figure(back));
      const { reconstruction, kl } = found;
      state.elbo = state.temperature === 1 ? -(reconstruction + kl) : null;
      $("reconstruction-nats").textContent = formatNumber(reconstruction, 2);
      $("kl-nats").textContent = formatNumber(kl, 2);
      $("loss-nats").textContent = state.elbo === null ? "–" : formatNumber(-state.elbo, 2);
      $("cost-note").textContent =
        state.elbo === null
          ? "At a temperature other than 1, z is no draw from the posterior, and there is no ELBO."
          : `${formatNumber(-state.elbo / ([...text].length + 1), 2)} nats for each symbol, the end included.`;
      state.busy = false;
    } catch (error) {
      if (!unmounted) report(error);
    }
  });
  const showRead = (pixels) => {
    const places = Array.from({ length: columns }, (_, t) => symbols.findIndex((_symbol, v) => pixels[v * columns + t] === 1));
    $("read").replaceChildren(element("tr", {}, ...places.map((place) => element("td", { textContent: letter(place), className: place === end ? "is-end" : "" }))));
    $("read-note").textContent = `${columns} places, ${symbols.length} symbols: ${columns * symbols.length} numbers, of which ${columns} are 1. After its last ${notation?.letter ?? "letter"} each place has ⏎.`;
  };
  const showWritten = (shares, pixels) => {
    const rows = Array.from({ length: LIKELIEST }, () => element("tr"));
    for (let t = 0; t < columns; t += 1) {
      const order = [...symbols.keys()].sort((a, b) => shares[b * columns + t] - shares[a * columns + t]);
      rows.forEach((row, rank) => {
        const place = order[rank];
        const share = place === undefined ? 0 : shares[place * columns + t];
        const cell = element("td");
        if (share >= LEAST) cell.append(letter(place), element("small", { textContent: String(Math.round(100 * share)) }));
        cell.style.setProperty("--share", String(share));
        cell.classList.toggle("is-right", share >= LEAST && pixels[place * columns + t] === 1);
        row.append(cell);
      });
    }
    $("written").replaceChildren(...rows);
  };
  const say = () => requestAnimationFrame(() => announce(`Written back: ${writer.spoken(state.text)}.`));

  $("draw-again").addEventListener("click", () => {
    state.seed = newSeed();
    setParams({ seed: state.seed });
    draw();
    say();
  });
  createTemperature($("temperature-host"), "Noise", state.temperature, (value) => {
    state.temperature = value;
    setParams({ temperature: value === 1 ? null : value });
    draw();
  });
  const start = createEnd($("start"), writer, {
    model,
    id: "text",
    title: `A ${subject.one}`,
    item: itemParam(writer, params, "text", beginningOf(atlas, writer, WISH, 0)),
    onLatent: draw,
    onItem: (item) => setParams(paramsOf(writer, "text", item)),
    report,
  });

  return {
    state,
    share: () => ({ all: { ...paramsOf(writer, "text", start.item), seed: String(state.seed) } }),
    redraw: draw,
    unmount() {
      unmounted = true;
      draw.cancel();
      start.unmount();
    },
  };
}
