/** The page: the figure with its rings, the controls below it, the captions beside it. */
import { useEffect, useMemo } from "preact/hooks";
import { IconButton } from "../shared/ui";
import { dress } from "../shared/theme";
import { language } from "../shared/i18n";
import { computed } from "@preact/signals";
import type { Conversation } from "../talk/model";
import { Banners } from "./banners";
import { Captions, CaptionTools } from "./captions";
import { Composer } from "./composer";
import { moodOf, nameOf, Page, StageContext, stoppable, useStage } from "./context";
import { beginHold, Dock, endHold } from "./dock";
import { DropZone } from "./drop-zone";
import { FigureHost } from "./figure-host";
import { Halo } from "./halo";
import { wish } from "./keys";
import { Sheets } from "./sheets";
import { Status } from "./status";
import { TimelineSlot } from "./timeline-slot";
import { t } from "./words";

export function Stage({ conversation }: { conversation: Conversation }) {
  const surroundings = useMemo(() => ({ conversation, page: new Page() }), [conversation]);
  useEffect(() => dress(computed(() => conversation.settings.value.theme), language), [conversation]);
  return (
    <StageContext.Provider value={surroundings}>
      <Whole />
    </StageContext.Provider>
  );
}

function Whole() {
  const { conversation, page } = useStage();
  const name = nameOf(conversation.character);
  useKeys();
  useEffect(() => {
    document.title = name === "Aizuchi" ? name : `${name} · Aizuchi`;
  }, [name]);
  return (
    <>
      <main
        class={`stage ${page.timelineOpen.value ? "with-timeline" : ""}`}
        data-testid="stage"
        data-mood={moodOf(conversation)}
        data-state={conversation.state.value}
        data-held={String(conversation.held.value)}
        data-connection={conversation.connection.value.status}
        data-mic={conversation.mic.value}
      >
        <header class="head">
          <h1>{name}</h1>
          <div class="head-buttons">
            <CaptionTools />
            <IconButton icon="timeline" label={t("timeline")} testid="timeline-toggle" expanded={page.timelineOpen.value} onClick={() => (page.timelineOpen.value = !page.timelineOpen.value)} />
            <IconButton icon="settings" label={t("settings")} testid="settings" expanded={page.sheet.value === "settings"} onClick={() => (page.sheet.value = "settings")} />
          </div>
        </header>
        <div class="scene">
          <Halo />
          <FigureHost />
          <Status />
        </div>
        <Dock />
        <div class="words">
          <Captions />
          <Composer />
        </div>
        <Banners />
        <TimelineSlot />
      </main>
      <Sheets />
      <DropZone />
    </>
  );
}

/** Esc and the space bar, wherever the focus is. */
function useKeys(): void {
  const { conversation, page } = useStage();
  useEffect(() => {
    const act = (kind: "down" | "up") => (event: KeyboardEvent) => {
      const now = {
        mode: conversation.settings.peek().mode,
        holding: page.holding.peek(),
        dialog: page.sheet.peek() !== null,
        stoppable: stoppable(conversation),
      };
      const wanted = wish(kind, event, now);
      if (wanted === null) return;
      event.preventDefault();
      if (wanted === "interrupt") conversation.interrupt();
      else if (wanted === "hold") void beginHold(conversation, page);
      else endHold(conversation, page);
    };
    const down = act("down");
    const up = act("up");
    // A key that is let go in another window is never told.
    const away = () => endHold(conversation, page);
    addEventListener("keydown", down);
    addEventListener("keyup", up);
    addEventListener("blur", away);
    return () => {
      removeEventListener("keydown", down);
      removeEventListener("keyup", up);
      removeEventListener("blur", away);
    };
  }, [conversation, page]);
}
