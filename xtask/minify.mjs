/**
 * Makes scripts and styles small, each in its place and under its name: what imports a module
 * finds the same exports. Arguments are a folder, and paths in it of files or of folders.
 */

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const [site, ...paths] = process.argv.slice(2);
const files = (await Promise.all(paths.map(below))).flat();

await build({
  absWorkingDir: site,
  entryPoints: files.filter((file) => /\.(js|css)$/.test(file)),
  outbase: ".",
  outdir: ".",
  allowOverwrite: true,
  minify: true,
  format: "esm",
  target: "es2022", // which every browser knows that has SIMD
  charset: "utf8",
  logLevel: "warning",
});

/** @param {string} path @returns {Promise<string[]>} */
async function below(path) {
  if (!(await stat(join(site, path))).isDirectory()) return [path];
  const entries = await readdir(join(site, path));
  return (await Promise.all(entries.map((name) => below(join(path, name))))).flat();
}
