/**
 * Pictures of the reader's own: which sources in a view's state come from one, so that they can be
 * left out of what others get, and what the reader is told about it.
 */

/** Latents of the reader's own pictures, as an address has them. @type {Set<string>} */
const own = new Set();

/** @param {string} source of a picture of the reader's own */
export function markOwn(source) {
  own.add(source);
  return source;
}

/** A view's state without what was made of the reader's own pictures. @param {URLSearchParams} params */
export function withoutOwn(params) {
  return new URLSearchParams([...params].filter(([, value]) => !own.has(value)));
}

/**
 * What becomes of a picture of one's own.
 * @param {"link" | "nobody" | "author"} recipient who gets its latent: whoever gets a link from the reader, nobody, or the author of the page
 * @param {number} size of a latent
 * @param {string} own what it is: "photo", "recording"
 */
export function promiseOf(recipient, size, own) {
  return {
    link: `Your ${own} stays on this device. If you share a link, it holds ${size} numbers, and whoever opens it sees the picture that is redrawn from them.`,
    nobody: `Your ${own} stays on this device, and so do the ${size} numbers that the network makes of it.`,
    author: `Your ${own} stays on this device, but this page gets the ${size} numbers that the network makes of it: its author asked for them.`,
  }[recipient];
}
