/** One turn's lanes as a picture. It says nothing to a screen reader: the table of `details.tsx` does. */
import { type Bar, LANES, type Lane, type Mark, type Part } from "./lanes";
import { type Range, scale, short, ticks } from "./scale";
import { type Key, t } from "./words";

export const LANE = 17;
const HIGH = 11;
const AXIS = 18;

/** Stripes: something is waited for. Plain: something is done. Dots and crosses: what stands beside the path. */
const PATTERNS: Readonly<Record<Part, readonly [colour: string, kind: "plain" | "stripes" | "dots" | "cross" | "pause"]>> = {
  speaking: ["user", "plain"],
  end_point: ["end-point", "stripes"],
  asr_listening: ["asr", "plain"],
  asr_wait: ["asr", "stripes"],
  kept: ["attempt", "dots"],
  preparing: ["attempt", "dots"],
  dropped: ["quiet", "cross"],
  queue: ["queue", "stripes"],
  llm_wait: ["llm", "stripes"],
  llm: ["llm", "plain"],
  clause: ["clause", "dots"],
  tool: ["tool", "dots"],
  tts_wait: ["tts", "stripes"],
  tts: ["tts", "plain"],
  on_its_way: ["sound", "stripes"],
  sound: ["sound", "plain"],
  held: ["sound", "pause"],
  tidied: ["danger", "cross"],
};

/** The fillings of all bars; once on a page is enough, twice does no harm. */
export function Fillings() {
  return (
    <svg class="tl-defs" width="0" height="0" aria-hidden="true" focusable="false">
      <defs>
        {Object.entries(PATTERNS).map(([part, [colour, kind]]) => (
          <pattern key={part} id={`tl-${part}`} class={`tl-c-${colour}`} width="6" height="6" patternUnits="userSpaceOnUse">
            <rect width="6" height="6" class={kind === "plain" ? "tl-full" : "tl-pale"} />
            {kind === "stripes" && <path d="M-1 1l2-2M0 6l6-6M5 7l2-2" class="tl-line" />}
            {kind === "dots" && <path d="M1.5 1.5h.01M4.5 4.5h.01" class="tl-line tl-dot" />}
            {kind === "cross" && <path d="M0 0l6 6M6 0L0 6" class="tl-line tl-thin" />}
            {kind === "pause" && <path d="M1.5 0v6" class="tl-line" />}
          </pattern>
        ))}
      </defs>
    </svg>
  );
}

export function colour(part: Part): string {
  return `tl-c-${PATTERNS[part][0]}`;
}

export function Swatch(props: { part: Part }) {
  return (
    <svg class="tl-swatch" width="18" height="11" aria-hidden="true" focusable="false">
      <rect width="18" height="11" rx="2" fill={`url(#tl-${props.part})`} class={`tl-bar ${colour(props.part)}`} />
    </svg>
  );
}

export interface Picture {
  readonly bars: readonly Bar[];
  readonly marks: readonly Mark[];
  /** Seconds; what the axis calls 0. */
  readonly zero: number;
  /** Milliseconds from zero. */
  readonly range: Range;
  readonly slowest: Lane | null;
  /** Of each lane, the figure at its right. */
  readonly figures: ReadonlyMap<Lane, string>;
}

export interface WaterfallProps extends Picture {
  readonly width: number;
  readonly picked: number | null;
  onPick(index: number | null): void;
}

/** Where the lanes begin and end, in pixels of a picture so wide. */
export function columns(width: number): { left: number; right: number } {
  return width < 420 ? { left: 66, right: width - 58 } : { left: 92, right: width - 66 };
}

