/**
 * The few things every view does with the document: markup to nodes, one draw
 * per animation frame, and telling a screen reader what changed, in words and
 * not too often.
 */

/**
 * Where an article demands Trusted Types, its browser takes markup only from a policy. All markup here
 * is written by hand and holds no text from elsewhere but the plain words of `subject.js`, so this one changes nothing.
 */
let policy;

/**
 * Replaces the content of `root` by markup. Text from elsewhere does not belong into it.
 * @param {Element | DocumentFragment} root
 * @param {string} markup
 * @returns {(id: string) => any} finds an element by its id
 */
export function fill(root, markup) {
  policy ??= globalThis.trustedTypes?.createPolicy("vaelet", { createHTML: (text) => text }) ?? { createHTML: (text) => text };
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(markup);
  root.replaceChildren(template.content);
  return (id) => root.querySelector(`#${id}`);
}

/** A new element with these properties and children. @returns {any} */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/**
 * Where to draw into a canvas: in memory. The browser draws into any other by the GPU, and while that
 * compiles a model's kernels, asking for the first one holds the page up for seconds.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @returns {any} its context
 */
export function paperOf(canvas) {
  return canvas.getContext("2d", { willReadFrequently: true });
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

/**
 * A voice for screen readers: says the newest of a burst of changes, politely.
 * @param {HTMLElement} region with `aria-live`
 * @returns {(text: string) => void}
 */
export function createAnnouncer(region) {
  let newest = "";
  const speak = afterPause(() => {
    region.textContent = newest;
  }, 700);
  return (text) => {
    newest = text;
    speak();
  };
}

/** A number with a real minus sign and steady width. */
export function formatNumber(value, digits) {
  return value.toFixed(digits).replace("-", "\u2212");
}

/**
 * Moves the focus within a group of buttons by the arrow keys, so that the group is one stop
 * of the Tab key. `columns` says how many stand in a row.
 */
export function rove(group, buttons, columns) {
  group.addEventListener("keydown", (event) => {
    const index = buttons.indexOf(event.target);
    const last = buttons.length - 1;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns(), Home: -index, End: last - index }[event.key];
    const next = buttons[index + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  group.addEventListener("focusin", ({ target }) => {
    if (!buttons.includes(target)) return;
    for (const button of buttons) button.tabIndex = button === target ? 0 : -1;
  });
  buttons.forEach((button, i) => {
    button.tabIndex = i === 0 ? 0 : -1;
  });
}
