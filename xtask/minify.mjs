/**
 * Minifies scripts and styles in place. Scripts keep their names and exports. Styles are bundled with
 * their imports, so that a page fetches one file. The arguments are a folder, and paths of files or
 * folders in it.
 */

import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const [site, ...paths] = process.argv.slice(2);
const files = (await Promise.all(paths.map(below))).flat();

/** @type {import("esbuild").BuildOptions} */
const options = {
  absWorkingDir: site,
  outbase: ".",
  outdir: ".",
  allowOverwrite: true,
  minify: true,
  format: "esm",
  target: "es2022", // supported by every browser with SIMD
  charset: "utf8",
  logLevel: "warning",
};
const named = (ending) => files.filter((file) => file.endsWith(ending));

await build({ ...options, entryPoints: named(".js") });
const styles = await build({ ...options, entryPoints: named(".css"), bundle: true, metafile: true });
for (const { imports } of Object.values(styles.metafile.inputs)) {
  for (const { path, external } of imports) if (!external) await rm(join(site, path), { force: true });
}

/** @param {string} path @returns {Promise<string[]>} */
async function below(path) {
  if (!(await stat(join(site, path))).isDirectory()) return [path];
  const entries = await readdir(join(site, path));
  return (await Promise.all(entries.map((name) => below(join(path, name))))).flat();
}
