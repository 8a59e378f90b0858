/** How much the worker computes to be shown, and the page shows. */

/** Pictures that are reconstructed and sampled. */
export const SHOWN = 16;
/** Points of the map. */
export const CLOUD = 600;
/** Pictures on a side of the map. */
export const SIDE = 11;
