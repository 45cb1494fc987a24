/** All times of a turn as a table, for those who don't see the picture and those who want every number. */
import type { Figures } from "./figures";
import type { Bar, Mark } from "./lanes";
import { attemptText, barName, markName, stageName } from "./telling";
import { t } from "./words";

export function Details(props: { turn: Figures; bars: readonly Bar[]; marks: readonly Mark[] }) {
  const { turn } = props;
  const ms = (at: number) => Number(((at - turn.zero) * 1000).toFixed(2));
  const counted = turn.voiceEnd !== null ? "counted_voice" : turn.userEnd !== null ? "counted_user" : "counted_begun";
  const numbers = Object.entries(turn.numbers()).filter(([, value]) => value !== null);
  return (
    <div class="tl-details">
      <p class="tl-soft">{t(counted)}</p>
      <div class="tl-scroll" tabIndex={0} role="group" aria-label={t("details", { turn: turn.turn })}>
        <table>
          <caption>{t("details", { turn: turn.turn })}</caption>
          <thead>
            <tr>
              {(["col_part", "col_from", "col_to", "col_length", "col_note"] as const).map((key) => (
                <th key={key} scope="col">
                  {t(key)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {props.bars.map((bar, index) => (
              <tr key={index}>
                <th scope="row">{barName(bar)}</th>
                <td>{ms(bar.from)}</td>
                <td>{bar.open ? "…" : ms(bar.to)}</td>
                <td>{Number(((bar.to - bar.from) * 1000).toFixed(2))}</td>
                <td>{bar.attempt ? attemptText(bar.attempt) : bar.note}</td>
              </tr>
            ))}
            {props.marks.map((mark, index) => (
              <tr key={`mark${index}`}>
                <th scope="row">{markName(mark)}</th>
                <td>{ms(mark.at)}</td>
                <td></td>
                <td></td>
                <td>{mark.note}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <dl class="tl-figures" aria-label={t("figures")}>
          {turn.stages.map(([stage, value]) => (
            <div key={stage}>
              <dt>{stageName(stage)}</dt>
              <dd>{value} ms</dd>
            </div>
          ))}
          {numbers.map(([name, value]) => (
            <div key={name}>
              <dt>
                <code>{name}</code>
              </dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </div>
    </div>
  );
}
