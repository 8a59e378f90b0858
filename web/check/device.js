/** What the browser tells of the GPU, for the report. Nothing here may throw: it is asked where things are wrong. */

/** How long the browser may take to answer. */
const PATIENCE = 10_000;

/**
 * @returns {Promise<{ name: string, lines: string[] }>} the GPU's name, or why there is none
 */
export async function describeDevice() {
  const lines = [`Browser: ${navigator.userAgent}`];
  if (!navigator.gpu) {
    const reason = isSecureContext ? "this browser has no WebGPU, or it is switched off" : "WebGPU needs https";
    return { name: "", lines: [...lines, `GPU: none, ${reason}`] };
  }
  try {
    const late = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`no answer in ${PATIENCE / 1000} seconds`)), PATIENCE);
    });
    const adapter = await Promise.race([navigator.gpu.requestAdapter({ powerPreference: "high-performance" }), late]);
    if (!adapter) return { name: "", lines: [...lines, "GPU: none, the browser offers no adapter"] };
    const info = adapter.info ?? {};
    const name = [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(", ") || "unnamed";
    const software = info.isFallbackAdapter ?? adapter.isFallbackAdapter;
    lines.push(`GPU: ${name}${software ? " (in software)" : ""}`);
    lines.push(`Features: ${[...adapter.features].sort().join(", ") || "none"}`);
    const limits = [];
    for (const limit in adapter.limits) if (typeof adapter.limits[limit] === "number") limits.push(`${limit} ${adapter.limits[limit]}`);
    lines.push(`Limits: ${limits.join(", ")}`);
    return { name, lines };
  } catch (error) {
    return { name: "", lines: [...lines, `GPU: could not be asked, ${error.message}`] };
  }
}
