/** The whole recording above its scrubber: who was heard when, and where it was interrupted. */
import type { Figures } from "./figures";
import { heard } from "./lanes";

const WIDTH = 1_000;

export function Overview(props: { turns: readonly Figures[]; length: number }) {
  const x = (at: number) => (at / Math.max(props.length, 1e-3)) * WIDTH;
  return (
    <svg class="tl-overview" viewBox={`0 0 ${WIDTH} 20`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {props.turns.map((turn) => (
        <g key={`${turn.turn} ${turn.begun}`}>
          {turn.speechOnset !== null && turn.voiceEnd !== null && (
            <rect class="tl-c-user tl-full" x={x(turn.speechOnset)} y="1" width={Math.max(2, x(turn.voiceEnd) - x(turn.speechOnset))} height="8" />
          )}
          {turn.speechOnset === null && turn.userEnd !== null && <rect class="tl-c-user tl-full" x={x(turn.userEnd)} y="1" width="3" height="8" />}
          {heard(turn).map((span) => (
            <rect key={span.from} class="tl-c-sound tl-full" x={x(span.from)} y="11" width={Math.max(1, x(Math.min(span.to, props.length)) - x(span.from))} height="8" />
          ))}
          {turn.interrupted !== null && <rect class="tl-c-danger tl-full" x={x(turn.interrupted) - 1.5} y="9" width="3" height="11" />}
        </g>
      ))}
    </svg>
  );
}
