/** The place of the timeline panel, whose code comes when it is first opened. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { IconButton } from "../shared/ui";
import { useStage } from "./context";
import { t } from "./words";

type Parts = typeof import("../timeline");

export function TimelineSlot() {
  const { conversation, page } = useStage();
  const parts = useSignal<Parts | "failed" | null>(null);
  const open = page.timelineOpen.value;
  const saved = page.saved.value;

  useEffect(() => {
    if (!open || parts.peek()) return;
    import("../timeline").then((found) => (parts.value = found)).catch(() => (parts.value = "failed"));
  }, [open]);

  if (!open) return null;
  const close = () => {
    if (saved) page.saved.value = null;
    else page.timelineOpen.value = false;
  };
  const loaded = parts.value;
  return (
    <section class="timeline-slot" data-testid="timeline-panel" aria-label={t(saved ? "saved" : "timeline")}>
      <header>
        <h2>{t(saved ? "saved" : "timeline")}</h2>
        <IconButton icon="close" label={t("close")} onClick={close} />
      </header>
      <div class="timeline-inside">
        {loaded === null && <p role="status">{t("timelineLoading")}</p>}
        {loaded === "failed" && <p role="alert">{t("timelineFailed")}</p>}
        {loaded && loaded !== "failed" && (saved ? <loaded.SavedTimelineView saved={saved} /> : <loaded.TimelinePanel entries={conversation.entries} />)}
      </div>
    </section>
  );
}
