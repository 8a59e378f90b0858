/**
 * The first script of a page: fetches the program that the page's root names in `data-program`, and
 * says so where that, or a style, cannot be had. It imports nothing itself, so that it runs
 * whatever else is missing. Until it has come, a sentence in the page waits to be seen.
 */

/** Milliseconds after which a page goes on without its styles. */
const STYLES = 8_000;
/** Milliseconds after which a program that has not come counts as missing; where it comes later, it takes over. */
const PROGRAM = 30_000;

start().catch(explain);

async function start() {
  await parsed();
  // The heading in the page is that of the first view with its own model.
  if (/^#\/?(?!sample|$)|[?&]model=/.test(location.hash)) document.querySelector(".heading")?.remove();
  await styled();
  // Views look at the room that there is: the program starts once styles have made it.
  const program = import(new URL(document.documentElement.dataset.program, import.meta.url).href);
  await Promise.race([program, after(PROGRAM).then(() => Promise.reject(new Error("something is still missing")))]);
}

function after(time) {
  return new Promise((resolve) => setTimeout(resolve, time));
}

function parsed() {
  if (document.readyState !== "loading") return undefined;
  return new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
}

/** Waits for the styles of the page, and takes out those that do not come: browsers show nothing until then. */
async function styled() {
  const links = [...document.querySelectorAll("link[rel=stylesheet]")];
  const came = (link) =>
    new Promise((resolve) => {
      if (isLoaded(link)) resolve(true);
      link.addEventListener("load", () => resolve(true));
      link.addEventListener("error", () => resolve(false));
      after(STYLES).then(() => resolve(false));
    });
  const missing = (await Promise.all(links.map(async (link) => [link, await came(link)]))).filter(([, has]) => !has);
  for (const [link] of missing) link.remove();
  if (missing.length > 0) tell("The styles of this page could not be loaded, so it looks plain. Reload the page; if it happens again, check whether a content blocker stops them.");
}

function isLoaded({ sheet }) {
  try {
    return Boolean(sheet?.cssRules);
  } catch ({ name }) {
    // In a sandbox nobody may read them; in some browsers a style that is on its way has a sheet already.
    return name === "SecurityError";
  }
}

/** Says that something is missing while the page goes on without it. */
export function tell(sentence) {
  const note = Object.assign(document.createElement("p"), { className: "notice-missing", textContent: sentence });
  note.setAttribute("role", "status");
  (document.querySelector("main") ?? document.body).prepend(note);
}

/** The program has not come: says which of its scripts are missing, as far as one can ask. */
async function explain(error) {
  console.info(error);
  const notice = document.getElementById("starting");
  if (!notice) throw error; // it had taken over
  const names = (await Promise.all([...document.querySelectorAll("link[rel=modulepreload]")].map(trouble))).filter(Boolean);
  const what = names.length > 0 ? `These scripts are missing: ${names.join(", ")}.` : `The browser says: ${error.message}.`;
  document.getElementById("starting-reason").textContent = `${what} Reload the page. If it happens again, check whether a content blocker stops them, and whether the server sends them as text/javascript.`;
  notice.classList.remove("late");
}

/** What is wrong with a script, in words; nothing where it can be had. @param {HTMLLinkElement} link */
async function trouble({ href }) {
  const name = href.split("/").pop();
  try {
    const response = await Promise.race([fetch(href), after(STYLES).then(() => Promise.reject(new Error("nothing came")))]);
    const type = response.headers.get("content-type") ?? "no type";
    if (!response.ok) return `${name} (HTTP ${response.status})`;
    return /javascript|ecmascript/.test(type) ? "" : `${name} (sent as ${type.split(";")[0]})`;
  } catch {
    return `${name} (blocked, or not answered)`;
  }
}
