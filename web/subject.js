/**
 * What a model's pictures are: digits, which a reader can draw and which are shown as ink
 * on paper, or anything else, which is shown as it is.
 */

/**
 * @param {import("./vaelet.js").ModelInfo} info
 * @returns {{ drawable: boolean, one: string, many: string, heading: string }}
 */
export function subjectOf({ title, likelihood, input }) {
  const { channels, width, height } = input;
  const drawable = likelihood.kind === "bernoulli" && channels === 1 && width === 28 && height === 28;
  if (drawable) return { drawable, one: "digit", many: "digits", heading: "Digits nobody wrote" };
  return { drawable, one: "picture", many: "pictures", heading: `${title}, imagined` };
}
