/**
 * Bundles and minifies scripts and styles in place. The scripts that pages name or fetch later keep
 * their paths and exports. The modules that they share become a few files in `web/shared/`, because each
 * file of the first view delays its first picture by some milliseconds. Styles are bundled with their
 * imports. The arguments are the site's folder, and the modules that stand beside `web/`: the glue of its programs,
 * and what is bundled here of packages.
 */

import { readFile, readdir, rm } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { rollup } from "rollup";

const [site, ...glue] = process.argv.slice(2);
/** What the page needs of packages, by the module that it becomes. @type {Record<string, string>} */
const LIBRARIES = {
  "vaelet-structures.js": `
    export { default as Parser } from "./node_modules/smiles-drawer/src/Parser.js";
    export { default as SvgDrawer } from "./node_modules/smiles-drawer/src/SvgDrawer.js";`,
};
/** Stands above smiles-drawer, as its licence asks. */
const NOTICE = `/* smiles-drawer: ${await readFile(new URL("node_modules/smiles-drawer/LICENSE.md", import.meta.url), "utf8")} */`;
/** Where the shared modules stand. */
const SHARED = "web/shared";
/** Stands before the name of a program's glue, until it is known where it is imported. */
const OUTSIDE = "outside:";
/** Scripts that no module imports: pages name them, other people's pages import them, workers start with them. */
const isEntry = (file) => /^web\/(vaelet|vae-let|page\/start|page\/main|element\/embed|.*worker)\.js$/.test(file);
/** It is no module. */
const WORKER = "web/sw.js";

for (const [outfile, contents] of Object.entries(LIBRARIES)) {
  await build({
    absWorkingDir: site,
    stdin: { contents, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    format: "esm",
    target: "es2022",
    outfile,
    plugins: [{ name: "unused", setup: leaveOut }],
    logLevel: "warning",
  });
}
const files = await below("web");
const named = (ending) => files.filter((file) => file.endsWith(ending));
const written = await bundle(named(".js").filter((file) => file !== WORKER));

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
await build({ ...options, entryPoints: [...written, WORKER, ...glue.filter((file) => !(file in LIBRARIES))] });
await build({ ...options, entryPoints: Object.keys(LIBRARIES), banner: { js: NOTICE } });
const styles = await build({ ...options, entryPoints: named(".css"), bundle: true, metafile: true });
for (const { imports } of Object.values(styles.metafile.inputs)) {
  for (const { path, external } of imports) if (!external) await rm(join(site, path), { force: true });
}

/** Heat maps over a structure, with the colours of another package, which nobody asks for. @param {import("esbuild").PluginBuild} build */
function leaveOut({ onLoad }) {
  onLoad({ filter: /smiles-drawer.src.(GaussDrawer|PixelsToSvg)\.js$/ }, () => ({ contents: "export default class {}" }));
}

/** Replaces modules by their bundles. @param {string[]} modules @returns {Promise<string[]>} paths of the bundles */
async function bundle(modules) {
  const graph = await rollup({
    input: modules.filter(isEntry).map((file) => join(site, file)),
    plugins: [{ name: "site", resolveId: glueOf, resolveImportMeta: addressOf, renderChunk: findGlue }],
    preserveEntrySignatures: "strict",
  });
  const missing = modules.filter((file) => !graph.watchFiles.includes(join(site, file)));
  if (missing.length > 0) throw new Error(`no module imports ${missing.join(", ")}, and minify.mjs does not name it as an entry`);
  for (const file of modules) await rm(join(site, file));
  const { output } = await graph.write({
    dir: site,
    entryFileNames: (chunk) => pathOf(chunk.facadeModuleId),
    chunkFileNames: (chunk) => (chunk.facadeModuleId && chunk.isDynamicEntry ? pathOf(chunk.facadeModuleId) : `${SHARED}/${chunk.name}.js`),
    manualChunks: shared(),
    hoistTransitiveImports: false,
  });
  return output.map(({ fileName }) => fileName);
}

/**
 * Which modules share a file: those of the API, those of the first view and the element, and those of
 * several other views. What a single script needs stays with it.
 */
function shared() {
  /** @type {Map<string, string[]> | undefined} by module, the scripts that need it */
  let users;
  return (id, { getModuleIds, getModuleInfo }) => {
    users ??= usersOf([...getModuleIds()], getModuleInfo);
    const scripts = users.get(id);
    if (scripts.includes(id) || scripts.length === 1) return undefined;
    if (scripts.includes("web/vaelet.js")) return "api";
    if (scripts.includes("web/page/main.js") || scripts.includes("web/views/sample/sample.js")) return "player";
    return "views";
  };
}

/** By module, the scripts that need it: entries, and modules that are fetched later. */
function usersOf(ids, getModuleInfo) {
  const users = new Map(ids.map((id) => [id, []]));
  for (const script of ids) {
    const { isEntry, dynamicImporters } = getModuleInfo(script);
    if (!isEntry && dynamicImporters.length === 0) continue;
    const needed = new Set([script]);
    for (const id of needed) {
      users.get(id)?.push(id === script ? id : pathOf(script));
      for (const imported of getModuleInfo(id)?.importedIds ?? []) needed.add(imported);
    }
  }
  return users;
}

/** The glue of a program is no part of a bundle. */
function glueOf(name) {
  const file = glue.find((one) => name.endsWith(`/${one}`));
  return file ? { id: OUTSIDE + file, external: "absolute" } : null;
}

/** Names the glue relative to the bundle. */
function findGlue(code, { fileName }) {
  return code.replaceAll(new RegExp(`${OUTSIDE}([\\w.-]+)`, "g"), (_, file) => wayTo(file, fileName));
}

/** Files beside a module are named relative to it, wherever its bundle stands. */
function addressOf(property, { chunkId, moduleId }) {
  const path = pathOf(moduleId);
  if (property !== "url" || path === chunkId) return null;
  return `new URL(${JSON.stringify(wayTo(path, chunkId))}, import.meta.url).href`;
}

/** The relative address of a file of the site from another. */
function wayTo(file, from) {
  return relative(dirname(from), file).replaceAll(sep, "/");
}

/** A module's path in the site. */
function pathOf(id) {
  return relative(site, id).replaceAll(sep, "/");
}

/** @param {string} folder @returns {Promise<string[]>} */
async function below(folder) {
  const entries = await readdir(join(site, folder), { withFileTypes: true });
  const lists = entries.map((entry) => (entry.isDirectory() ? below(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]));
  return (await Promise.all(lists)).flat();
}
