/**
 * Words and the parts of figures that they name light each other: whatever has the same `data-term` is lit while one of
 * them is pointed at, touched, or has the focus.
 */

/** @param {HTMLElement} root */
export function linkTerms(root) {
  let lit = "";
  const light = (term) => {
    if (term === lit) return;
    lit = term;
    for (const node of root.querySelectorAll("[data-term]")) node.classList.toggle("lit", term !== "" && node.getAttribute("data-term") === term);
  };
  const follow = ({ target }) => light((target instanceof Element ? target : target?.parentElement)?.closest("[data-term]")?.getAttribute("data-term") ?? "");
  for (const type of ["pointerover", "pointerdown", "focusin"]) root.addEventListener(type, follow);
  root.addEventListener("pointerleave", () => light(""));
}
