/**
 * The engine behind the page: what it makes of arguments, of a program that stops in the middle,
 * and of GPUs that are broken, wrong, silent or lost.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ready, settle, useBrowser, withPage } from "./harness.mjs";

/** The smallest of the released models. */
const MODEL = "models/digits-beta-1";
/** A page that has the API and shows that model on the CPU. */
const PAGE = "#/draw?model=digits-beta-1&backend=cpu";
/** What Chromium says of the broken things here, whatever the page makes of them. */
const GPU_NOISE = /lost|destroyed|WebGPU|pipeline|shader|Invalid|entry point|While|uncaptured|GPU/i;

describe("the API", () => {
  const env = useBrowser({ webgpu: false });

  const onPage = (name, use, options) =>
    test(name, () =>
      withPage(env, PAGE, async (page) => {
        await ready(page);
        await use(page);
      }, options));

  onPage("arguments that cannot be used are named, by sentence and code", async (page) => {
    const unexpected = await page.evaluate(async (folder) => {
      const model = await vaelet.loadModel(folder, { backend: "cpu" });
      const L = model.latentSize;
      const z = new Float32Array(L);
      const x = new Float32Array(784);
      const canvas = (width = 28, height = 28) => Object.assign(document.createElement("canvas"), { width, height });
      const taken = (kind) => {
        const one = canvas();
        one.getContext(kind);
        return one;
      };
      const given = canvas();
      given.transferControlToOffscreen();
      const calls = {
        "bad-input": [
          ...[undefined, null, 7, {}, [], "http://["].map((url) => () => vaelet.loadModel(url)),
          ...[null, 1, { backend: "gpu" }, { onProgress: 1 }, { signal: {} }].map((options) => () => vaelet.loadModel(folder, options)),
          ...[-1, 0, 1.5, NaN, "2", Infinity, null, 2 ** 60].flatMap((count) => [() => model.sample({ count }), () => model.noise({ count })]),
          ...[-1, 0.5, NaN, "7", 2 ** 60].map((seed) => () => model.sample({ seed })),
          ...[-1, 0.5, NaN, 2 ** 40].map((first) => () => model.sample({ first })),
          ...[-1, NaN, Infinity, "1"].map((temperature) => () => model.sample({ temperature })),
          () => model.sample({ prior: "gaussian" }),
          () => model.sample(null),
          ...[undefined, null, "z", 3, {}, [], ["a"], new Float32Array(0), new Float32Array(L + 1), z.map(() => NaN), new DataView(z.buffer)].flatMap((wrong) => [
            () => model.decode(wrong),
            () => model.present(canvas(), wrong),
            () => model.reparameterize(wrong, z),
            () => model.interpolate(z, wrong, 0.5),
          ]),
          ...[undefined, [], new Float32Array(783), x.map(() => 255), x.map(() => -1), x.map(() => NaN)].flatMap((wrong) => [
            () => model.encode(wrong),
            () => model.reconstruct(canvas(), wrong),
            () => model.elbo(wrong),
            () => model.activations("encoder", wrong),
          ]),
          () => model.reparameterize(z, new Float32Array(2 * L)),
          () => model.reparameterize(z, z, { epsilon: new Float32Array(2 * L) }),
          () => model.reconstruct(canvas(), new Float32Array(2 * 784)),
          () => model.interpolate(z, z, NaN),
          () => model.interpolate(z, z),
          () => model.interpolate(z, z, 0.5, { mode: "line" }),
          () => model.activations("both", x),
          () => model.activations(),
          ...[0, -1, 1.5, NaN, "2", 2 ** 40].map((columns) => () => model.present(canvas(), z, { columns })),
          ...[undefined, null, {}, document.body, "canvas"].map((wrong) => () => model.present(wrong, z)),
          ...[undefined, null, "gpu"].map((backend) => () => model.setBackend(backend)),
          () => new model.constructor(),
          () => vaelet.normalizeDrawing(x, 28),
          () => vaelet.normalizeDrawing(x, 28, 29),
          () => vaelet.normalizeDrawing(x, -28, -28),
        ],
        canvas: [canvas(0, 28), canvas(28, 0), taken("webgl2"), taken("bitmaprenderer"), given].flatMap((wrong) => [
          () => model.present(wrong, z),
          () => model.reconstruct(wrong, x),
        ]),
        "too-large": [() => model.sample({ count: 2 ** 40 }), () => model.noise({ count: 2 ** 26 })],
      };
      const wrong = [];
      const check = async (code, call) => {
        const error = await new Promise((resolve) => resolve(call())).then((value) => `gave ${value}`, (error) => error);
        if (error.name !== "VaeletError" || error.code !== code || !/^[^.].+\.$/.test(error.message)) wrong.push(`${call}: ${error.code} ${error.message ?? error}`);
      };
      for (const [code, list] of Object.entries(calls)) for (const call of list) await check(code, call);
      // All that has left the model as it was.
      if ((await model.decode(z)).length !== 784) wrong.push("decode");
      model.free();
      model.free();
      const late = [() => model.sample(), () => model.noise(), () => model.decode(z), () => model.encode(x), () => model.present(canvas(), z), () => model.elbo(x), () => model.activations("encoder", x), () => model.setBackend("cpu")];
      for (const call of late) await check("freed", call);
      return wrong;
    }, MODEL);
    assert.deepEqual(unexpected, []);
  });

  onPage("arrays will do, noise follows the batch, and latents come from the middle", async (page) => {
    const found = await page.evaluate(async (folder) => {
      const model = await vaelet.loadModel(folder, { backend: "cpu" });
      const z = model.sample({ seed: 7, count: 5 });
      const images = await model.decode(z);
      const { mean, logVar } = await model.encode(images);
      const again = model.reparameterize(mean, logVar, { seed: 7 });
      const noise = model.noise({ seed: 7, count: 5 });
      const formula = mean.map((value, i) => value + Math.exp(logVar[i] / 2) * noise[i]);
      const L = model.latentSize;
      const one = await Promise.all(Array.from({ length: 5 }, (_, i) => model.decode(z.subarray(i * L, (i + 1) * L))));
      return {
        arrays: (await model.decode([...z])).every((value, i) => value === images[i]),
        noise: Math.max(...again.map((value, i) => Math.abs(value - formula[i]))),
        middle: model.sample({ seed: 7, first: 3, count: 2 }).every((value, i) => value === z[3 * L + i]),
        one: Math.max(...images.map((value, i) => Math.abs(value - one[Math.floor(i / 784)][i % 784]))),
      };
    }, MODEL);
    assert.deepEqual({ ...found, noise: found.noise < 1e-5, one: found.one < 1e-5 }, { arrays: true, noise: true, middle: true, one: true });
  });

  onPage("a program that stops in the middle is an error, and the next call works", async (page) => {
    const codes = await page.evaluate(async (folder) => {
      const glue = await import(performance.getEntriesByType("resource").find(({ name }) => name.includes("vaelet-web.js")).name);
      const model = await vaelet.loadModel(folder, { backend: "cpu" });
      const z = model.sample({ seed: 7 });
      const before = await model.decode(z);
      const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
      // As if an argument had slipped through: the program itself trusts what it gets.
      const slips = [
        [glue.Model, "sample", (call, seed) => call(seed, 0, 2 ** 31, 1, true), () => model.sample()],
        [glue.Cpu, "decode", (call) => call(new Float32Array(3)), () => model.decode(z)],
        [glue.Cpu, "decode", (call) => call(new Float32Array(3)), () => model.present(canvas, z)],
        [glue.Cpu, "encode", (call) => call(new Float32Array(3)), () => model.reconstruct(canvas, before)],
      ];
      const codes = [];
      for (const [kind, name, slip, question] of slips) {
        const own = kind.prototype[name];
        kind.prototype[name] = function (...values) {
          return slip(own.bind(this), ...values);
        };
        // Often enough to use up the program's stack, were it not put back.
        for (let i = 0; i < 40; i += 1) {
          const error = await new Promise((resolve) => resolve(question())).catch((error) => error);
          codes.push(`${error.name} ${error.code}`);
        }
        kind.prototype[name] = own;
        const after = await model.decode(model.sample({ seed: 7 }));
        codes.push(after.every((value, i) => value === before[i]));
        codes.push(await model.present(canvas, z));
      }
      model.free();
      return [...new Set(codes)];
    }, MODEL);
    assert.deepEqual(codes.sort(), [true, "VaeletError crashed"].sort());
  }, { expected: /panicked|unreachable|crashed|capacity|index out of|range/ });

  onPage("what a host's function throws is the host's error, and loading goes on", async (page) => {
    const { name, heard } = await page.evaluate(async (folder) => {
      const heard = [];
      addEventListener("error", (event) => {
        heard.push(event.error.message);
        event.preventDefault();
      });
      const model = await vaelet.loadModel(folder, { onProgress: () => { throw new Error("mine"); } });
      return { name: model.info.name, heard: [...new Set(heard)] };
    }, MODEL);
    assert.equal(name, "digits-beta-1");
    assert.deepEqual(heard, ["mine"]);
  });

  onPage("many pictures leave the page its turns, and newer ones take their place", async (page) => {
    const { turns, drawn, blank, same } = await page.evaluate(async () => {
      const model = await vaelet.loadModel("models/digits", { backend: "cpu" });
      const canvas = Object.assign(document.createElement("canvas"), { width: 280, height: 28 * 100 });
      const z = model.sample({ seed: 7, count: 1000 });
      let turns = 0;
      let done = false;
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        turns += 1;
        if (!done) port2.postMessage(null);
      };
      port2.postMessage(null);
      const old = model.present(canvas, z, { columns: 10 });
      const read = (...box) => {
        const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height }).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        return copy.getImageData(...box).data;
      };
      const blank = read(14, 14, 1, 1)[3] === 0; // one picture is there when the call returns
      const next = model.present(canvas, model.sample({ seed: 8, count: 995 }), { columns: 10 });
      const drawn = [await old, await next];
      done = true;
      return { turns, drawn, blank, same: read(140, 28 * 99, 140, 28).every((value) => value === 0) };
    });
    assert.equal(blank, false);
    assert.deepEqual(drawn, [false, true]);
    assert.ok(same, "cells without a picture are not empty");
    assert.ok(turns > 3, `the page had ${turns} turns`);
  });
});

