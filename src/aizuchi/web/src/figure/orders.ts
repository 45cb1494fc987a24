/** What the page and the thread on which the figure is drawn tell each other. */
import type { Look } from "./scene";

/** The numbers of a frame (`heard.ts`), or whatever happens more seldom. */
export type Order =
  | Float32Array
  | { readonly canvas: OffscreenCanvas; readonly look: Look | undefined }
  | { readonly size: readonly [width: number, height: number, ratio: number] }
  | { readonly emotion: readonly [name: string, intensity: number] }
  | { readonly seen: boolean };

/** The thread's only word: it runs, and it can draw. */
export const READY = "ready";
