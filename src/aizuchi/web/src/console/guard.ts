/** Changes that would be lost: asked about before a tab, a character or the page is left. */
import { t } from "./texts";

const unsaved = new Set<string>();

export function note(part: string, dirty: boolean): void {
  if (dirty) unsaved.add(part);
  else unsaved.delete(part);
}

/** True when nothing is lost, or may be. */
export function mayLeave(): boolean {
  if (!unsaved.size || confirm(t("unsaved"))) {
    unsaved.clear();
    return true;
  }
  return false;
}

addEventListener("beforeunload", (event) => {
  if (unsaved.size) event.preventDefault();
});
