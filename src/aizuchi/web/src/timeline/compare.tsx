/** The last ten turns side by side: where each one's wait for the first sound went. */
import type { Figures, Stage } from "./figures";
import { STAGES } from "./figures";
import type { Part } from "./lanes";
import { waited } from "./lanes";
import { percentile, scale, short, ticks } from "./scale";
import { stageName } from "./telling";
import { t } from "./words";

/** The waiting part of each stage, whose filling the waterfall uses too. */
export const STAGE_PART: Readonly<Record<Stage, Part>> = {
  end_point: "end_point",
  asr: "asr_wait",
  begin: "queue",
  llm: "llm_wait",
  clause: "clause",
  voice: "tts_wait",
};

const KEPT = 10;
const ROW = 18;
const HIGH = 12;
const AXIS = 16;

/** The turns that somebody waited for, the newest last. */
export function comparable(turns: readonly Figures[]): readonly Figures[] {
  return turns.filter((turn) => turn.firstAudio !== null && turn.stages.length > 0).slice(-KEPT);
}

/** The middle of each stage over the turns that had it, and of the sum. */
export function medians(turns: readonly Figures[]): { stages: readonly (readonly [Stage, number])[]; total: number | null } {
  const stages = STAGES.flatMap((stage) => {
    const values = turns.flatMap((turn) => turn.stages.filter(([name]) => name === stage).map(([, ms]) => ms));
    const middle = percentile(values, 50);
    return middle === null ? [] : [[stage, middle] as const];
  });
  return { stages, total: percentile(turns.map(sum), 50) };
}

function sum(turn: Figures): number {
  return turn.stages.reduce((all, [, ms]) => all + ms, 0);
}

export function Compare(props: { turns: readonly Figures[]; width: number }) {
  const turns = comparable(props.turns);
  if (turns.length < 2) return null;
  const { stages, total } = medians(turns);
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
            <text x={left + x(ms)} y={height + 14} text-anchor={ms === 0 ? "start" : "middle"}>
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
              {turn.stages.map(([stage, ms]) => {
                const begin = from;
                from += ms;
                return ms > 0 ? (
                  <rect key={stage} class="tl-bar" fill={`url(#tl-${STAGE_PART[stage]})`} x={left + x(begin)} y={row * ROW + (ROW - HIGH) / 2} width={Math.max(1, x(ms))} height={HIGH}>
                    <title>{`${stageName(stage)} ${short(ms)}`}</title>
                  </rect>
                ) : null;
              })}
              <text class="tl-figure" x={props.width - 4} y={row * ROW + 13} text-anchor="end">
                {short(waited(turn) ?? from)}
              </text>
            </g>
          );
        })}
        {total !== null && <line class="tl-p50" x1={left + x(total)} x2={left + x(total)} y1="0" y2={height + 3} />}
      </svg>
      <table class="tl-hidden">
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
          {stages.map(([stage, middle]) => (
            <tr key={stage}>
              <th scope="row">{stageName(stage)}</th>
              {turns.map((turn) => (
                <td key={turn.turn}>{turn.stages.find(([name]) => name === stage)?.[1] ?? ""}</td>
              ))}
              <td>{middle}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <ul class="tl-medians">
        {stages
          .filter(([, middle]) => middle > 0)
          .map(([stage, middle]) => (
            <li key={stage}>
              <svg class="tl-swatch" width="18" height="11" aria-hidden="true" focusable="false">
                <rect width="18" height="11" rx="2" class="tl-bar" fill={`url(#tl-${STAGE_PART[stage]})`} />
              </svg>
              {stageName(stage)} <span class="tl-soft">{`${t("p50")} ${short(middle)}`}</span>
            </li>
          ))}
      </ul>
    </section>
  );
}
