/** One text to start from: written by the reader, or a sample; with its class, and its latent. */

import { element } from "../../parts/dom.js";
import { newSeed } from "../../parts/route.js";
import { createGroups, createTextField } from "./writer.js";

/**
 * @param {HTMLElement} host
 * @param {import("./writer.js").Writer} writer
 * @param {object} options
 * @param {import("../../vaelet.js").Model} options.model
 * @param {string} options.id
 * @param {string} options.title
 * @param {import("./writer.js").Item} options.item at first
 * @param {(z: Float32Array) => void} options.onLatent it has another latent
 * @param {(item: import("./writer.js").Item) => void} options.onItem the reader changed it
 * @param {(error: Error) => void} options.report
 */
export function createEnd(host, writer, { model, id, title, item, onLatent, onItem, report }) {
  let { text, group } = item;
  let newest = 0;
  let unmounted = false;

  const encode = async () => {
    const turn = (newest += 1);
    try {
      const { mean } = await writer.encode([text], group);
      if (!unmounted && turn === newest) onLatent(mean);
    } catch (error) {
      if (!unmounted) report(error);
    }
  };
  const changed = () => {
    onItem({ text, group });
    encode();
  };
  const field = createTextField(writer, {
    id: `${id}-text`,
    label: title,
    value: writer.shown(text),
    onText(next) {
      text = writer.check(next);
      changed();
    },
  });
  const select = createGroups(writer, {
    id: `${id}-group`,
    chosen: group,
    onChange(next) {
      group = next;
      changed();
    },
  });
  select.setAttribute("aria-label", `${title}: ${writer.kind}`);
  select.hidden = writer.groups.length === 0;
  const another = element("button", {
    type: "button",
    textContent: "New one",
    async onclick() {
      try {
        const [next] = await writer.write(model.sample({ seed: newSeed() }), group);
        if (unmounted || next === "") return;
        text = next;
        field.value = writer.shown(text);
        changed();
      } catch (error) {
        if (!unmounted) report(error);
      }
    },
  });
  another.setAttribute("aria-label", `${title}: a new one`);
  host.append(field.element, element("div", { className: "row" }, select, another));
  encode();

  return {
    /** @returns {import("./writer.js").Item} */
    get item() {
      return { text, group };
    },
    redraw: encode,
    unmount() {
      unmounted = true;
    },
  };
}

/** The text and the class that an address names, or others. @param {import("./writer.js").Writer} writer @param {URLSearchParams} params @param {string} name @param {import("./writer.js").Item} fallback */
export function itemParam(writer, params, name, fallback) {
  const group = writer.groupOf(params.get(`${name}-class`));
  try {
    const text = writer.check(params.get(name) ?? "");
    return { text, group: Math.max(0, group) };
  } catch {
    return group < 0 ? fallback : { ...fallback, group };
  }
}

/** The same for an address. @param {import("./writer.js").Writer} writer @param {string} name @param {import("./writer.js").Item} item */
export function paramsOf(writer, name, { text, group }) {
  return { [name]: text, ...(writer.groups.length > 0 && { [`${name}-class`]: writer.groups[group].name }) };
}

/** Texts to begin with: examples of the model, or what it writes. @param {import("../../models/atlas.js").Atlas} atlas @param {import("./writer.js").Writer} writer @param {{ text: string, name: string, known: string }} wish one that is taken where the model has its class and its letters @param {number} i which of the model's own otherwise */
export function beginningOf(atlas, writer, wish, i) {
  if (writer.notation) return { text: writer.check(wish.known), group: 0 };
  const group = writer.groupOf(wish.name);
  if (group >= 0) return { text: wish.text, group };
  const { texts = [], labels = [] } = atlas.items ?? {};
  const at = Math.floor((i * texts.length) / 4);
  try {
    return { text: writer.check(texts[at] ?? ""), group: writer.groups.length > 0 ? (labels[at] ?? 0) : 0 };
  } catch {
    return { text: writer.spelling.symbols.find((_symbol, place) => place !== writer.spelling.end) ?? "", group: 0 };
  }
}
