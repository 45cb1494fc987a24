/** Who serves each stage, in order, how they are, and a trial of each. */
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { language } from "../shared/i18n";
import { ask, Refusal } from "./api";
import type { ProviderRow, Stage, Tried } from "./model";
import { asWav, playable, record, type Recording } from "./sound";
import { t } from "./texts";

const STAGES: readonly Stage[] = ["vad", "asr", "turn", "llm", "tts"];
const EVERY_MS = 3000;
const LONGEST_S = 15;

const rows = signal<readonly ProviderRow[]>([]);

export function Providers() {
  useEffect(() => {
    const look = async () => {
      if (document.hidden) return;
      try {
        rows.value = (await ask<{ providers: ProviderRow[] }>("GET", "/providers")).providers;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    };
    void look();
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }, [language.value]);
  return (
    <>
      {STAGES.map((stage) => {
        const here = rows.value.filter((each) => each.stage === stage);
        return here.length === 0 ? null : (
          <section key={stage} class="card">
            <h2>
              {t(stage)} <code class="soft">{stage}</code>
            </h2>
            <ul class="providers">
              {here.map((each) => (
                <Provider key={`${each.index}${each.name}`} row={each} alone={here.length === 1} />
              ))}
            </ul>
          </section>
        );
      })}
    </>
  );
}

function Provider({ row, alone }: { readonly row: ProviderRow; readonly alone: boolean }) {
  const open = useSignal(false);
  const place = row.embedded ? t("embedded") : row.local ? t("local") : t("cloud");
  return (
    <li data-testid="provider-row" data-stage={row.stage} data-name={row.name}>
      <div class="provider-line">
        <div>
          <b>{row.name}</b> {!alone && <span class="tag">{row.index ? t("fallbackNo", { number: row.index }) : t("first")}</span>}{" "}
          <span class={`tag ${row.ready ? "good" : "warn"}`}>{row.ready ? t("ready") : t("loading")}</span>{" "}
          <span class="tag">{place}</span>{" "}
          {row.paused > 0 && <span class="tag fault">{t("paused", { seconds: Math.ceil(row.paused) })}</span>}{" "}
          {!row.allowed && <span class="tag fault">{t("capped")}</span>}
          <p class="soft">
            {row.about}
            {row.spoken && ` · ${row.spoken}`}
          </p>
        </div>
        <button
          type="button"
          class="button"
          data-testid="try"
          data-stage={row.stage}
          aria-expanded={open.value}
          onClick={() => (open.value = !open.value)}
        >
          {t("try")}
        </button>
      </div>
      {open.value && <Trial row={row} />}
    </li>
  );
}

function Trial({ row }: { readonly row: ProviderRow }) {
  const busy = useSignal(false);
  const result = useSignal<Tried | null>(null);
  const text = useSignal("");
  const url = useSignal("");
  useEffect(() => () => URL.revokeObjectURL(url.peek()), []);

  const run = async (body: object | Blob) => {
    busy.value = true;
    result.value = null;
    URL.revokeObjectURL(url.value);
    url.value = "";
    try {
      const tried = await ask<Tried>("POST", `/try/${row.stage}/${row.index}`, body);
      if (tried.wav) url.value = playable(tried.wav);
      result.value = tried;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      result.value = { ok: false, error: error.message };
    }
    busy.value = false;
  };
  const writes = row.stage === "tts" || row.stage === "llm";
  return (
    <div class="trial">
      {writes ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void run({ text: text.value });
          }}
        >
          <label class="grow">
            <span class="hidden-text">{row.stage === "tts" ? t("sayThis") : t("askThis")}</span>
            <input
              class="field"
              maxLength={500}
              placeholder={row.stage === "tts" ? t("sayThis") : t("askThis")}
              value={text.value}
              data-testid="try-text"
              onInput={(event) => (text.value = event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="button strong" data-testid="try-run" disabled={busy.value}>
            {t("try")}
          </button>
        </form>
      ) : (
        <Listen busy={busy.value} silent={row.stage !== "asr"} run={run} failed={(why) => (result.value = { ok: false, error: why })} />
      )}
      <div role="status" data-testid="try-result" data-ok={result.value ? String(result.value.ok) : ""}>
        {busy.value ? t("trying") : result.value && <Outcome stage={row.stage} tried={result.value} />}
        {url.value && <audio controls autoplay src={url.value} />}
      </div>
    </div>
  );
}

interface ListenProps {
  readonly busy: boolean;
  readonly silent: boolean;
  readonly run: (sound: object | Blob) => Promise<void>;
  readonly failed: (why: string) => void;
}

function Listen({ busy, silent, run, failed }: ListenProps) {
  const recording = useRef<Recording | null>(null);
  const seconds = useSignal(-1);
  useEffect(() => {
    if (seconds.value < 0) return;
    const timer = setTimeout(() => (seconds.value + 1 >= LONGEST_S ? void stop() : seconds.value++), 1000);
    return () => clearTimeout(timer);
  }, [seconds.value]);
  useEffect(() => () => void recording.current?.stop(), []);

  const send = async (sound: Blob) => {
    try {
      await run(await asWav(sound));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      failed(t("badFile"));
    }
  };
  const start = async () => {
    try {
      recording.current = await record();
      seconds.value = 0;
    } catch (error) {
      failed(t("noMic", { why: error instanceof Error ? error.message : "?" }));
    }
  };
  const stop = async () => {
    const going = recording.current;
    recording.current = null;
    seconds.value = -1;
    if (going) await send(await going.stop());
  };
  const on = seconds.value >= 0;
  return (
    <div class="listen">
      <button type="button" class="button strong" aria-pressed={on} disabled={busy} data-testid="try-record" onClick={() => (on ? stop() : start())}>
        {on ? t("stopRecording", { seconds: seconds.value }) : t("record")}
      </button>
      <label class="button">
        {t("file")}
        <input
          type="file"
          class="hidden-text"
          accept="audio/*"
          disabled={busy || on}
          data-testid="try-file"
          onChange={(event) => {
            const chosen = event.currentTarget.files?.[0];
            event.currentTarget.value = "";
            if (chosen) void send(chosen);
          }}
        />
      </label>
      {silent && (
        <button type="button" class="button" disabled={busy || on} data-testid="try-run" onClick={() => run({})}>
          {t("try")}
        </button>
      )}
    </div>
  );
}

function Outcome({ stage, tried }: { readonly stage: Stage; readonly tried: Tried }) {
  if (!tried.ok) return <span class="wrong">{tried.error}</span>;
  const numbers = {
    seconds: tried.seconds ?? 0,
    first: tried.first_ms ?? 0,
    total: tried.total_ms ?? 0,
    text: tried.text ?? "",
    speech: tried.speech ?? 0,
    silence: tried.silence ?? 0,
    whole: tried.whole ?? 0,
    half: tried.half ?? 0,
  };
  switch (stage) {
    case "tts":
      return <>{t("spoke", numbers)}</>;
    case "asr":
      return <>{t(tried.text ? "heardText" : "heardNothing", numbers)}</>;
    case "llm":
      return <>{t("answered", numbers)}</>;
    case "vad":
      return <>{t(tried.sound ? "scored" : "scoredSilence", numbers)}</>;
    case "turn":
      return <>{t("judged", numbers)}</>;
  }
}
