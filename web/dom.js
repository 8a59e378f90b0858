/**
 * The few things every view does with the document: markup to nodes, one draw
 * per animation frame, and telling a screen reader what changed, in words and
 * not too often.
 */

/** Replaces the content of `root` by markup and returns a finder by id. */
export function fill(root, markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  root.replaceChildren(template.content);
  return (id) => root.querySelector(`#${id}`);
}

/** Wraps `draw` so that any number of requests before the next frame draw once. */
export function oncePerFrame(draw) {
  let handle = 0;
  const request = () => {
    handle ||= requestAnimationFrame(() => {
      handle = 0;
      draw();
    });
  };
  request.cancel = () => {
    cancelAnimationFrame(handle);
    handle = 0;
  };
  return request;
}

/**
 * Wraps `action` so that it runs once the calls have paused for `delay`
 * milliseconds; `flush` runs a pending one now.
 */
export function afterPause(action, delay) {
  let timer = 0;
  const run = () => {
    timer = 0;
    action();
  };
  const request = () => {
    clearTimeout(timer);
    timer = setTimeout(run, delay);
  };
  request.cancel = () => {
    clearTimeout(timer);
    timer = 0;
  };
  request.flush = () => {
    if (!timer) return;
    request.cancel();
    action();
  };
  return request;
}

let announcement = "";
const speak = afterPause(() => {
  document.getElementById("announcer").textContent = announcement;
}, 700);

/** Says the newest of a burst of changes, politely. */
export function announce(text) {
  announcement = text;
  speak();
}

/** A number with a real minus sign and steady width. */
export function formatNumber(value, digits) {
  return value.toFixed(digits).replace("-", "\u2212");
}