describe("the page", () => {
  const env = useBrowser({ webgpu: false });

  const watchCanvases = () => {
    window.byGpu = [];
    const { getContext } = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.getContext = function (kind, options) {
      if (kind === "2d" && !options?.willReadFrequently) byGpu.push(new Error().stack);
      return getContext.call(this, kind, options);
    };
  };
  test("what a view shows at first is drawn in memory, and waits for no GPU that compiles", () =>
    withPage(env, "#/sample?model=digits&backend=cpu", async (page) => {
      await ready(page);
      await settle(page);
      for (const view of ["draw?example=3", "morph?model=digits", "map", "map?layer=images", "edit", "inside"]) {
        await page.evaluate((hash) => {
          location.hash = hash;
        }, `#/${view}${view.includes("?") ? "&" : "?"}backend=cpu`);
        await page.waitForFunction((view) => document.querySelector(`#nav-${view}[aria-current]`), view.split("?")[0]);
        await page.evaluate(() => vaelet.ready.then(() => {}));
        await settle(page);
      }
      assert.deepEqual(await page.evaluate(() => byGpu), []);
    }, { init: watchCanvases }));
});

describe("a GPU", () => {
  const env = useBrowser({ webgpu: true });

  const onPage = (name, init, use) =>
    test(name, () =>
      withPage(env, PAGE, async (page) => {
        await ready(page);
        await use(page);
      }, { init, expected: GPU_NOISE }));

  /** What came of a wish for a GPU, and whether the model decodes all the same. */
  const wish = (page, backend) =>
    page.evaluate(async (backend) => {
      const { model } = vaelet;
      const code = await model.setBackend(backend).then(() => null, (error) => `${error.name} ${error.code}`);
      const image = await model.decode(model.sample({ seed: 7 }));
      return { code, running: model.backend, state: model.state, reason: model.reason, decodes: image.length === 784 };
    }, backend);

  const refused = (found, code) => {
    const { reason, ...rest } = found;
    assert.deepEqual(rest, { code, running: "cpu", state: "running", decodes: true });
    assert.match(reason, /^[^.].+\.$/);
  };

  const broken = [
    ["with invalid pipelines", () => {
      const { createComputePipeline } = GPUDevice.prototype;
      GPUDevice.prototype.createComputePipeline = function (descriptor) {
        return createComputePipeline.call(this, { ...descriptor, compute: { ...descriptor.compute, entryPoint: "nothing" } });
      };
    }],
    ["whose shaders do not compile", () => {
      const { createShaderModule } = GPUDevice.prototype;
      GPUDevice.prototype.createShaderModule = function (descriptor) {
        return createShaderModule.call(this, { ...descriptor, code: `${descriptor.code}\nbroken` });
      };
    }],
    ["that computes something else", () => {
      const { createShaderModule } = GPUDevice.prototype;
      GPUDevice.prototype.createShaderModule = function (descriptor) {
        return createShaderModule.call(this, { ...descriptor, code: descriptor.code.replaceAll("exp(", "exp2(") });
      };
    }],
    ["that runs nothing", () => {
      GPUComputePassEncoder.prototype.dispatchWorkgroups = () => {};
    }],
    ["that is lost while it is built", () => {
      const { createComputePipeline } = GPUDevice.prototype;
      GPUDevice.prototype.createComputePipeline = function (descriptor) {
        this.destroy();
        return createComputePipeline.call(this, descriptor);
      };
    }],
    ["that gives no device", () => {
      GPUAdapter.prototype.requestDevice = () => Promise.reject(new DOMException("no", "OperationError"));
    }],
  ];
  for (const [name, init] of broken) {
    onPage(`${name} is not used, and the reason is said`, init, async (page) => {
      refused(await wish(page, "auto"), null);
      const explicit = await wish(page, "webgpu");
      assert.match(explicit.code, /^VaeletError (gpu|lost|no-webgpu|wrong-pictures)$/);
      refused(explicit, explicit.code);
      await page.selectOption("#backend", "webgpu");
      await page.waitForFunction((reason) => document.querySelector("#backend-status").textContent.includes(reason), explicit.reason);
    });
  }

  for (const [name, init] of [
    ["asked for an adapter", () => {
      GPU.prototype.requestAdapter = () => new Promise(() => {});
    }],
    ["asked for numbers", () => {
      GPUBuffer.prototype.mapAsync = () => new Promise(() => {});
    }],
  ]) {
    test(`that never answers when ${name} blocks nothing`, () =>
      withPage(env, PAGE, async (page) => {
        await page.clock.install();
        await page.reload();
        await ready(page);
        await page.evaluate(() => {
          window.wish = vaelet.model.setBackend("webgpu").then(() => null, (error) => error.code);
        });
        const decoded = await page.evaluate(() => vaelet.model.decode(vaelet.model.sample({ seed: 7 })).then(({ length }) => length));
        assert.equal(decoded, 784, "the model works meanwhile");
        const code = await Promise.race([
          page.evaluate(() => window.wish),
          (async () => {
            for (;;) await page.clock.fastForward(61_000);
          })(),
        ]);
        assert.match(code, /^(no-webgpu|lost)$/);
        refused(await page.evaluate(() => ({ code: "", running: vaelet.model.backend, state: vaelet.model.state, reason: vaelet.model.reason, decodes: true })), "");
      }, { init, expected: GPU_NOISE }));
  }

  const rememberDevices = () => {
    window.devices = [];
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      if (window.noDevice) throw new DOMException("no", "OperationError");
      const device = await requestDevice.call(this, descriptor);
      devices.push(device);
      return device;
    };
  };
  const lose = () => devices.at(-1).destroy();
  const until = (page, backend, state) => page.waitForFunction(([backend, state]) => vaelet.model.backend === backend && vaelet.model.state === state, [backend, state]);

  onPage("that is lost again and again leaves the CPU, until it is asked for; after a while it counts anew", rememberDevices, async (page) => {
    assert.equal((await wish(page, "webgpu")).running, "webgpu");
    for (let i = 0; i < 2; i += 1) {
      const answer = await page.evaluate(async () => {
        const answer = vaelet.model.decode(vaelet.model.sample({ seed: 7, count: 3 }));
        devices.at(-1).destroy();
        return (await answer).length;
      });
      assert.equal(answer, 3 * 784, "a question in mid-loss is answered");
      await page.waitForFunction((count) => devices.length === count, i + 2);
      await until(page, "webgpu", "running");
    }
    await page.evaluate(lose);
    await until(page, "cpu", "running");
    refused(await page.evaluate(() => ({ code: "", running: vaelet.model.backend, state: vaelet.model.state, reason: vaelet.model.reason, decodes: true })), "");
    assert.equal((await wish(page, "webgpu")).running, "webgpu");
    for (let i = 0; i < 3; i += 1) {
      await page.evaluate(() => {
        const now = performance.now.bind(performance);
        performance.now = () => now() + 1e6;
      });
      const count = await page.evaluate(() => devices.length);
      await page.evaluate(lose);
      await page.waitForFunction((count) => devices.length > count, count);
      await until(page, "webgpu", "running");
    }
  });

  onPage("that is wished for while a lost one is replaced, in vain, leaves a model that works", rememberDevices, async (page) => {
    assert.equal((await wish(page, "auto")).code, null);
    assert.equal((await wish(page, "webgpu")).running, "webgpu");
    await page.evaluate(() => {
      window.noDevice = true;
      devices.at(-1).destroy();
    });
    await page.waitForFunction(() => vaelet.model.backend === "cpu");
    await page.evaluate(() => vaelet.model.setBackend("auto").catch(() => {}));
    const found = await wish(page, "webgpu");
    refused(found, "VaeletError no-webgpu");
    await page.evaluate(() => {
      window.noDevice = false;
    });
    assert.equal((await wish(page, "webgpu")).running, "webgpu");
    await settle(page);
  });

  onPage("takes one model, and another's loss of it is its own", rememberDevices, async (page) => {
    const found = await page.evaluate(async (folder) => {
      const models = await Promise.all([1, 2].map(() => vaelet.loadModel(folder, { backend: "webgpu" })));
      const running = () => models.map(({ backend }) => backend).join();
      const both = running();
      models[0].free();
      const image = await models[1].decode(models[1].sample());
      return [both, running().split(",")[1], image.length, devices.length];
    }, MODEL);
    assert.deepEqual(found, ["webgpu,webgpu", "webgpu", 784, 1]);
  });
});
