/** The operator's page: a token where one is needed, then four tabs. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { LANGUAGES, language, type Language } from "../shared/i18n";
import { ask, Refusal, remember, token } from "./api";
import { Characters } from "./characters";
import { Config } from "./config";
import { mayLeave } from "./guard";
import { Live } from "./live";
import { choose } from "./looks";
import { Providers } from "./providers";
import { t } from "./texts";

const TABS = ["live", "providers", "characters", "config"] as const;
type Tab = (typeof TABS)[number];
const NAMES: Readonly<Record<Language, string>> = { en: "English", zh: "中文", ja: "日本語" };
const RETRY_MS = 4000;

type Door = "asking" | "open" | "offline" | { readonly status: number; readonly reason: string };

const door = signal<Door>("asking");
const tab = signal<Tab>(TABS.find((each) => `#${each}` === location.hash) ?? "live");

async function knock(): Promise<void> {
  try {
    await ask("GET", "");
    door.value = "open";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    door.value = error.status && error.status < 500 ? { status: error.status, reason: error.message } : "offline";
  }
}

export function Console() {
  useEffect(() => {
    void knock();
  }, [token.value]);
  useEffect(() => {
    if (door.value !== "offline") return;
    const timer = setTimeout(knock, RETRY_MS);
    return () => clearTimeout(timer);
  });
  useEffect(() => {
    document.title = `${t("title")} · Aizuchi`;
  }, [language.value]);
  return (
    <main class="console" data-testid="console" data-door={typeof door.value === "string" ? door.value : "refused"}>
      <Head />
      {door.value === "open" ? <Tabs /> : <Outside door={door.value} />}
    </main>
  );
}

function Head() {
  return (
    <header class="head">
      <h1>
        Aizuchi <span>{t("title")}</span>
      </h1>
      <nav class="head-tools">
        <label>
          <span class="hidden-text">{t("language")}</span>
          <select
            class="field small"
            data-testid="language"
            value={language.value}
            onChange={(event) => choose(event.currentTarget.value as Language)}
          >
            {LANGUAGES.map((each) => (
              <option key={each} value={each} lang={each}>
                {NAMES[each]}
              </option>
            ))}
          </select>
        </label>
        {token.value && (
          <button type="button" class="button bare" onClick={() => mayLeave() && remember("")}>
            {t("signOut")}
          </button>
        )}
        <a class="button bare" href="/">
          {t("stage")}
        </a>
      </nav>
    </header>
  );
}

function Outside({ door }: { readonly door: Door }) {
  const input = useRef<HTMLInputElement>(null);
  if (door === "asking" || door === "open") return <p class="pad soft">{t("connecting")}</p>;
  if (door === "offline") return <p class="pad" role="alert">{t("offline")}</p>;
  // 403 without a token is no matter of tokens: the address is not one of this machine.
  const wanted = door.status === 401 || door.status === 429 || token.value !== "";
  return (
    <section class="card login" data-testid="login">
      {wanted && <h2>{t("login")}</h2>}
      <p role="alert" class={wanted ? "soft" : ""}>
        {door.reason}
      </p>
      {wanted && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const secret = input.current?.value.trim() ?? "";
            if (secret === token.value) void knock();
            else remember(secret);
          }}
        >
          <label>
            {t("token")}
            <input ref={input} class="field" type="password" autocomplete="off" data-testid="token" required />
          </label>
          <p class="soft">{t("loginHint")}</p>
          <button type="submit" class="button strong" data-testid="token-send">
            {t("enter")}
          </button>
        </form>
      )}
    </section>
  );
}

const PANELS: Readonly<Record<Tab, () => ComponentChildren>> = {
  live: () => <Live lost={knock} />,
  providers: () => <Providers />,
  characters: () => <Characters />,
  config: () => <Config />,
};

function go(next: Tab): void {
  if (next === tab.value || !mayLeave()) return;
  tab.value = next;
  history.replaceState(null, "", `#${next}`);
}

function Tabs() {
  const step = (by: number) => {
    go(TABS[(TABS.indexOf(tab.value) + by + TABS.length) % TABS.length]!);
    document.getElementById(`tab-${tab.value}`)?.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={t("title")}>
        {TABS.map((each) => (
          <button
            key={each}
            type="button"
            role="tab"
            id={`tab-${each}`}
            data-testid={`tab-${each}`}
            aria-selected={tab.value === each}
            aria-controls="panel"
            tabIndex={tab.value === each ? 0 : -1}
            onClick={() => go(each)}
            onKeyDown={(event) => {
              if (event.key === "ArrowRight") step(1);
              if (event.key === "ArrowLeft") step(-1);
            }}
          >
            {t(each)}
          </button>
        ))}
      </div>
      <div id="panel" role="tabpanel" aria-labelledby={`tab-${tab.value}`} class="panel">
        {PANELS[tab.value]()}
      </div>
    </>
  );
}
