/**
 * The page `#/train`: pictures, a network, and training before the reader's eyes. A worker trains, this shows. What
 * was drawn and what was learned survive a reload, and what was trained is a model like any other.
 */

import { loadProgram } from "../../api/program.js";
import { library } from "../../models/library.js";
import { acceptFiles } from "../../parts/drop.js";
import { KL, createBars, scaleFor } from "../../parts/chart.js";
import { createAnnouncer, element, fill, formatNumber, oncePerFrame } from "../../parts/dom.js";
import { sayBalance } from "./balance.js";
import { createDrawings } from "./drawings.js";
import { createCurve, createHistory, drawCloud, mainAxes, paintRows, rowsOf, sayUsed } from "./charts.js";
import { dataOfDrawings, dataOfFiles, fetchDigits, pictureOf } from "./data.js";
import { showFollowed } from "./followed.js";
import { showBeginnings, tensorsOf } from "./further.js";
import { createKeeping } from "./keeping.js";
import { createLearner } from "./learner.js";
import { MARKUP } from "./markup.js";
import { forgetCheckpoint, keepCheckpoint, keptCheckpoint } from "./saved.js";
import { addressOf, createForm, identityOf, numbersOf, readSettings } from "./settings.js";
import { CLOUD, SHOWN, SIDE } from "./sizes.js";

/** Least pictures to learn from. */
const LEAST = 20;
/** Milliseconds for which each stage of a slow step is lit. */
const STAGE = 900;
/** Opened pictures that are shown. */
const CONTACT = 40;

