/**
 * What a model's pictures are called, and how they are shown: digits as ink on paper, anything
 * else as it is; and the first line of each view, which is there before the view is.
 */

import { isDrawable } from "./library.js";

/**
 * @param {import("./vaelet.js").ModelInfo} info
 * @returns {{ drawable: boolean, one: string, many: string, unseen: string }}
 */
export function subjectOf(info) {
  if (isDrawable(info)) return { drawable: true, one: "digit", many: "digits", unseen: "Digits nobody wrote" };
  if (/portrait|face|avatar/i.test(`${info.name} ${info.title}`)) {
    return { drawable: false, one: "face", many: "faces", unseen: "Faces that never existed" };
  }
  return { drawable: false, one: "picture", many: "pictures", unseen: `${info.title}, imagined` };
}

const HEADINGS = {
  sample: ({ unseen }) => unseen,
  draw: ({ one }, latents) => `Draw a ${one}, get it back from ${latents} numbers`,
  morph: ({ one }) => `From one ${one} to another`,
  map: ({ many }) => `A map of ${many}`,
  edit: ({ one }) => `Change a ${one}`,
  inside: ({ one }) => `From a ${one} to its copy, step by step`,
};

/** @param {string} view @param {ReturnType<typeof subjectOf>} subject @param {number} latents how many there are */
export function headingOf(view, subject, latents) {
  return HEADINGS[view](subject, latents);
}
