/** A small chart of recent turns. uPlot comes only when there is something to draw. */
import { useEffect, useRef } from "preact/hooks";
import { language } from "../shared/i18n";
import type { TurnRow } from "./model";
import { t } from "./texts";

const HEIGHT = 150;
const FEWEST = 2;

/** The figure of a spoken turn, else that of a typed one; null draws a gap. */
function value(turn: TurnRow, name: string): number | null {
  const found = turn[`${name}_from_voice_ms`] ?? turn[`${name}_ms`];
  return typeof found === "number" ? found : null;
}

export function Chart({ turns }: { readonly turns: readonly TurnRow[] }) {
  const host = useRef<HTMLDivElement>(null);
  const drawn = turns.filter((each) => value(each, "first_audio") !== null || value(each, "first_token") !== null);
  const last = drawn.at(-1)?.at ?? 0;
  const enough = drawn.length >= FEWEST;
  const dark = document.documentElement.dataset["theme"];
  useEffect(() => {
    const element = host.current;
    if (!enough || !element) return;
    let gone = () => {};
    let over = false;
    void import("./plot").then(({ plot }) => {
      if (over) return;
      const style = getComputedStyle(document.documentElement);
      const colour = (name: string) => style.getPropertyValue(name).trim();
      gone = plot(element, HEIGHT, {
        numbers: drawn.map((_, index) => index + 1 - drawn.length),
        ink: colour("--ink-soft"),
        grid: colour("--line"),
        lines: [
          { label: t("firstToken"), colour: colour("--mood-thinking"), values: drawn.map((each) => value(each, "first_token")) },
          { label: t("firstSound"), colour: colour("--mood-speaking"), values: drawn.map((each) => value(each, "first_audio")) },
        ],
      });
    });
    return () => {
      over = true;
      gone();
    };
  }, [last, drawn.length, dark, language.value]);
  if (!enough) return null;
  return (
    <figure class="chart">
      <div ref={host} role="img" aria-label={t("chart", { count: drawn.length })} />
      <figcaption class="soft">{t("chart", { count: drawn.length })}</figcaption>
    </figure>
  );
}
