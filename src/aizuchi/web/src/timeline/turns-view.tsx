/** The rows of many turns: legend, what is shown of each, and no more of them than are looked at. */
import { useEffect, useRef, useState } from "preact/hooks";
import { language } from "../shared/i18n";
import type { Figures } from "./figures";
import type { Part } from "./lanes";
import { Row } from "./row";
import { Swatch } from "./waterfall";
import { type Key, t } from "./words";

const LEGEND: readonly Part[] = ["speaking", "end_point", "asr_wait", "kept", "dropped", "queue", "llm_wait", "llm", "clause", "tool", "tts_wait", "tts", "on_its_way", "sound", "held", "tidied"];

/** The width of an element in whole pixels, as it changes. */
export function useWidth(fallback = 640) {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(fallback);
  useEffect(() => {
    const element = ref.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(240, Math.floor(entry!.contentRect.width))));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}

export interface TurnsProps {
  /** In the order in which they are drawn. */
  readonly turns: readonly Figures[];
  readonly now: number;
  readonly width: number;
  readonly whole: boolean;
  /** How many at first, and with each wish for more. */
  readonly page: number;
  readonly current?: number | null;
  readonly onPlay?: (at: number) => void;
}

export function Turns(props: TurnsProps) {
  const [shown, setShown] = useState(props.page);
  const { turns, now, width, whole } = props;
  const more = Math.min(props.page, turns.length - shown);
  return (
    <>
      <ol class="tl-rows">
        {turns.slice(0, shown).map((turn) => (
          <Row
            key={`${turn.turn} ${turn.begun}`}
            turn={turn}
            version={turn.version}
            now={turn.outcome ? 0 : now}
            width={width}
            whole={whole}
            lang={language.value}
            onPlay={props.onPlay}
            current={props.current === turn.turn}
          />
        ))}
      </ol>
      {more > 0 && (
        <button type="button" class="tl-button" onClick={() => setShown(shown + props.page)}>
          {t("older", { count: more })}
        </button>
      )}
    </>
  );
}

export function WindowChoice(props: { whole: boolean; onChange(whole: boolean): void }) {
  return (
    <div class="tl-choice" role="group" aria-label={t("window")}>
      {[false, true].map((whole) => (
        <button type="button" key={String(whole)} aria-pressed={props.whole === whole} onClick={() => props.onChange(whole)}>
          {t(whole ? "window_whole" : "window_start")}
        </button>
      ))}
    </div>
  );
}

export function Legend() {
  return (
    <details class="tl-legend">
      <summary>{t("legend")}</summary>
      <ul>
        {LEGEND.map((part) => (
          <li key={part}>
            <Swatch part={part} />
            {t(`part_${part}` as Key)}
          </li>
        ))}
      </ul>
    </details>
  );
}
