/** The sheet that is open. Its code comes when it is first wanted, so that the page itself is there sooner. */
import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { useStage } from "./context";
import { t } from "./words";

const SHEETS = { settings: () => import("./settings"), camera: () => import("./camera") } as const;

export function Sheets() {
  const { page } = useStage();
  const loaded = useSignal<Partial<Record<keyof typeof SHEETS, ComponentType>>>({});
  const wanted = page.sheet.value;
  useEffect(() => {
    if (!wanted || loaded.peek()[wanted]) return;
    SHEETS[wanted]()
      .then((found) => (loaded.value = { ...loaded.peek(), [wanted]: found.default }))
      .catch(() => {
        page.sheet.value = null;
        page.tell(t("timelineFailed"), true);
      });
  }, [wanted]);
  const Sheet = wanted && loaded.value[wanted];
  return Sheet ? <Sheet /> : null;
}
