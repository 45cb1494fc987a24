/** What goes on now: looked at once a second while anybody sees it. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, Refusal } from "./api";
import { Chart } from "./chart";
import type { Figure, Picture, SessionRow, Trouble } from "./model";
import { t } from "./texts";

const EVERY_MS = 1000;

/** The stages of a turn, in the order in which they pass; other figures are folded away. */
const STAGES = [
  "end_point_ms",
  "asr_final_from_voice_ms",
  "first_token_ms",
  "first_sentence_ms",
  "first_audio_ms",
  "first_audio_from_voice_ms",
  "e2e_ms",
  "e2e_from_voice_ms",
  "interrupt_ms",
] as const;
type Stage = (typeof STAGES)[number];
const MAIN: readonly string[] = STAGES;

const NUMBERS: ReadonlySet<string> = new Set(["turns", "links", "age"]);

const picture = signal<Picture | null>(null);

export function Live({ lost }: { readonly lost: () => void }) {
  useEffect(() => {
    let over = false;
    let timer = 0;
    const look = async () => {
      if (!document.hidden) {
        try {
          const said = await ask<Picture>("GET", "/live");
          if (!over) picture.value = said;
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          if (!over) return lost();
        }
      }
      if (!over) timer = window.setTimeout(look, EVERY_MS);
    };
    void look();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, []);
  const now = picture.value;
  if (!now) return <p class="soft">{t("connecting")}</p>;
  return (
    <>
      <Load now={now} />
      <Sessions rows={now.sessions} />
      <Latency now={now} />
      <Troubles now={now} />
    </>
  );
}

function state(status: string): string {
  return status === "healthy" || status === "starting" || status === "draining" || status === "overloaded" ? t(status) : status;
}

function Load({ now }: { readonly now: Picture }) {
  const load = now.load;
  return (
    <dl class="facts">
      <Fact name={t("status")} value={state(now.status)} warn={now.status !== "healthy"} />
      <Fact name={t("conversations")} value={String(now.count)} />
      <Fact name={t("connections")} value={String(load.sockets)} />
      <Fact name={t("refused")} value={String(load.refused)} warn={load.overloaded} />
      {now.workers > 1 && (
        <Fact
          name={t("processes")}
          value={now.silent.length ? `${now.workers}; ${t("silent", { numbers: now.silent.join(", ") })}` : String(now.workers)}
          warn={now.silent.length > 0}
        />
      )}
      {Object.entries(load.calls).map(([stage, call]) => (
        <Fact key={stage} name={t("calls", { stage })} value={`${call.running} / ${call.waiting}`} warn={call.waiting > 0} />
      ))}
    </dl>
  );
}

function Fact({ name, value, warn = false }: { readonly name: string; readonly value: string; readonly warn?: boolean }) {
  return (
    <div class={warn ? "fact warn" : "fact"}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** 75 -> 1:15; 4000 -> 1:06:40 */
export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (!parts[0]) parts.shift();
  return parts.map((each, index) => (index ? String(each).padStart(2, "0") : String(each))).join(":");
}

function mood(row: SessionRow): string {
  if (row.parked) return t("parked");
  const known = row.state === "idle" || row.state === "listening" || row.state === "thinking" || row.state === "speaking";
  return known ? t(row.state as "idle") : row.state;
}

function Sessions({ rows }: { readonly rows: readonly SessionRow[] }) {
  return (
    <section class="card">
      <h2>{t("conversations")}</h2>
      {rows.length === 0 ? (
        <p class="soft">{t("noSessions")}</p>
      ) : (
        <table class="rows">
          <thead>
            <tr>
              {(["session", "status", "character", "person", "protocol", "turns", "links", "age"] as const).map((each) => (
                <th key={each} scope="col" class={NUMBERS.has(each) ? "number" : ""}>
                  {t(each)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.session} data-testid="session-row" data-state={row.state} data-session={row.session}>
                <td data-label={t("session")} title={row.session}>
                  <code>{row.session.slice(0, 10)}</code>
                </td>
                <td data-label={t("status")}>
                  <span class={`mood ${row.parked ? "offline" : row.state}`}>{mood(row)}</span>
                </td>
                <td data-label={t("character")}>{row.character}</td>
                <td data-label={t("person")} class="cut" title={row.person}>
                  {row.person || "–"}
                </td>
                <td data-label={t("protocol")}>{row.protocols?.join(", ") || "–"}</td>
                <td data-label={t("turns")} class="number">{row.turns ?? 0}</td>
                <td data-label={t("links")} class="number">{row.links}</td>
                <td data-label={t("age")} class="number">{clock(row.seconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Latency({ now }: { readonly now: Picture }) {
  const main = MAIN.flatMap((name) => now.latency.find((each) => each.name === name) ?? []);
  const rest = now.latency.filter((each) => !MAIN.includes(each.name));
  return (
    <section class="card">
      <h2>{t("latency")}</h2>
      <Chart turns={now.turns} />
      {now.latency.length === 0 && <p class="soft">{t("noTurns")}</p>}
      <Figures rows={main} testid="latency-table" />
      {rest.length > 0 && (
        <details>
          <summary>{t("moreFigures")}</summary>
          <Figures rows={rest} />
        </details>
      )}
      <Totals name={t("outcomes")} counts={now.outcomes} />
    </section>
  );
}

function Figures({ rows, testid }: { readonly rows: readonly Figure[]; readonly testid?: string }) {
  if (!rows.length) return testid ? <div data-testid={testid} /> : null;
  return (
    <table class="figures" data-testid={testid}>
      <thead>
        <tr>
          <th scope="col">{t("figure")}</th>
          {["p50", "p95", "max"].map((each) => (
            <th key={each} scope="col" class="number">
              {each}
            </th>
          ))}
          <th scope="col" class="number">{t("count")}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name}>
            <th scope="row">
              {MAIN.includes(row.name) ? <span title={row.name}>{t(row.name as Stage)}</span> : <code>{row.name}</code>}
            </th>
            {[row.p50, row.p95, row.max, row.count].map((number, index) => (
              <td key={index} class="number">
                {Math.round(number).toLocaleString()}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Totals({ name, counts }: { readonly name: string; readonly counts: Readonly<Record<string, number>> }) {
  const rows = Object.entries(counts);
  if (!rows.length) return null;
  return (
    <p class="totals">
      <b>{name}</b>
      {rows.map(([each, count]) => (
        <span key={each} class="tag">
          {t("total", { name: each, count })}
        </span>
      ))}
    </p>
  );
}

function Troubles({ now }: { readonly now: Picture }) {
  return (
    <section class="card">
      <h2>{t("troubles")}</h2>
      <Totals name={t("fault")} counts={now.faults} />
      <Totals name={t("fallback")} counts={now.fallbacks} />
      {now.troubles.length === 0 && <p class="soft">{t("noTroubles")}</p>}
      <ul class="troubles">
        {now.troubles.map((each, index) => (
          <TroubleLine key={`${each.at}${index}`} each={each} now={now.now} />
        ))}
      </ul>
    </section>
  );
}

function TroubleLine({ each, now }: { readonly each: Trouble; readonly now: number }) {
  return (
    <li>
      <span class={`tag ${each.kind}`}>{t(each.kind)}</span> <code>{each.code}</code>{" "}
      {each.provider && <span>{each.provider} </span>}
      {each.text && <span class="words">{each.text} </span>}
      <span class="soft">
        {t("ago", { time: clock(Math.max(0, now - each.at)) })} · {each.session.slice(0, 10)}
      </span>
    </li>
  );
}
