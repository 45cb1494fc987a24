/** One turn: its head in words, the picture, on demand the table. */
import { Component } from "preact";
import { Details } from "./details";
import type { Figures } from "./figures";
import { type Bar, LANES, type Lane, type Mark, bars, marks, slowest, waited } from "./lanes";
import { type Range, scale, short } from "./scale";
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
    const told = picked === null ? null : tell(turn, found, signs, picked);
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
        <div class="tl-picture" hidden={found.length + signs.length === 0}>
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
          {told && <Tip told={told} order={lanesBefore(found, signs, told.lane)} of={LANES.filter((lane) => [...found, ...signs].some((each) => each.lane === lane)).length} width={width} x={place(turn, told, width, range)} />}
          <p class="tl-hidden" aria-live="polite">
            {told && [told.name, ...told.lines].join(", ")}
          </p>
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

interface Told {
  readonly lane: Lane;
  readonly at: number;
  readonly name: string;
  readonly lines: readonly string[];
}

function tell(turn: Figures, found: readonly Bar[], signs: readonly Mark[], picked: number): Told | null {
  const bar = found[picked];
  if (bar) return { lane: bar.lane, at: (bar.from + bar.to) / 2, name: barName(bar), lines: barLines(turn, bar) };
  const mark = signs[picked - found.length];
  return mark ? { lane: mark.lane, at: mark.at, name: markName(mark), lines: markLines(turn, mark) } : null;
}

function place(turn: Figures, told: Told, width: number, range: Range): number {
  const { left, right } = columns(width);
  const x = scale(range, right - left)((told.at - turn.zero) * 1000);
  return left + Math.min(right - left, Math.max(0, x));
}

/** In the upper half of the picture it hangs below its lane, else it stands above: it never covers what it tells of. */
function Tip(props: { told: Told; order: number; of: number; width: number; x: number }) {
  const { told, order, width } = props;
  const style = {
    left: `${Math.min(Math.max(props.x, 130), Math.max(130, width - 130))}px`,
    ...(order < props.of / 2 ? { top: `${(order + 1) * LANE + 2}px` } : { bottom: `calc(100% - ${order * LANE - 2}px)` }),
  };
  return (
    <div class="tl-tip" aria-hidden="true" style={style}>
      <strong>{told.name}</strong>
      {told.lines.map((line) => (
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
