/**
 * What a model's pictures are called, and how they are shown: digits as ink on paper, anything
 * else as it is.
 */

import { isDrawable } from "./library.js";

/**
 * @param {import("./vaelet.js").ModelInfo} info
 * @returns {{ drawable: boolean, one: string, many: string, heading: string }}
 */
export function subjectOf(info) {
  if (isDrawable(info)) return { drawable: true, one: "digit", many: "digits", heading: "Digits nobody wrote" };
  if (/portrait|face|avatar/i.test(`${info.name} ${info.title}`)) {
    return { drawable: false, one: "face", many: "faces", heading: "Faces that never existed" };
  }
  return { drawable: false, one: "picture", many: "pictures", heading: `${info.title}, imagined` };
}
