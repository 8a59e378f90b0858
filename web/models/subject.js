/**
 * What a model's pictures are called, as its file says, and how they are shown: what can be drawn as
 * ink on paper, anything else as it is; and the first line of each view, which is there before the view is.
 */

/** Longest word or line that is taken from a model. */
const LONGEST = 80;

/**
 * @param {{ title: string, subject?: { one: string, many: string, unseen?: string, drawing?: string } }} info
 * @returns {{ drawable: boolean, one: string, many: string, unseen: string }} words that are safe in markup
 */
export function subjectOf({ title, subject }) {
  const { one, many, unseen, drawing } = Object(subject);
  const known = isText(one) && isText(many);
  const plural = known ? plain(many) : "pictures";
  const nobody = `${plural[0].toUpperCase()}${plural.slice(1)} that never existed`;
  return {
    drawable: known && drawing === "mnist",
    one: known ? plain(one) : "picture",
    many: plural,
    unseen: known ? (isText(unseen) ? plain(unseen) : nobody) : `${plain(title)}: pictures that never existed`,
  };
}

const isText = (value) => typeof value === "string" && plain(value) !== "";
const plain = (text) => String(text).replace(/[<>&"]/g, "").trim().slice(0, LONGEST);

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