/** @param {HTMLElement} root @param {URLSearchParams} params */
export async function mount(root, params) {
  await addStyles();
  document.title = "Train · vaelet";
  const $ = fill(root, MARKUP);
  const announce = createAnnouncer($("status").parentNode.appendChild(element("p", { className: "visually-hidden", ariaLive: "polite" })));
  let settings = readSettings(params);
  /** @type {import("./data.js").Data | null} */
  let data = null;
  /** @type {import("./data.js").Data | null} */
  let opened = null;
  /** The settings and pictures that the worker's run began with. @type {string | null} */
  let running = null;
  let isRunning = false;
  /** Whether a reload goes on exactly here. */
  let isKept = false;
  let busy = false;
  let slowly = 0;
  /** @type {any} */
  let pictures = null;
  /** The pictures that are on the page. @type {any} */
  let painted = null;
  /** @type {any} */
  let latest = null;
  const history = createHistory();

  const learner = createLearner({
    onSteps(event) {
      history.add(event.losses);
      latest = event;
      draw();
    },
    onPictures(event) {
      pictures = event;
      draw();
    },
    onCheckpoint: (bytes) => keepCheckpoint(bytes, running ?? ""),
    onDevice(text) {
      $("device-status").textContent = text;
    },
    onStopped: stopped,
  });
  const drawings = createDrawings($, {
    onChange() {
      showKeys();
    },
  });
  const keeping = createKeeping($, { learner, facts: () => data, address: () => new URL(addressOf(settings), location.href).href, onList(found) {
    beginnings = found;
    offer();
  }, onFurther(beginning) {
    form.begin(beginning);
    $("run").focus();
  } });
  const form = createForm($, settings, change);

  /** What a run belongs to: its pictures count too. */
  const identity = () => `${identityOf(settings)} ${countOf()}`;
  const countOf = () => ({ digits: 0, drawings: drawings.list.length, pictures: opened ? opened.pixels.length : 0 })[settings.data];
  const isInk = () => data.sides[0] === 1;

  function change(next, isPace) {
    const beginning = beginnings.find(({ name }) => name === next.from);
    if (beginning && next.from !== settings.from && next.network + next.latents !== beginning.network + beginning.latents) {
      form.begin(beginning);
      return;
    }
    settings = next;
    offer();
    window.history.replaceState(null, "", addressOf(settings));
    if (isPace && running) {
      learner.ask("pace", { rate: settings.rate, beta: settings.beta, free: 0 }).catch(report);
      learner.ask("device", { backend: settings.backend }).catch(report);
    }
    showKeys();
  }

  /** Models that training can go on from. @type {import("./further.js").Beginning[]} */
  let beginnings = [];
  const offer = () => showBeginnings($("from"), beginnings, settings);

  /** Gets the pictures that are chosen. */
  async function gather() {
    if (settings.data === "drawings") return dataOfDrawings(drawings.list);
    if (settings.data === "pictures") {
      if (!opened) throw new Error("Open some pictures first: files, or a folder of them.");
      return opened;
    }
    say("The digits are on their way.");
    return fetchDigits((share) => say(`The digits are on their way: ${Math.round(100 * share)} %.`));
  }

  /** Makes sure that the worker has a run of these settings: the one it has, the one that was kept, or a new one. */
  async function prepare() {
    const pace = { rate: settings.rate, beta: settings.beta, free: 0 };
    if (running === identity()) {
      await learner.ask("pace", pace);
      return;
    }
    if (settings.data === "drawings" && drawings.list.length < LEAST) throw new Error(`${drawings.list.length} drawings are not enough to learn from; draw at least ${LEAST}.`);
    data = await gather();
    const { pixels, heldOut, sides, one, many } = data;
    const whole = { heldOut, sides, one, many, judge: settings.judge };
    const kept = await keptCheckpoint();
    history.clear();
    pictures = painted = latest = null;
    if (kept?.settings === identity()) {
      try {
        latest = await learner.ask("restore", { checkpoint: kept.bytes, pixels, ...whole });
        await learner.ask("pace", pace);
        running = identity();
        return;
      } catch (error) {
        console.info(error); // a checkpoint of another version: training starts anew
      }
    }
    await forgetCheckpoint();
    const tensors = settings.from ? await tensorsOf(settings, learner) : [];
    latest = await learner.ask("start", { pixels, numbers: numbersOf(settings, data), tensors, ...whole });
    running = identity();
  }

  /** Does something with the run, unless something is being done. @param {() => Promise<void>} action */
  async function doing(action) {
    if (busy) return;
    busy = true;
    $("problem").hidden = true;
    showKeys();
    try {
      await prepare();
      await action();
    } catch (error) {
      report(error);
    } finally {
      busy = false;
      showKeys();
      draw();
    }
  }

  const run = () =>
    doing(async () => {
      isKept = false;
      await learner.ask("run", { backend: settings.backend });
      isRunning = true;
      announce("Training runs.");
    });
  const pause = async () => {
    isRunning = false;
    showKeys();
    try {
      const { checkpoint } = await learner.ask("pause");
      await keepCheckpoint(checkpoint, running ?? "");
      isKept = true;
      pictures = await learner.ask("pictures");
      announce(`Paused after ${pictures.steps} steps.`);
    } catch (error) {
      report(error);
    }
    draw();
  };

  $("run").addEventListener("click", () => {
    stopSlowly();
    if (isRunning) pause();
    else run();
  });
  $("one").addEventListener("click", () =>
    doing(async () => {
      if (isRunning) await pause();
      const step = await learner.ask("step");
      history.add(step.losses);
      latest = step;
      pictures = await learner.ask("pictures");
    }),
  );
  $("slow").addEventListener("click", () => {
    if (slowly) stopSlowly();
    else startSlowly();
  });
  $("anew").addEventListener("click", async () => {
    if (isRunning) await pause();
    running = null;
    await forgetCheckpoint();
    run();
  });

  function stopSlowly() {
    clearTimeout(slowly);
    slowly = 0;
    showKeys();
  }

  /** One step after another, each with everything that happens in it. */
  async function startSlowly() {
    if (isRunning) await pause();
    slowly = -1;
    const next = () =>
      doing(async () => {
        if (!slowly) return;
        const step = await learner.ask("follow");
        history.add(step.losses);
        latest = step;
        $("followed").hidden = false;
        const stages = showFollowed($, step, data.sides, isInk());
        pictures = await learner.ask("pictures");
        const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
        const light = (i) => {
          stages.forEach((stage, j) => stage.classList.toggle("lit", !still && i === j));
          if (!slowly) return;
          slowly = window.setTimeout(i < stages.length ? () => light(i + 1) : next, STAGE);
        };
        light(0);
      });
    await next();
    $("followed").scrollIntoView({ block: "nearest" });
  }

  /** The loss is no longer a number, or the program failed. */
  function stopped(error) {
    isRunning = false;
    if (error.code === "crashed") running = null; // from the last checkpoint
    report(error);
    showKeys();
    draw();
  }

  function report(error) {
    console.info(error);
    isRunning = false;
    slowly = 0;
    $("problem").hidden = false;
    $("problem-text").textContent = error.message;
    $("problem-keys").replaceChildren();
    if (error.advice === undefined) return;
    const slower = element("button", { type: "button", textContent: "Go on more slowly" });
    slower.addEventListener("click", () => {
      form.slowDown(error.advice);
      run();
    });
    $("problem-keys").append(slower);
  }

  function say(text) {
    if ($("status").textContent !== text) $("status").textContent = text;
  }

  function showKeys() {
    const { data: kind } = settings;
    $("about-digits").hidden = kind !== "digits";
    $("about-judge").hidden = settings.judge === "none";
    $("drawings").hidden = kind !== "drawings";
    $("pictures").hidden = kind !== "pictures";
    $("run").textContent = isRunning ? "Pause" : latest && running === identity() ? "Go on" : "Run";
    $("slow").textContent = slowly ? "Stop" : "Slow motion";
    $("one").disabled = busy || isRunning || Boolean(slowly);
    $("run").disabled = busy;
    $("slow").disabled = settings.judge === "alone"; // nothing goes from a picture to its copy
    $("anew").hidden = !running || busy;
    $("restart").hidden = !running;
    $("keeping").hidden = !latest?.steps;
    if (busy || isRunning) return;
    if (running && running !== identity()) say("The settings are new: Run starts anew with them.");
    else if (kind === "drawings" && !running) say(drawings.list.length < LEAST ? `Draw ${LEAST - drawings.list.length} more, then press Run.` : "Press Run.");
    else if (!running) say("Press Run.");
  }

  const curves = [createCurve($("reconstruction"), "reconstruction loss"), createCurve($("kl"), "KL"), createCurve($("judge-loss"), "judge’s loss"), createCurve($("maker-loss"), "loss of who is judged")];
  /** Made once it is known how many latents there are. @type {(ReturnType<typeof createBars> & { count: number }) | null} */
  let bars = null;
  const draw = oncePerFrame(() => {
    if (!latest || !data) return;
    delete $("live").dataset.empty;
    const { steps, epochs, beta, kl, stepsASecond, device } = latest;
    const pace = isRunning && stepsASecond ? `, ${Math.round(stepsASecond)} steps a second on the ${device}` : "";
    say(`${steps} steps, ${formatNumber(epochs, epochs < 10 ? 1 : 0)} times through all pictures${pace}. β is ${formatNumber(beta, 2)} now.`);
    const isAlone = settings.judge === "alone";
    $("judged").hidden = $("balance").hidden = settings.judge === "none";
    $("balance").textContent = sayBalance(history.of(2), history.of(3));
    for (const id of ["elbo", "measure", "redrawn-figure", "bars-figure"]) $(id).hidden = isAlone;
    $("map-figure").hidden = isAlone && kl.length !== 2;
    for (const [which, id] of ["reconstruction", "kl", "judge-loss", "maker-loss"].entries()) {
      const values = history.of(which);
      curves[which].show(values, history.each);
      if (values.length) $(`${id}-now`).textContent = formatNumber(values[values.length - 1], which < 2 ? 1 : 2);
    }
    if (bars?.count !== kl.length) {
      $("bars").replaceChildren();
      bars = { count: kl.length, ...createBars($("bars"), kl.length, { ...KL, label: "KL of each latent in nats" }) };
    }
    bars.show(kl, scaleFor(kl));
    $("alive").textContent = sayUsed(kl);
    $("keeping").hidden = !steps;
    if (!pictures || pictures === painted) return;
    painted = pictures;
    showPictures(kl);
  });

  function showPictures(kl) {
    const { sides, labels } = data;
    const ink = isInk();
    root.querySelector(".train").classList.toggle("as-is", !ink);
    const area = sides[0] * sides[1] * sides[2];
    const count = data.pixels.length / area - data.heldOut;
    const some = (most) => Array.from({ length: Math.min(most, count) }, (_, i) => Math.floor((i * count) / Math.min(most, count)));
    const half = SHOWN / 2;
    const originals = some(SHOWN).map((i) => pictureOf(data, i));
    const joined = (list) => {
      const all = new Float32Array(list.length * area);
      list.forEach((one, i) => all.set(one, i * area));
      return all;
    };
    if (pictures.reconstructions) {
      const rows = rowsOf(pictures.reconstructions, half * area);
      paintRows($("redrawn"), [joined(originals.slice(0, half)), rows[0], joined(originals.slice(half)), rows[1]], sides, ink);
    }
    paintRows($("samples"), rowsOf(pictures.samples, half * area), sides, ink);
    const latents = kl.length;
    const axes = mainAxes(kl);
    const classes = labels && Uint8Array.from(some(CLOUD), (i) => labels[i]);
    drawCloud($("cloud"), pictures.cloud, latents, axes, classes);
    $("decoded").hidden = !pictures.map;
    if (pictures.map) paintRows($("decoded"), rowsOf(pictures.map, SIDE * area), sides, ink);
    $("map-caption").textContent = latents === 2 ? "The map of both numbers" : `The two numbers that carry most, of ${latents}`;
    if (labels && $("classes").hidden) {
      $("classes").hidden = false;
      $("classes").replaceChildren(...Array.from({ length: 10 }, (_, i) => {
        const dot = element("i");
        dot.dataset.class = String(i);
        return element("span", {}, dot, String(i));
      }));
    }
    if (!labels) $("classes").hidden = true;
    $("measure").textContent = pictures.heldOut === null ? "" : `On ${data.heldOut} digits that it never learns from, −ELBO is ${formatNumber(pictures.heldOut, 1)} nats.`;
  }

  async function open(files) {
    try {
      $("opened").textContent = "The pictures are being read.";
      const { data: found, skipped } = await dataOfFiles([...files], (share) => {
        $("opened").textContent = `The pictures are being read: ${Math.round(100 * share)} %.`;
      });
      const count = found.pixels.length / (3 * 32 * 32);
      opened = count > 0 ? found : null;
      const left = skipped.length > 0 ? ` ${skipped.length} files are no pictures that this browser reads: ${skipped.slice(0, 3).join(", ")}${skipped.length > 3 ? " and others" : ""}.` : "";
      const few = count < LEAST ? ` At least ${LEAST} are needed.` : "";
      $("opened").textContent = `${count} pictures are open.${few}${left}`;
      $("contact").hidden = count === 0;
      if (count > 0) {
        const shown = Array.from({ length: Math.min(CONTACT, count) }, (_, i) => pictureOf(found, i));
        const perRow = Math.min(10, shown.length);
        const all = new Float32Array(Math.ceil(shown.length / perRow) * perRow * 3 * 32 * 32).fill(1);
        shown.forEach((one, i) => all.set(one, i * one.length));
        paintRows($("contact"), rowsOf(all, perRow * 3 * 32 * 32), [3, 32, 32], false);
      }
    } catch (error) {
      report(error);
    }
    showKeys();
  }
  for (const id of ["files", "folder"]) $(id).addEventListener("change", ({ target }) => target.files.length && open(target.files));
  acceptFiles(root, (_, event) => {
    const { files } = event.dataTransfer;
    if (files.length === 0) return;
    /** @type {HTMLElement} */ (root.querySelector('input[name="data"][value="pictures"]')).click();
    open(files);
  });

  // The page's HTML has asked for the list already, and the view after this one needs it.
  library().catch(() => {});
  // Strokes are normalised by the program that runs models.
  loadProgram().then(() => drawings.ready(), report);
  await drawings.restore();
  const kept = await keptCheckpoint();
  await keeping.list();
  showKeys();
  if (kept?.settings === identity() && settings.data !== "pictures") say("Training of these settings was kept. Press Run to go on.");
  /** For tests. */
  window.vaelet = { ...window.vaelet, ready: Promise.resolve(), training: { get steps() { return latest?.steps ?? 0; }, get running() { return isRunning; }, get kept() { return isKept; }, get heldOut() { return pictures?.heldOut ?? null; }, get device() { return latest?.device ?? null; } } };
}

function addStyles() {
  const links = ["../../other-views.css", "train.css"].map((name) => element("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href }));
  const loaded = links.map((link) => new Promise((done) => {
    link.onload = link.onerror = done;
  }));
  document.head.append(...links);
  return Promise.all(loaded);
}
