/**
 * A model of texts as the views have it: texts of latents and latents of texts, with the class where there is one, and how
 * both are shown.
 */

import { join } from "../../api/numbers.js";
import { placesOf, readsText, sharesOf, spellingOf, textOf, symbolsOf, valuesOf } from "../../api/texts.js";
import { element } from "../../parts/dom.js";
import { classNamer } from "../../parts/class-name.js";

/** The first letters of words, with those after an apostrophe: "L'Aquila". */
const BEGINNINGS = /(?:^|[\s-])(?:\p{L}')?\p{L}/gu;
/** Passes in which what is missing of a text is written again. */
const PASSES = 2;
/** Texts that are finished at once; some end up alike. */
const CHAINS = 24;

/** A text whose words begin with capitals. @param {string} text */
export function capitalised(text) {
  return text.replace(BEGINNINGS, (letters) => letters.toUpperCase());
}

/** What texts stand for, where that is not language. @param {{ data?: { notation?: string } }} info of a model */
export async function notationOf({ data }) {
  return data?.notation ? (await import("./notation.js")).openNotation() : undefined;
}

/** @typedef {{ text: string, group: number }} Item a text, and the place of its class; 0 where there are none */
/** @typedef {ReturnType<typeof createWriter>} Writer */

/** @param {import("../../vaelet.js").Model} model @param {import("./notation.js").Notation} [notation] where texts stand for something else */
export function createWriter(model, notation) {
  const spelling = spellingOf(model.info);
  const { condition } = model.info;
  const size = model.latentSize;
  const nameOf = classNamer(condition);
  /** @type {{ name: string, title: string }[]} */
  const groups = (condition?.classes ?? []).map((name) => ({ name, title: nameOf(name) }));
  const given = (classes) => (groups.length > 0 ? { classes } : {});
  const encode = (texts, classes) => model.encode(/** @type {Float32Array} */ (join(texts.map((text) => valuesOf(spelling, placesOf(spelling, text))))), given(classes));
  const write = async (z, classes) => symbolsOf(spelling, await model.decode(z, given(classes))).map((places) => textOf(spelling, places));

  const shown = (text) => (notation ? notation.shown(text) : spelling.capitals ? capitalised(text) : text);

  return {
    spelling,
    groups,
    notation,
    /** What the classes are: "country". */
    kind: condition?.name ?? "",
    /** Where a class stands; −1 where there is none of this name. @param {string | null} name */
    groupOf: (name) => groups.findIndex((group) => group.name === name),
    /** A text as its readers write it: with capitals, where the model has none. @param {string} text */
    shown,
    /** What stands for a text on the page. @param {string} text @returns {Node | string} */
    figure: (text) => (notation ? notation.picture(text) : shown(text) || "…"),
    /** A text as a screen reader says it. @param {string} text */
    spoken: (text) => (notation ? notation.spoken(text) : shown(text)),
    /** A text as the model reads it, if it can; throws a sentence. @param {string} text */
    check: (text) => (notation ? notation.check(spelling, text.trim()) : textOf(spelling, placesOf(spelling, text.trim()))),
    /** What to say of a text that can be read. @param {string} text */
    remark: (text) => notation?.remark(text.trim()) ?? "",
    /** Texts of latents. @param {Float32Array} z @param {number | number[]} classes */
    write,
    /** Posteriors of texts. @param {string[]} texts @param {number | number[]} classes */
    encode,
    /** The probability of each symbol at each place, and the text. @param {Float32Array} z @param {number} group */
    async shares(z, group) {
      const logits = await model.decode(z, given(group));
      return { shares: sharesOf(spelling, logits), text: textOf(spelling, symbolsOf(spelling, logits)[0]), logits };
    },
    /** Whether the decoder reads what it has written, and so can go on from a beginning. */
    reads: readsText(/** @type {any} */ (model.info).decoder),
    /**
     * Texts that begin like this. The rest is written from the beginning and a latent: first one of the prior, then one of the
     * posterior of the text so far, which leads to p(z | the beginning) (Rezende et al. 2014, appendix F).
     * @param {string} beginning @param {number} group @param {number} seed
     */
    async finish(beginning, group, seed) {
      const begins = textOf(spelling, placesOf(spelling, beginning));
      const classes = Array(CHAINS).fill(group);
      const begun = (z) => model.spell(z, { begins, ...given(classes) });
      let texts = await begun(model.sample({ seed, count: CHAINS }));
      for (let pass = 0; pass < PASSES; pass += 1) {
        const { mean, logVar } = await encode(texts, classes);
        texts = await begun(model.reparameterize(mean, logVar, { seed: seed + pass }));
      }
      return [...new Set(texts)].filter((text) => text.length > begins.length);
    },
    /** Latents near one, at this distance in each direction. @param {Float32Array} z @param {number} distance @param {{ seed: number, count: number }} noise */
    near(z, distance, noise) {
      return model.noise(noise).map((value, i) => z[i % size] + distance * value);
    },
  };
}

/** A choice of classes, in the order of their names. @param {Writer} writer @param {{ id: string, chosen: number, all?: string, onChange: (group: number) => void }} options `all` is offered as −1 */
export function createGroups(writer, { id, chosen, all, onChange }) {
  const order = [...writer.groups.keys()].sort((a, b) => writer.groups[a].title.localeCompare(writer.groups[b].title));
  const options = order.map((group) => element("option", { value: String(group), textContent: writer.groups[group].title }));
  const select = element("select", { id, onchange: () => onChange(Number(select.value)) }, ...(all ? [element("option", { value: "-1", textContent: all })] : []), ...options);
  select.value = String(chosen);
  return select;
}

/** A text as a card. @param {Writer} writer @param {Item} item @param {string} tag */
export function cardOf(writer, { text, group }, tag = "div") {
  const name = element("b", { className: "text-name" }, writer.figure(text));
  const title = writer.groups[group]?.title ?? writer.notation?.nameOf(text);
  return element(tag, { className: "text-card" }, name, ...(title ? [element("small", { textContent: title })] : []));
}

/** A field for a text, with a sentence where the model cannot read it. @param {Writer} writer @param {{ id: string, label: string, value: string, onText: (text: string) => void }} options */
export function createTextField(writer, { id, label, value, onText }) {
  const input = element("input", { id, value, type: "text", autocomplete: "off", spellcheck: false, maxLength: writer.notation ? 1000 : 200 });
  input.setAttribute("autocapitalize", writer.notation ? "none" : "words");
  const problem = element("p", { className: "note", id: `${id}-problem` });
  problem.setAttribute("role", "status");
  input.setAttribute("aria-describedby", problem.id);
  const read = () => {
    try {
      writer.check(input.value);
      problem.textContent = writer.remark(input.value);
      input.removeAttribute("aria-invalid");
      onText(input.value.trim());
    } catch (error) {
      problem.textContent = error.message;
      input.setAttribute("aria-invalid", "true");
    }
  };
  input.addEventListener("input", read);
  if (writer.notation) input.placeholder = writer.notation.hint;
  const field = element("div", { className: "text-field" }, element("label", { htmlFor: id, textContent: label }), input, problem);
  return {
    element: field,
    /** @param {string} text */
    set value(text) {
      input.value = text;
      problem.textContent = "";
      input.removeAttribute("aria-invalid");
    },
    get value() {
      return input.value.trim();
    },
    read,
  };
}
