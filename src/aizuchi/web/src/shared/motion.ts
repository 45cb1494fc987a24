/** Whether the person asked for less motion. */
import { signal, type ReadonlySignal } from "@preact/signals";

const wished = signal(false);
if (typeof matchMedia === "function") {
  const query = matchMedia("(prefers-reduced-motion: reduce)");
  wished.value = query.matches;
  query.addEventListener("change", () => (wished.value = query.matches));
}

export const lessMotion: ReadonlySignal<boolean> = wished;
