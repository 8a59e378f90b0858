/** Nodes of drawings. */

const SVG = "http://www.w3.org/2000/svg";

/** A new node of an SVG. @param {string} tag @param {object} attributes */
export function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  return node;
}

/** @param {Element} node @param {object} attributes */
export function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}
