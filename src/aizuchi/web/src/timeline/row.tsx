/** One turn: its head in words, the picture, on demand the table. */
import { Component } from "preact";
import { Details } from "./details";
import type { Figures } from "./figures";
import { type Bar, LANES, type Mark, bars, marks, slowest, waited } from "./lanes";
import { scale, short } from "./scale";
import { STAGE_LANE, badges, barLines, barName, laneFigures, markLines, markName, rangeOf, slowestText } from "./telling";
import { t } from "./words";
import { LANE, Waterfall, columns } from "./waterfall";

export interface RowProps {
  readonly turn: Figures;
  /** Of the turn, and while it runs the time: nothing else makes a row be drawn again. */
  readonly version: number;
  readonly now: number;
  readonly width: number;
  readonly whole: boolean;
  /** For a change of language. */
  readonly lang: string;
  /** In a saved timeline: lets it pass from here on. */
  readonly onPlay?: ((at: number) => void) | undefined;
  readonly current?: boolean;
}

interface RowState {
  readonly picked: number | null;
  readonly open: boolean;
}

const FOLLOWED: readonly (keyof RowProps)[] = ["turn", "version", "now", "width", "whole", "lang", "current"];

export class Row extends Component<RowProps, RowState> {
  override state: RowState = { picked: null, open: false };

  override shouldComponentUpdate(props: RowProps, state: RowState): boolean {
    return state !== this.state || FOLLOWED.some((name) => props[name] !== this.props[name]);
  }

  private pick = (picked: number | null): void => {
    if (picked !== this.state.picked) this.setState({ picked });
  };

  /** The arrows go from bar to bar, and what is told of each is said aloud. */
  private key(event: KeyboardEvent, count: number): void {
    const { picked } = this.state;
    const next: Record<string, number | null> = {
      ArrowRight: picked === null ? 0 : Math.min(count - 1, picked + 1),
      ArrowLeft: picked === null ? count - 1 : Math.max(0, picked - 1),
      Home: 0,
      End: count - 1,
    };
    if (event.key in next) this.pick(next[event.key]!);
    // Only a tooltip that shows is closed: otherwise Esc is the page's own key.
    else if (event.key === "Escape" && picked !== null) this.pick(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  override render() {
    const { turn, now, width, whole, onPlay } = this.props;
    const { picked, open } = this.state;
    const [found, signs, slow, wait] = [bars(turn, now), marks(turn), slowest(turn), waited(turn)];
    const range = rangeOf(turn, found, whole);
    const head = `tl-head-${turn.turn}-${turn.begun}`;
    return (
      <li class={`tl-row${this.props.current ? " tl-current" : ""}`} data-testid="turn-row" data-turn={turn.turn} data-outcome={turn.outcome} data-slowest={slow?.stage ?? ""}>
        <div class="tl-top">
          <button
            type="button"
            class="tl-head"
            id={head}
            aria-expanded={open}
            onClick={() => this.setState({ open: !open })}
            onKeyDown={(event) => this.key(event, found.length + signs.length)}
            onBlur={() => this.pick(null)}
          >
            <span class="tl-number">{t("turn", { turn: turn.turn })}</span>
            <span class="tl-verdict">
              {slow && (turn.firstAudio !== null || turn.outcome) ? <strong>{slowestText(slow)}</strong> : null}
              <span>{verdict(turn, wait)}</span>
            </span>
            {badges(turn).map((badge) => (
              <span key={badge.text} class={`tl-badge tl-${badge.kind}`}>
                {badge.text}
              </span>
            ))}
            {turn.said && <span class="tl-said">{turn.said}</span>}
          </button>
          {onPlay && (
            <button type="button" class="tl-play" onClick={() => onPlay(found[0]?.from ?? turn.begun)} aria-label={`${t("play_from")}: ${t("turn", { turn: turn.turn })}`} title={t("play_from")}>
              <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
                <path d="M3 1.5v11l9-5.5z" fill="currentColor" />
              </svg>
            </button>
          )}
        </div>
        <div class="tl-picture">
          <Waterfall
            bars={found}
            marks={signs}
            zero={turn.zero}
            range={range}
            slowest={slow && STAGE_LANE[slow.stage]}
            figures={laneFigures(found)}
            width={width}
            picked={picked}
            onPick={this.pick}
          />
          {picked !== null && <Tip turn={turn} bars={found} marks={signs} picked={picked} width={width} x={tipPlace(turn, found, signs, picked, width, range)} />}
        </div>
        {open && <Details turn={turn} bars={found} marks={signs} />}
      </li>
    );
  }
}

function verdict(turn: Figures, wait: number | null): string {
  if (wait !== null) return t("first_sound", { time: short(wait) });
  if (!turn.outcome) return t("running");
  return turn.zero === turn.begun && turn.userEnd === null ? t("nobody_waited") : "";
}

function tipPlace(turn: Figures, found: readonly Bar[], signs: readonly Mark[], picked: number, width: number, range: { from: number; to: number }): number {
  const { left, right } = columns(width);
  const thing = found[picked] ?? null;
  const at = thing ? (thing.from + thing.to) / 2 : (signs[picked - found.length]?.at ?? turn.zero);
  const x = scale(range, right - left)((at - turn.zero) * 1000);
  return left + Math.min(right - left, Math.max(0, x));
}

function Tip(props: { turn: Figures; bars: readonly Bar[]; marks: readonly Mark[]; picked: number; width: number; x: number }) {
  const bar = props.bars[props.picked];
  const mark = props.marks[props.picked - props.bars.length];
  if (!bar && !mark) return null;
  const lane = (bar ?? mark)!.lane;
  const lanes = [...new Set([...props.bars, ...props.marks].map((each) => each.lane))].length;
  // Above half the picture it hangs below its bar, else it stands above, so that it does not cover what it tells of.
  const order = lanesBefore(props.bars, props.marks, lane);
  const below = order < lanes / 2;
  const style = {
    left: `${Math.min(Math.max(props.x, 130), Math.max(130, props.width - 130))}px`,
    ...(below ? { top: `${(order + 1) * LANE + 2}px` } : { bottom: `calc(100% - ${order * LANE - 2}px)` }),
  };
  return (
    <div class="tl-tip" role="status" style={style}>
      <strong>{bar ? barName(bar) : markName(mark!)}</strong>
      {(bar ? barLines(props.turn, bar) : markLines(props.turn, mark!)).map((line) => (
        <span key={line}>{line}</span>
      ))}
    </div>
  );
}

function lanesBefore(found: readonly Bar[], signs: readonly Mark[], lane: string): number {
  const there = new Set([...found, ...signs].map((each) => each.lane));
  let before = 0;
  for (const each of LANES) {
    if (each === lane) return before;
    if (there.has(each)) before += 1;
  }
  return before;
}
