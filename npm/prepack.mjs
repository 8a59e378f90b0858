/**
 * Puts what the package holds into this folder, for `npm pack` and `npm publish`: the engine, the
 * element and its views as the page was built with them, their types, and the licences.
 */

import { existsSync, readFileSync } from "node:fs";
import { cp, readdir, rm } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("./", import.meta.url));
const REPOSITORY = fileURLToPath(new URL("../", import.meta.url));
const DIST = join(REPOSITORY, "dist");
const TYPES = ["web/vaelet.d.ts", "web/vae-let.d.ts"];
const LICENCES = ["LICENSE-APACHE", "LICENSE-MIT"];
/** The page around the player, which an article brings itself: its parts, its training, its import of files. */
const PAGE_ONLY = ["check", "element", "page", "learn", "data", "views/train", "api/import-jobs.js", "api/import-worker.js", "card.jpg", "icon.svg", "icon-192.png", "icon-512.png", "manifest.json"];
const PAGE_PROGRAMS = /^vaelet-(import|learn|learn-gpu)-web/;

const manifest = join(DIST, "version.json");
if (!existsSync(manifest)) {
  console.error(`${DIST} does not hold a built page; run \`cargo xtask build\` first.`);
  process.exit(1);
}
const BUILT = join(DIST, "v", JSON.parse(readFileSync(manifest, "utf8")).version);

// A file that has left the page must not stay in the package.
const isProgram = (name) => name.startsWith("vaelet-");
for (const name of ["web", ...(await readdir(PACKAGE)).filter(isProgram)]) await rm(join(PACKAGE, name), { recursive: true, force: true });
const web = join(BUILT, "web");
await cp(web, join(PACKAGE, "web"), { recursive: true, filter: (file) => !PAGE_ONLY.includes(relative(web, file).replaceAll(sep, "/")) });
const programs = (await readdir(BUILT)).filter((name) => isProgram(name) && !PAGE_PROGRAMS.test(name));
for (const name of programs) await cp(join(BUILT, name), join(PACKAGE, name));
for (const name of [...TYPES, ...LICENCES]) await cp(join(REPOSITORY, name), join(PACKAGE, name));
