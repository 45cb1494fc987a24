/** The last ten turns side by side: where each one's wait for the first sound went. */
import { type Figures, STAGES, type Stage, rounded } from "./figures";
import type { Part } from "./lanes";
import { waited } from "./lanes";
import { percentile, scale, short, ticks } from "./scale";
import { stageName } from "./telling";
import { Swatch, colour } from "./waterfall";
import { t } from "./words";

type Step = Stage | "on_its_way";
const STEPS: readonly Step[] = [...STAGES, "on_its_way"];

/** The waiting part of each stage, whose filling the waterfall uses too. */
const STEP_PART: Readonly<Record<Step, Part>> = {
  end_point: "end_point",
  asr: "asr_wait",
  begin: "queue",
  llm: "llm_wait",
  clause: "clause",
  voice: "tts_wait",
  on_its_way: "on_its_way",
};

const KEPT = 10;
const ROW = 18;
const HIGH = 12;
const AXIS = 16;

/** The turns that somebody waited for, the newest last. */
export function comparable(turns: readonly Figures[]): readonly Figures[] {
  return turns.filter((turn) => turn.firstAudio !== null && turn.stages.length > 0).slice(-KEPT);
}

/** The server's stages, and where the client told of it, the way to its speaker: together the whole wait. */
export function steps(turn: Figures): readonly (readonly [Step, number])[] {
  if (turn.playback === null || turn.firstAudio === null) return turn.stages;
  return [...turn.stages, ["on_its_way", rounded(turn.playback - turn.firstAudio)]];
}

/** The middle of each step over the turns that had it, and of the whole wait. */
export function medians(turns: readonly Figures[]): { steps: readonly (readonly [Step, number])[]; total: number | null } {
  const middles = STEPS.flatMap((step) => {
    const values = turns.flatMap((turn) => steps(turn).filter(([name]) => name === step).map(([, ms]) => ms));
    const middle = percentile(values, 50);
    return middle === null ? [] : [[step, middle] as const];
  });
  return { steps: middles, total: percentile(turns.map(sum), 50) };
}

function sum(turn: Figures): number {
  return steps(turn).reduce((all, [, ms]) => all + ms, 0);
}

export function Compare(props: { turns: readonly Figures[]; width: number }) {
  const turns = comparable(props.turns);
  if (turns.length < 2) return null;
  const { steps: middles, total } = medians(turns);
  const [left, right] = [44, props.width - 62];
  const most = Math.max(1, ...turns.map(sum));
  const range = { from: 0, to: most };
  const x = scale(range, right - left);
  const height = turns.length * ROW;
  const title = t("compare", { count: turns.length });
  return (
    <section class="tl-compare" aria-label={title}>
      <h3>{title}</h3>
      <p class="tl-soft">{t("compare_note", { time: short(total ?? 0) })}</p>
      <svg class="tl-waterfall" width={props.width} height={height + AXIS} aria-hidden="true" focusable="false">
        {ticks(range, right - left).map((ms) => (
          <g key={ms} class="tl-tick">
            <line x1={left + x(ms)} x2={left + x(ms)} y1="0" y2={height + 3} />
            <text x={left + x(ms)} y={height + 14} text-anchor="middle">
              {ms === 0 ? "0" : short(ms)}
            </text>
          </g>
        ))}
        {turns.map((turn, row) => {
          let from = 0;
          return (
            <g key={`${turn.turn} ${turn.begun}`}>
              <text class="tl-name" x={left - 8} y={row * ROW + 13} text-anchor="end">
                {turn.turn}
              </text>
              {steps(turn).map(([stage, ms]) => {
                const begin = from;
                from += ms;
                return ms > 0 ? (
                  <rect key={stage} class={`tl-bar ${colour(STEP_PART[stage])}`} fill={`url(#tl-${STEP_PART[stage]})`} x={left + x(begin)} y={row * ROW + (ROW - HIGH) / 2} width={Math.max(1, x(ms))} height={HIGH}>
                    <title>{`${stageName(stage)} ${short(ms)}`}</title>
                  </rect>
                ) : null;
              })}
              <text class="tl-figure" x={props.width - 4} y={row * ROW + 13} text-anchor="end">
                {short(waited(turn) ?? sum(turn))}
              </text>
            </g>
          );
        })}
        {total !== null && <line class="tl-p50" x1={left + x(total)} x2={left + x(total)} y1="0" y2={height + 3} />}
      </svg>
      <div class="tl-hidden">
      <table>
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">{t("col_part")}</th>
            {turns.map((turn) => (
              <th key={turn.turn} scope="col">
                {t("turn", { turn: turn.turn })}
              </th>
            ))}
            <th scope="col">{t("p50")}</th>
          </tr>
        </thead>
        <tbody>
          {middles.map(([stage, middle]) => (
            <tr key={stage}>
              <th scope="row">{stageName(stage)}</th>
              {turns.map((turn) => (
                <td key={turn.turn}>{steps(turn).find(([name]) => name === stage)?.[1] ?? ""}</td>
              ))}
              <td>{middle}</td>
            </tr>
          ))}
        </tbody>
      </table>
      </div>
      <ul class="tl-medians">
        {middles.map(([stage, middle]) => (
          <li key={stage}>
            <Swatch part={STEP_PART[stage]} />
            {stageName(stage)} <span class="tl-soft">{`${t("p50")} ${short(middle)}`}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
