/** The place of the figure: makes the one the character wears, tells it what happens, and where to look. */
import { effect, useComputed, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { makeFigure } from "../figure";
import type { Figure, Worn } from "../figure/figure";
import type { FigureSpec } from "../talk/model";
import { nameOf, useStage } from "./context";
import { t } from "./words";

const DRAWN: FigureSpec = { kind: "drawn" };
/** A pointer that rests this long is no longer looked at. */
const BORED_MS = 4_000;

export function FigureHost() {
  const { conversation, page } = useStage();
  const host = useRef<HTMLDivElement>(null);
  const figure = useRef<Figure | null>(null);
  const last = useRef<FigureSpec>(DRAWN);
  const spec = useComputed(() => {
    const told = conversation.character.value?.figure ?? DRAWN;
    // The same figure told again is not put on again.
    if (JSON.stringify(told) !== JSON.stringify(last.current)) last.current = told;
    return page.worn.value ?? last.current;
  });

  useSignalEffect(() => {
    const wanted = spec.value;
    const place = host.current;
    if (!place) return;
    let gone = false;
    let stop = () => {};
    let made: Figure | null = null;
    const put = async (which: Worn) => {
      made = await makeFigure(which, conversation.cues);
      if (gone) return made.dispose();
      await made.mount(place);
      if (gone) return made.dispose();
      figure.current = made;
      const mine = made;
      const ends = [
        effect(() => mine.state(conversation.state.value, conversation.held.value)),
        effect(() => mine.emotion(conversation.emotion.value.name, conversation.emotion.value.intensity)),
      ];
      stop = () => ends.forEach((end) => end());
    };
    put(wanted).catch((error: unknown) => {
      if (gone) return;
      made?.dispose();
      page.tell(t("figureFailed", { reason: error instanceof Error ? error.message : String(error) }), true);
      // Nobody talks with an empty chair.
      if (page.worn.peek()) page.worn.value = null;
      else if (wanted.kind !== "drawn") put(DRAWN).catch(() => {});
    });
    return () => {
      gone = true;
      stop();
      if (figure.current) figure.current.dispose();
      figure.current = null;
    };
  });

  useEffect(() => {
    let bored = 0;
    const look = (event: PointerEvent) => {
      const box = host.current?.getBoundingClientRect();
      if (!box || box.width === 0 || page.writing.peek()) return;
      const clamp = (value: number) => Math.max(-1, Math.min(1, value));
      // The eyes sit in the upper part; a pointer at the window's rim is looked at fully.
      const x = clamp((event.clientX - (box.left + box.width / 2)) / (innerWidth / 2));
      const y = clamp((event.clientY - (box.top + box.height * 0.4)) / (innerHeight / 2));
      figure.current?.gaze({ x, y });
      clearTimeout(bored);
      bored = window.setTimeout(() => figure.current?.gaze(null), BORED_MS);
    };
    addEventListener("pointermove", look, { passive: true });
    addEventListener("pointerdown", look, { passive: true });
    const stop = effect(() => figure.current?.gaze(page.writing.value ? { x: 0.45, y: 0.6 } : null));
    return () => {
      removeEventListener("pointermove", look);
      removeEventListener("pointerdown", look);
      clearTimeout(bored);
      stop();
    };
  }, [page]);

  return <div ref={host} class="figure" data-testid="figure" role="img" aria-label={t("figure", { name: nameOf(conversation.character) })} />;
}
