/**
 * Molecules: the SMILES of the SELFIES that a model decodes, and the SELFIES of a SMILES that a reader types. The
 * grammars live in the program `vaelet-molecule-web`.
 */

import start, * as glue from "../../vaelet-molecule-web.js";
import { secondProgram } from "./second.js";

/** Its functions. @type {any} */
const program = glue;
const { load, call } = secondProgram(start, "reads and writes molecules", "vaelet-molecule-web");

/** Fetches the program, without which nothing else here can be called. */
export { load as prepareMolecules };

/** The SMILES of SELFIES; empty where they have no atom. @param {string} selfies */
export function smilesOf(selfies) {
  return call(() => program.smiles(selfies));
}

/**
 * The SELFIES of a SMILES.
 * @param {string} smiles
 * @returns {{ text: string, lostStereo: boolean }} the tokens one after the other, and whether the SMILES says how
 *   the molecule lies in space, which they do not
 * @throws {import("./errors.js").VaeletError} where it cannot be read
 */
export function selfiesOf(smiles) {
  const found = call(() => program.selfies(smiles));
  try {
    return { text: found.text(), lostStereo: found.lost_stereo() };
  } finally {
    found.free();
  }
}
