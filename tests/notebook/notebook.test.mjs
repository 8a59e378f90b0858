/**
 * The Python package in a real JupyterLab: a morph is shown, and the traits of a widget go both ways.
 * `VAELET_PYTHON` is a Python with JupyterLab and the built wheel (`cargo xtask test notebook` makes one).
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LIMIT, screenshot, useBrowser, withPage } from "../browser/harness.mjs";

const PYTHON = process.env.VAELET_PYTHON ?? "python3";
const MODELS = fileURLToPath(new URL("../../models/", import.meta.url));

const SHOW = `import vaelet
vaelet.show(MODELS + "digits-beta-1", view="morph")`;
/** Each picture of the page is compared with numpy's; then the kernel sets the latent, then the image, and after that the reader moves a slider. */
const WIDGET = `import json
import numpy as np
model = vaelet.load(MODELS + "digits-beta-1")
w = vaelet.widget(MODELS + "digits-beta-1", view="edit", seed=3)
target = np.linspace(-1, 1, model.latent_size, dtype=np.float32)
seen = []
def note(change):
    seen.append({"z": w.z.tolist(), "error": float(np.abs(model.decode(w.z)[0] - w.image).max())})
    if len(seen) == 1:
        w.z = target
    elif "set" not in done and np.abs(w.z - target).max() < 1e-3:
        done["set"] = seen[-1]
        w.image = model.decode(-target)[0]
    elif "set" in done and "encoded" not in done:
        found = float(np.abs(w.z - model.encode(model.decode(-target))[0][0]).max())
        if found < 1e-2:
            done["encoded"] = {**seen[-1], "difference": found}
            w.z = target
    elif "encoded" in done and np.abs(w.z - target).max() > 0.2:
        done["moved"] = seen[-1]
    with open("done.json", "w") as file:
        json.dump(done, file)
done = {}
w.observe(note, "image")
w`;

/** A port that nothing listens on. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

describe("a notebook", () => {
  const env = useBrowser({ webgpu: false });
  let folder;
  let jupyter;
  let address;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "vaelet-notebook-"));
    const cell = (source) => ({ cell_type: "code", execution_count: null, metadata: {}, outputs: [], source });
    const notebook = (...cells) => JSON.stringify({ nbformat: 4, nbformat_minor: 4, metadata: { kernelspec: { name: "python3", display_name: "Python 3", language: "python" } }, cells: [`MODELS = ${JSON.stringify(MODELS)}`, ...cells].map(cell) });
    await writeFile(join(folder, "test.ipynb"), notebook(SHOW, WIDGET));
    const port = await freePort();
    address = `http://127.0.0.1:${port}/`;
    const options = ["--no-browser", `--ServerApp.port=${port}`, "--ServerApp.port_retries=0", "--IdentityProvider.token=", `--ServerApp.root_dir=${folder}`, "--expose-app-in-browser", "--ServerApp.allow_root=True", "--LabApp.news_url="];
    // What the reader's own JupyterLab is set up with does not count.
    const own = Object.fromEntries(["JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR"].map((name) => [name, join(folder, ".own", name)]));
    jupyter = spawn(PYTHON, ["-m", "jupyterlab", ...options], { env: { ...process.env, ...own }, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    jupyter.stderr.on("data", (text) => {
      said += text;
    });
    for (;;) {
      assert.equal(jupyter.exitCode, null, `JupyterLab ended: ${said}`);
      const answer = await fetch(`${address}api/status`).catch(() => null);
      if (answer?.ok) break;
      await new Promise((done) => setTimeout(done, 200));
    }
  }, { timeout: LIMIT });

  after(async () => {
    if (jupyter?.exitCode === null) {
      jupyter.kill();
      await once(jupyter, "exit");
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const done = async (name) => {
    for (;;) {
      const text = await readFile(join(folder, "done.json"), "utf8").catch(() => "");
      const found = text.endsWith("}") ? JSON.parse(text)[name] : null;
      if (found) return found;
      await new Promise((next) => setTimeout(next, 100));
    }
  };

  test("shows a morph; z and image go to the kernel and come from there", { timeout: LIMIT }, () =>
    withPage(env, "", async (page) => {
      await page.waitForFunction(() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle");
      await page.evaluate(() => window.jupyterapp.commands.execute("notebook:run-all-cells"));
      const drawn = (view, id) => page.waitForFunction(([view, id]) => {
        const canvas = document.querySelector(`vae-let[view=${view}]`)?.shadowRoot.getElementById(id);
        return canvas?.width > 1 && canvas.toDataURL() !== Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height }).toDataURL();
      }, [view, id]);
      await drawn("morph", "slerp");
      await page.evaluate(() => document.querySelector("vae-let[view=edit]")?.scrollIntoView());
      await drawn("edit", "after");

      const set = await done("set");
      assert.ok(set.error < 1e-3, `${set.error}: the page's picture is numpy's`);
      const encoded = await done("encoded");
      assert.ok(encoded.difference < 1e-2 && encoded.error < 1e-2, JSON.stringify(encoded));

      // The latent that the kernel has set last is shown before the reader moves another.
      await page.waitForFunction(() => Math.abs((document.querySelector("vae-let[view=edit]").latent?.[0] ?? 0) + 1) < 1e-3);
      const slider = page.locator("vae-let[view=edit] input[type=range]").first();
      await slider.scrollIntoViewIfNeeded();
      await slider.fill("2");
      const moved = await done("moved");
      assert.ok(moved.error < 1e-3, JSON.stringify(moved));
      await screenshot(page, "notebook");
    }, { url: `${address}doc/tree/test.ipynb`, expected: /./ }));
});
