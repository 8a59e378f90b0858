/**
 * Texts that stand for molecules, SELFIES: a reader sees structures, and reads and types SMILES. It is fetched with the
 * first such model.
 */

import { refused } from "../../api/arguments.js";
import { prepareMolecules, selfiesOf, smilesOf } from "../../api/molecule.js";
import { inTurn } from "../../api/slices.js";
import { placesOf } from "../../api/texts.js";
import { element } from "../../parts/dom.js";
import { structureOf } from "../../parts/structure.js";

/** Molecules that a reader may know, to begin with. */
const KNOWN = {
  aspirin: "CC(=O)Oc1ccccc1C(=O)O",
  caffeine: "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
  paracetamol: "CC(=O)Nc1ccc(O)cc1",
  ibuprofen: "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
  nicotine: "CN1CCCC1c1cccnc1",
  melatonin: "COc1ccc2[nH]cc(CCNC(C)=O)c2c1",
  lidocaine: "CCN(CC)CC(=O)Nc1c(C)cccc1C",
  vanillin: "COc1cc(C=O)ccc1O",
};
/** What both ends of a slider are, by the name of its direction. */
const SLIDERS = { oily: ["soluble", "oily"] };

/** @typedef {Awaited<ReturnType<typeof openNotation>>} Notation */

/** How texts are shown and read, once what that needs has come. */
export async function openNotation() {
  await prepareMolecules();
  const names = new Map(Object.entries(KNOWN).map(([name, smiles]) => [smilesOf(selfiesOf(smiles).text), name]));
  const nameOf = (text) => names.get(smilesOf(text)) ?? "";
  const read = (typed) => selfiesOf(KNOWN[typed.toLowerCase()] ?? typed);
  const isSpelled = (spelling, text) => {
    try {
      return placesOf(spelling, text).length > 0;
    } catch {
      return false;
    }
  };

  return {
    /** What a text is made of. */
    letter: "token",
    /** What a reader may type, in a sentence. */
    hint: `A SMILES, or ${Object.keys(KNOWN).slice(0, -1).join(", ")} or ${Object.keys(KNOWN).at(-1)}.`,
    shown: smilesOf,
    /** The name of a molecule that a reader may know. @param {string} text */
    nameOf,
    /** What a screen reader says. @param {string} text */
    spoken: (text) => nameOf(text) || smilesOf(text) || "nothing",
    /** Words for both ends of a direction. @param {string} name */
    ends: (name) => SLIDERS[name] ?? [`less ${name}`, name],
    /** SELFIES as they are, or those of a SMILES; throws a sentence. @param {import("../../api/texts.js").Spelling} spelling @param {string} typed */
    check(spelling, typed) {
      if (isSpelled(spelling, typed)) return typed;
      const { text } = read(typed);
      const tokens = text.match(/\[[^\]]*\]/g) ?? [];
      const strange = tokens.find((token) => !spelling.symbols.includes(token));
      if (strange) throw refused(`The model has not learned ${strange}, which this molecule needs; it knows the elements C, N, O, F, P, S, Cl and Br, without charges and isotopes`);
      if (tokens.length > spelling.columns) throw refused(`This molecule has ${tokens.length} SELFIES tokens, and the model reads up to ${spelling.columns}; type a smaller one`);
      return text;
    },
    /** What to say of what was typed and can be read. @param {string} typed */
    remark(typed) {
      try {
        return read(typed).lostStereo ? "How the molecule lies in space (@, / and \\) is left out: the model has not learned it." : "";
      } catch {
        return ""; // it is SELFIES
      }
    },
    /** A molecule's structure, which is drawn in a task of its own: a wall has dozens. @param {string} text */
    picture(text) {
      const smiles = smilesOf(text);
      const label = nameOf(text) || smiles || "nothing";
      const host = element("span", { className: "structure-host", title: label });
      host.dataset.smiles = smiles;
      // Then it is on the page, or has already been replaced.
      queueMicrotask(() => {
        inTurn(() => {
          if (host.isConnected) host.replaceChildren(structureOf(smiles, label));
        }).catch((error) => {
          console.info(error);
          host.textContent = smiles;
        });
      });
      return host;
    },
  };
}
