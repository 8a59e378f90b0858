/** The views of models whose data are texts, fetched with the first such model. */

import { fill } from "../../parts/dom.js";
import { subjectOf } from "../../models/subject.js";
import * as edit from "./edit.js";
import * as inside from "./inside.js";
import * as map from "./map.js";
import * as morph from "./morph.js";
import * as sample from "./sample.js";
import { notationOf } from "./writer.js";

/** For a view that is about pictures only. */
const none = {
  mount(root, { model }) {
    const { many } = subjectOf(model.info);
    fill(root, `<p class="notice-missing" role="status">This view works on pictures, and ${many} are texts: see them in Sample, Morph, Map, Edit or Inside.</p>`);
    return { state: { busy: false }, redraw() {}, unmount() {} };
  },
};

export { showSamples } from "./poster.js";

/** @param {string} name of a view @param {{ data?: { notation?: string } }} info of its model */
export async function viewOfTexts(name, info) {
  const view = { sample, morph, map, edit, inside }[name] ?? none;
  const notation = await notationOf(info);
  return { ...view, mount: (root, context) => view.mount(root, { ...context, notation }) };
}
