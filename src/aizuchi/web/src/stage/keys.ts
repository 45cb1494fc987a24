/** What the keys mean. Pure decisions; the components listen. */
import type { Mode } from "../talk/model";

type Key = Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey" | "isComposing" | "keyCode" | "repeat">;

/**
 * Enter sends, Shift+Enter begins a line. An Enter that chooses a candidate in an input method does neither: browsers
 * say so by `isComposing`; Safari ends the composition first and leaves key code 229 as the only sign.
 */
export const sends = (event: Key): boolean =>
  event.key === "Enter" && !event.shiftKey && !event.altKey && !event.isComposing && event.keyCode !== 229;

const composing = (event: Key) => event.isComposing || event.keyCode === 229;
const plain = (event: Key) => !event.ctrlKey && !event.metaKey && !event.altKey;

/** Elements for which a space is text or a press of their own. */
const KEEPS_SPACE = "input, textarea, select, button, a[href], summary, audio, video, [contenteditable], [role=slider], [role=tab]";

export const keepsSpace = (target: EventTarget | null): boolean => target instanceof Element && target.closest(KEEPS_SPACE) !== null;

export type Wish = "interrupt" | "hold" | "release" | null;

/** What a key on the page asks for. Dialogs answer Esc themselves. */
export function wish(
  kind: "down" | "up",
  event: Key & { readonly target: EventTarget | null; readonly defaultPrevented: boolean },
  now: { readonly mode: Mode; readonly holding: boolean; readonly dialog: boolean; readonly stoppable: boolean },
): Wish {
  if (event.key === " " && kind === "up") return now.holding ? "release" : null;
  if (kind === "up" || now.dialog || event.defaultPrevented) return null;
  if (event.key === "Escape") return now.stoppable && !composing(event) ? "interrupt" : null;
  if (event.key === " " && now.mode === "push" && plain(event) && !event.repeat && !keepsSpace(event.target)) return "hold";
  return null;
}
