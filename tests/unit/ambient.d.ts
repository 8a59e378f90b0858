/** What the page's modules find that no module of theirs declares. */

/** The glue of the programs, which the build puts beside `web/`. */
declare module "*/vaelet-web.js" {
  /** Fetches and compiles the program. */
  export default function start(): Promise<WebAssembly.Exports>;
}
declare module "*/vaelet-web-full.js" {
  /** Fetches and compiles the program. */
  export default function start(): Promise<WebAssembly.Exports>;
}

/** The program of the uses. */
declare module "*/vaelet-uses-web.js" {
  export default function start(): Promise<WebAssembly.Exports>;
}

/** The program that makes sounds. */
declare module "*/vaelet-sound-web.js" {
  export default function start(): Promise<WebAssembly.Exports>;
}

/** The program that reads and writes molecules. */
declare module "*/vaelet-molecule-web.js" {
  export default function start(): Promise<WebAssembly.Exports>;
}

/** What the build bundles of smiles-drawer: places of a molecule's atoms on paper. */
declare module "*/vaelet-structures.js" {
  export const Parser: { parse(smiles: string): object };
  export class SvgDrawer {
    constructor(options: object, clear: boolean);
    svgWrapper: object;
    draw(tree: object, target: SVGSVGElement, theme: string): void;
  }
}

/** The program that trains. */
declare module "*/vaelet-learn-web.js" {
  export default function start(): Promise<WebAssembly.Exports>;
}
declare module "*/vaelet-learn-web-relaxed.js" {
  export default function start(): Promise<WebAssembly.Exports>;
}
declare module "*/vaelet-learn-gpu-web.js" {
  export default function start(): Promise<WebAssembly.Exports>;
}

/** The program that imports models. */
declare module "*/vaelet-import-web.js" {
  export default function start(): Promise<WebAssembly.Exports>;
}

interface Window {
  /** For tests and the curious. */
  vaelet: object;
}
