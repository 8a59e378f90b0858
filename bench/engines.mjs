/**
 * The compared engines behind one interface. Each engine fetches everything it needs itself, so that
 * the time to its first result includes the download.
 */

/**
 * One model to run, in batches of one size.
 * @typedef {{ model: string, latent: number, batch: number }} Job
 */
/**
 * @typedef {object} Engine
 * @property {"nchw" | "nhwc"} layout of the images that `call` returns
 * @property {(z: Float32Array) => Promise<Float32Array>} call decodes a batch of latents to images
 * @property {() => Promise<((z: Float32Array) => unknown) | null>} frames prepares the same without
 *   readback; null if the engine always reads back
 */

/** @type {Record<string, (job: Job) => Promise<Engine>>} */
export const ENGINES = {
  "vaelet-webgpu": (job) => vaelet("webgpu", job),
  "vaelet-cpu": (job) => vaelet("cpu", job),
  "ort-webgpu": (job) => onnxRuntime("webgpu", "ort.webgpu.min.mjs", job),
  "ort-webgpu-jspi": (job) => onnxRuntime("webgpu", "ort.jspi.min.mjs", job),
  "ort-wasm": (job) => onnxRuntime("wasm", "ort.wasm.min.mjs", job),
  "tfjs-webgpu": tensorFlow,
  "jax-webgpu": (job) => jax("webgpu", job),
  "jax-wasm": (job) => jax("wasm", job),
};

const folder = (model) => new URL(`/target/models/${model}/`, location.href);

/** vaelet, by the built page's public API. Its frame draws the images into a canvas at their original size. */
async function vaelet(backend, { model: name, batch }) {
  const { loadModel } = await import("/dist/web/vaelet.js");
  const model = await loadModel(folder(name), { backend });
  const frames = async () => {
    const { width, height } = model.info.input;
    const columns = Math.ceil(Math.sqrt(batch));
    const canvas = document.createElement("canvas");
    canvas.width = columns * width;
    canvas.height = Math.ceil(batch / columns) * height;
    document.body.append(canvas);
    return (z) => model.present(canvas, z, { columns });
  };
  return { layout: "nchw", call: (z) => model.decode(z), frames };
}

/**
 * ONNX Runtime Web with a fixed batch size. Its frame keeps the images on the GPU. The build with JSPI
 * is the smaller one for WebGPU, but not every browser can run it.
 */
async function onnxRuntime(provider, build, { model: name, latent, batch }) {
  const home = new URL("/node_modules/onnxruntime-web/dist/", location.href);
  const runtime = await import(new URL(build, home).href);
  runtime.env.wasm.wasmPaths = home.href;
  runtime.env.wasm.numThreads = 1;
  const start = (options) =>
    runtime.InferenceSession.create(new URL("decoder.onnx", folder(name)).href, {
      executionProviders: [provider],
      freeDimensionOverrides: { n: batch },
      ...options,
    });
  const run = async (session, z) => {
    const results = await session.run({ z: new runtime.Tensor("float32", z, [batch, latent]) });
    return results[session.outputNames[0]];
  };
  const session = await start();
  const frames = async () => {
    if (provider !== "webgpu") return null;
    const resident = await start({ preferredOutputLocation: "gpu-buffer" });
    return async (z) => (await run(resident, z)).dispose();
  };
  return { layout: "nchw", call: async (z) => (await run(session, z)).data, frames };
}

/** TensorFlow.js. Its frame disposes of the images without reading them. */
async function tensorFlow({ model: name, batch }) {
  const [{ decoder, readTensors, start }, spec] = await Promise.all([
    import("/target/tfjs.mjs"),
    fetch(new URL("model.json", folder(name))).then((response) => response.json()),
  ]);
  const weights = fetch(new URL(spec.weights.file, folder(name))).then((response) => response.arrayBuffer());
  await start();
  const decode = decoder(spec, readTensors(new Uint8Array(await weights)));
  const call = async (z) => {
    const images = decode(z, batch);
    const values = await images.data();
    images.dispose();
    return values;
  };
  return { layout: "nhwc", call, frames: async () => (z) => decode(z, batch).dispose() };
}

/**
 * jax-js. It computes only when a result is read, so there are no frames. On the CPU it has one thread like the
 * others, because threads need shared memory, which only isolated pages have, and few pages are isolated.
 */
async function jax(device, { model: name, batch }) {
  delete globalThis.SharedArrayBuffer;
  const [{ decoder, readTensors, start }, spec] = await Promise.all([
    import("/target/jax/jax.js"),
    fetch(new URL("model.json", folder(name))).then((response) => response.json()),
  ]);
  const weights = fetch(new URL(spec.weights.file, folder(name))).then((response) => response.arrayBuffer());
  await start(device);
  const decode = decoder(spec, readTensors(new Uint8Array(await weights)));
  return { layout: "nchw", call: (z) => decode(z, batch).data(), frames: async () => null };
}
