/** What the classes of a condition are called: countries by their names instead of their codes. */

/** @param {{ name: string } | undefined} condition @returns {(name: string) => string} */
export function classNamer(condition) {
  if (condition?.name !== "country") return (name) => name;
  const names = new Intl.DisplayNames("en", { type: "region" });
  return (code) => (/^[A-Z]{2}$/.test(code) ? (names.of(code) ?? code) : code);
}
