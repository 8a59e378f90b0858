/** Files that are dropped: wherever they fall, they do not take the page away. */

/**
 * @param {HTMLElement | Window} area
 * @param {(file: File | undefined, event: DragEvent) => void} take not for what somebody further in has taken; `undefined` where nothing dropped is a file
 * @param {AddEventListenerOptions} [options]
 */
export function acceptFiles(area, take, options) {
  area.addEventListener("dragover", (/** @type {DragEvent} */ event) => {
    if (wouldLeave(event)) event.preventDefault();
  }, options);
  area.addEventListener("drop", (/** @type {DragEvent} */ event) => {
    if (event.defaultPrevented || !wouldLeave(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0], event);
  }, options);
}

/** Whether a browser may open what is dragged; a field takes an address as text. @param {DragEvent} event */
function wouldLeave(event) {
  const types = [...(event.dataTransfer?.types ?? [])];
  const [target] = event.composedPath();
  return types.includes("Files") || (types.includes("text/uri-list") && !(target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement));
}
