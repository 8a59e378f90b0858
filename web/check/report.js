/** The check's result in words: what a reader sees first, and what they send us. */

const ms = (value) => (value < 10 ? value.toPrecision(2) : value.toFixed(0));

/** @param {import("./run.js").Report} report */
export function verdict({ hasGpu, items, done, device }) {
  const of = (state) => items.filter((item) => item.state === state);
  const [right, differs, failed, left] = ["right", "differs", "failed", "not tried"].map((state) => of(state).length);
  if (!hasGpu) return `There is no GPU to check here: ${device.find((line) => line.startsWith("GPU: ")).replace(/^GPU: (none, )?/, "")}. vaelet runs on the CPU.`;
  if (!done) return items.length ? `Checking: ${items.length - of("waiting").length} of ${items.length}.` : "Checking.";
  if (items.length === 0) return "There is nothing of this name to check.";
  if (right === items.length) return `This GPU gives the right pictures: ${right} of ${items.length} checks agree with the CPU.`;
  const parts = [differs && `${differs} differ`, failed && `${failed} failed`, left && `${left} were not tried, because the GPU no longer answered`].filter(Boolean);
  return `This GPU does not give the right pictures: of ${items.length} checks ${parts.join(", ")}.`;
}

/** An item's cells: largest difference, times, result. @param {import("./run.js").Item} item */
export function cells({ state, found, reason }) {
  const numbers = found ? [found.largest.toExponential(1), ms(found.gpu), ms(found.cpu)] : ["", "", ""];
  return [...numbers, state === "failed" ? `failed: ${reason}` : state === "waiting" ? "" : state];
}

/** The report as text. @param {import("./run.js").Report} report */
export function textOf(report) {
  const rows = report.items.map((item) => {
    const [difference, gpu, cpu, result] = cells(item);
    return [item.name.padEnd(44), difference.padStart(9), gpu.padStart(8), cpu.padStart(8), ` ${result || "waiting"}`].join(" ");
  });
  const head = ["".padEnd(44), "difference", " GPU ms", " CPU ms"].join(" ");
  return [`vaelet check, ${new Date().toISOString()}, ${location.href}`, verdict(report), "", ...report.device, "", head, ...rows, ""].join("\n");
}
