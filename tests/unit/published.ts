/** The modules do what the published types say of them. Nothing here is run. */

import type * as published from "../../web/vaelet.js";
import type { VaeletError } from "../../web/api/errors.js";
import type { Model, loadModel, prepare } from "../../web/api/model.js";
import type { normalizeDrawing, normalizeStrokes } from "../../web/api/program.js";

type Own = { VaeletError: typeof VaeletError; loadModel: typeof loadModel; prepare: typeof prepare; normalizeDrawing: typeof normalizeDrawing; normalizeStrokes: typeof normalizeStrokes };
/** As much of the published API as is no class that cannot be made. */
type Published = Pick<typeof published, keyof Own>;

/** What is exported can be used as it is published, and nothing is missing. */
export const fits = (own: Own): Published => own;
export const isModel = (model: Model): Pick<published.Model, keyof published.Model> => model;
export const isWhole = (name: Exclude<keyof typeof published, "Model">): keyof Own => name;