export function Waterfall(props: WaterfallProps) {
  const { bars, marks, range, zero, width, picked } = props;
  const { left, right } = columns(width);
  const lanes = LANES.filter((lane) => bars.some((bar) => bar.lane === lane) || marks.some((mark) => mark.lane === lane));
  const height = lanes.length * LANE;
  const toPixels = scale(range, right - left);
  const x = (at: number) => left + Math.min(right - left, Math.max(0, toPixels((at - zero) * 1000)));
  const inside = (from: number, to: number) => (to - zero) * 1000 >= range.from && (from - zero) * 1000 <= range.to;
  const origin = left + toPixels(0);
  return (
    <svg class="tl-waterfall" width={width} height={height + AXIS} aria-hidden="true" focusable="false" onPointerLeave={() => props.onPick(null)}>
      {ticks(range, right - left).map((ms) => (
        <g key={ms} class={ms === 0 ? "tl-tick tl-zero" : "tl-tick"}>
          <line x1={left + toPixels(ms)} x2={left + toPixels(ms)} y1="0" y2={height + 4} />
          <text x={left + toPixels(ms)} y={height + 15} text-anchor="middle">
            {ms === 0 ? "0" : short(ms)}
          </text>
        </g>
      ))}
      {lanes.map((lane, row) => (
        <g key={lane} class={lane === props.slowest ? "tl-lane tl-slowest" : "tl-lane"}>
          {lane === props.slowest && <rect class="tl-band" x="0" width={width} y={row * LANE} height={LANE} rx="3" />}
          <text class="tl-name" x={left - 8} y={row * LANE + 12} text-anchor="end">
            {t(`lane_${lane}` as Key)}
          </text>
          <text class="tl-figure" x={width - 4} y={row * LANE + 12} text-anchor="end">
            {props.figures.get(lane) ?? ""}
          </text>
        </g>
      ))}
      {bars.map((bar, index) => {
        if (!inside(bar.from, bar.to)) return null;
        const [from, to] = [x(bar.from), x(bar.to)];
        const shape = heights(bar, bars);
        const wide = Math.max(to - from, 1.5);
        return (
          <rect
            key={index}
            class={`tl-bar ${colour(bar.part)}${picked === index ? " tl-picked" : ""}${bar.failed ? " tl-failed" : ""}`}
            fill={`url(#tl-${bar.part})`}
            x={Math.min(from, right - 1.5)}
            y={lanes.indexOf(bar.lane) * LANE + shape.y}
            width={wide}
            height={shape.height}
            rx={Math.min(2, wide / 2)}
            onPointerEnter={() => props.onPick(index)}
            onPointerDown={() => props.onPick(index)}
          />
        );
      })}
      <line class="tl-origin" x1={origin} x2={origin} y1="0" y2={height + 4} />
      {marks.map((mark, index) => {
        if (!inside(mark.at, mark.at)) return null;
        const [at, y] = [x(mark.at), lanes.indexOf(mark.lane) * LANE];
        return (
          <g key={`mark${index}`} class={`tl-mark tl-mark-${mark.kind}`} onPointerEnter={() => props.onPick(bars.length + index)}>
            {mark.kind === "interrupted" && <line x1={at} x2={at} y1="0" y2={height} />}
            {mark.kind === "partial" && <path d={`M${at} ${y + 3}l4 5.5l-4 5.5l-4-5.5z`} />}
            {mark.kind === "interrupted" && <path d={`M${at - 4} ${y + 4}l8 8m0-8l-8 8`} />}
            {mark.kind === "fault" && <path d={`M${at} ${y + 2}l7 12h-14z`} />}
            {mark.kind === "fault" && <path class="tl-bang" d={`M${at} ${y + 6.5}v3.5m0 2v.5`} />}
          </g>
        );
      })}
      {lanes.map((lane, row) => {
        const more = bars.some((bar) => bar.lane === lane && (bar.to - zero) * 1000 > range.to + 1);
        return more && <path key={`more ${lane}`} class="tl-more" d={`M${right + 2.5} ${row * LANE + 5.5}l3 3l-3 3`} />;
      })}
    </svg>
  );
}

/** Sentences of a voice take turns above and below, since one is made while another still is. */
function heights(bar: Bar, bars: readonly Bar[]): { y: number; height: number } {
  const top = (LANE - HIGH) / 2;
  if (bar.part === "asr_listening") return { y: top + 4, height: 3 };
  if (bar.part === "held") return { y: top - 1, height: HIGH + 2 };
  if (bar.lane !== "tts" || !bars.some((each) => each.lane === "tts" && each.sentence !== bar.sentence)) return { y: top, height: HIGH };
  return (bar.sentence ?? 0) % 2 ? { y: top + HIGH / 2 + 0.5, height: HIGH / 2 } : { y: top - 0.5, height: HIGH / 2 };
}
