/** How loud the microphone is: a few bars, moved straight by the frame and not by Preact. */
import { useEffect, useRef } from "preact/hooks";
import { useStage } from "./context";
import { t } from "./words";

/** Bars in the middle swing further, so that a steady voice looks alive and not like a battery. */
const SHAPE = [0.45, 0.7, 0.9, 1, 0.8, 0.95, 0.6];

export function Level() {
  const { conversation } = useStage();
  const meter = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let frame = 0;
    let told = 0;
    const past = new Array<number>(SHAPE.length).fill(0);
    const draw = (now: number) => {
      const element = meter.current;
      if (element) {
        const level = Math.min(1, Math.max(0, conversation.cues.userLevel()));
        past.unshift(level);
        past.pop();
        SHAPE.forEach((share, bar) => {
          // From the middle outwards the bars show a moment ago.
          const then = past[Math.abs(bar - 3)] ?? 0;
          const child = element.children[bar] as HTMLElement;
          child.style.transform = `scaleY(${(0.14 + 0.86 * Math.min(1, then * 1.25) * share).toFixed(3)})`;
        });
        // For assistive technology twice a second is plenty.
        if (now - told > 500) {
          told = now;
          element.setAttribute("aria-valuenow", String(Math.round(level * 100)));
        }
      }
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [conversation]);
  return (
    <span ref={meter} class="level" data-testid="level" role="meter" aria-label={t("level")} aria-valuemin={0} aria-valuemax={100} aria-valuenow={0}>
      {SHAPE.map((_, bar) => (
        <i key={bar} />
      ))}
    </span>
  );
}
