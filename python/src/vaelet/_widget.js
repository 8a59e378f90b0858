/** The page's side of a widget: the element `<vae-let>`, whose latent and picture go to the kernel and come from there. */

const ATTRIBUTES = ["view", "state", "seed", "controls", "explain", "backend"];

/** Whether two latents are the same: a view's state holds them in steps of 1/2048. */
const isSame = (a, b) => Boolean(a && b) && a.every((value, i) => Math.abs(value - b[i]) < 1e-3);

/** Numbers as the kernel's `_unpack` reads them. */
const pack = (values, shape) => ({ data: Float32Array.from(values).buffer, shape });
/** Numbers that the kernel's `_pack` has written. */
const unpack = ({ data }) => new Float32Array(data instanceof ArrayBuffer ? data : data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));

async function render({ model, el }) {
  try {
    await import(/* webpackIgnore: true */ `${model.get("_site")}web/vae-let.js`);
  } catch {
    el.textContent = "The element could not be fetched from the kernel's machine. If that is not this one, give site=, the address of a published page.";
    return undefined;
  }
  const element = document.createElement("vae-let");
  Object.assign(element, { loading: "eager", ownInState: true });
  element.src = model.get("_src") || null;
  element.model = model.get("_model") || null;
  for (const name of ATTRIBUTES) {
    element[name] = model.get(name);
    model.on(`change:${name}`, () => {
      if (String(element[name]) !== String(model.get(name) ?? "")) element[name] = model.get(name);
    });
  }
  const tell = (values) => {
    model.set(values);
    model.save_changes();
  };

  /** What has been told to the kernel last, which may send it back. @type {Record<string, Float32Array>} */
  let told = {};
  /** The latent that the kernel knows. */
  let known = null;
  /** The latent that the view is about to show: until then it still has the one before. */
  let expected = null;
  let writing = false;
  /** The model with the class that the view shows. */
  const shown = () => {
    const { loadedModel } = element;
    const { condition } = loadedModel.info;
    return condition ? loadedModel.given(Math.max(0, condition.classes.indexOf(new URLSearchParams(element.state).get("class")))) : loadedModel;
  };
  const write = async (z) => {
    writing = true;
    known = z;
    try {
      const { channels, height, width } = element.loadedModel.info.input;
      told = { z: Float32Array.from(z), image: await shown().decode(Float32Array.from(z)) };
      tell({ z: pack(told.z, [z.length]), image: pack(told.image, [channels, height, width]) });
    } catch (error) {
      tell({ error: error.message });
    } finally {
      writing = false;
    }
  };
  const read = async (name) => {
    const packed = model.get(name);
    if (!packed || !element.loadedModel) return;
    const values = unpack(packed);
    if (values.length === told[name]?.length && values.every((value, i) => value === told[name][i])) return;
    try {
      const z = name === "z" ? values : (await shown().encode(values)).mean;
      if (!isSame(z, element.latent)) expected = z;
      element.latent = z;
      await write(z);
    } catch (error) {
      tell({ error: error.message });
    }
  };
  model.on("change:z", () => read("z"));
  model.on("change:image", () => read("image"));
  element.addEventListener("load", () => {
    tell({ error: "" });
    read(model.get("image") && !model.get("z") ? "image" : "z");
  });
  element.addEventListener("error", ({ detail }) => tell({ error: detail.message }));
  element.addEventListener("change", ({ detail }) => {
    expected = null;
    tell({ state: detail.state });
  });

  // Sliders move a picture many times before the view's state changes.
  let frame = 0;
  const follow = () => {
    frame = requestAnimationFrame(follow);
    const z = element.loadedModel && !writing ? element.latent : null;
    if (isSame(z, expected)) expected = null;
    if (z && !expected && !isSame(z, known)) write(z);
  };
  follow();
  el.append(element);
  return () => {
    cancelAnimationFrame(frame);
    element.remove();
  };
}

export default { render };
