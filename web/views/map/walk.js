/** A walk over the map from one place to the next, for a reader who would rather watch first. */

/** Steps of the map in a second. */
const SPEED = 1.2;

/**
 * @param {() => number[][]} stops places to walk to, in their order
 * @param {() => number[]} here where the marker stands
 * @param {(place: number[], done: boolean) => void} move
 */
export function createWalk(stops, here, move) {
  let frame = 0;
  let next = 0;
  const stop = () => {
    cancelAnimationFrame(frame);
    frame = 0;
  };
  return {
    stop,
    start() {
      stop();
      const from = here();
      const places = stops().filter(([x, y]) => Math.hypot(x - from[0], y - from[1]) > 0.1);
      if (places.length === 0) return;
      const to = places[next++ % places.length];
      const time = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : (1000 * Math.hypot(to[0] - from[0], to[1] - from[1])) / SPEED;
      const began = performance.now();
      const step = () => {
        const part = Math.min(1, (performance.now() - began) / (time || 1));
        if (part < 1) frame = requestAnimationFrame(step);
        move(from.map((value, axis) => value + part * (to[axis] - value)), part === 1);
      };
      step();
    },
  };
}
