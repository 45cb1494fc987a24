/**
 * The timeline of the running session: the newest turn on top, ten at once compared. Its frame, with a name and
 * a way to close it, is the stage's.
 */
import { type ReadonlySignal, effect } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Entry } from "../talk/model";
import { Compare } from "./compare";
import type { Figures } from "./figures";
import { Following } from "./turns";
import { Legend, Turns, WindowChoice, useWidth } from "./turns-view";
import { Fillings } from "./waterfall";
import { t } from "./words";

/** Milliseconds between two drawings, while entries come or a turn runs. */
const PACE = 100;

/**
 * Draws at most ten times a second, however fast entries come. A running turn's bars grow between them: by the
 * page's own clock, counted from the last entry, and only so long as something can be expected.
 */
function useFolded(entries: ReadonlySignal<readonly Entry[]>) {
  const following = useMemo(() => new Following(), [entries]);
  const [view, setView] = useState<{ turns: readonly Figures[]; now: number }>({ turns: [], now: 0 });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let [arrived, newest] = [0, -1];
    let wanted = true;
    const draw = () => {
      timer = undefined;
      if (wanted) following.update(entries.peek());
      wanted = false;
      const { folding } = following;
      if (folding.now !== newest) [arrived, newest] = [performance.now(), folding.now];
      const idle = (performance.now() - arrived) / 1000;
      // A new list each time: what gets the same one is not drawn again.
      setView({ turns: [...folding.turns], now: folding.now + idle });
      if (folding.running.size && idle < 60 && !document.hidden) timer = setTimeout(draw, PACE);
    };
    const stop = effect(() => {
      entries.value;
      wanted = true;
      timer ??= setTimeout(draw, following.folding.now ? PACE : 0);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [entries, following]);
  return view;
}

export function TimelinePanel(props: { entries: ReadonlySignal<readonly Entry[]> }) {
  const { turns, now } = useFolded(props.entries);
  const { ref, width } = useWidth();
  const [whole, setWhole] = useState(false);
  return (
    <div class="tl">
      <Fillings />
      <div class="tl-measure" ref={ref} />
      {turns.length === 0 ? (
        <p class="tl-soft">{t("empty")}</p>
      ) : (
        <>
          <Compare turns={turns} width={width} />
          <div class="tl-bar-of-controls">
            <WindowChoice whole={whole} onChange={setWhole} />
            <Legend />
          </div>
          <Turns turns={[...turns].reverse()} now={now} width={width} whole={whole} page={20} />
        </>
      )}
    </div>
  );
}
