/** What stands in the way of talking, and how it is mended. One at a time: first the connection, then the microphone. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Icon, type IconName } from "../shared/icons";
import { copyText } from "../shared/take";
import { IconButton } from "../shared/ui";
import type { Connection, MicStatus } from "../talk/model";
import { nameOf, useStage } from "./context";
import { t } from "./words";

export const SECURE_COMMAND = "aizuchi serve --host 0.0.0.0 --tls --open";

export function Banners() {
  const { conversation } = useStage();
  const connection = conversation.connection.value;
  return (
    <div class="banners">
      {connection.status !== "online" ? <ConnectionBanner connection={connection} /> : <MicHelp />}
      <Hear />
      <Notices />
    </div>
  );
}

function Banner({ testid, icon, quiet, alert, children }: { testid: string; icon: IconName; quiet?: boolean; alert?: boolean; children: ComponentChildren }) {
  return (
    <div class={`banner ${quiet ? "quiet" : ""}`} data-testid={testid} role={alert ? "alert" : "status"}>
      <Icon name={icon} />
      <div class="banner-text">{children}</div>
    </div>
  );
}

function ConnectionBanner({ connection }: { connection: Exclude<Connection, { status: "online" }> }) {
  const { conversation } = useStage();
  if (connection.status === "connecting") {
    return (
      <Banner testid="connection" icon="info" quiet>
        <p>{t("connecting")}</p>
      </Banner>
    );
  }
  if (connection.status === "waiting") {
    const why = { lost: "lost", restart: "restarting", full: "full" } as const;
    return (
      <Banner testid="connection" icon="warning">
        <div class="banner-row">
          <div>
            <p>{t(why[connection.why])}</p>
            <Countdown until={connection.retryAt} />
          </div>
          <button type="button" class="button" data-testid="retry" onClick={() => conversation.retry()}>
            {t("tryNow")}
          </button>
        </div>
      </Banner>
    );
  }
  if (connection.reason === "token") return <TokenBanner message={connection.message} />;
  const old = connection.reason === "version";
  return (
    <Banner testid="connection" icon="warning" alert>
      <p>{t(old ? "versionOld" : "takenOver")}</p>
      <div class="banner-row">
        <button type="button" class="button strong" data-testid="retry" onClick={() => (old ? location.reload() : conversation.retry())}>
          {t(old ? "reload" : "continueHere")}
        </button>
      </div>
    </Banner>
  );
}

/** Counts for the eyes only; read aloud every second it would drown everything else. */
function Countdown({ until }: { until: number }) {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), 250);
    return () => clearInterval(timer);
  }, [until]);
  const seconds = Math.ceil((until - now.value) / 1000);
  return <p class="hint" aria-hidden="true">{seconds > 0 ? t("tryingIn", { seconds }) : t("tryingNow")}</p>;
}

function TokenBanner({ message }: { message: string }) {
  const { conversation } = useStage();
  const token = useSignal("");
  return (
    <Banner testid="connection" icon="info">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.peek().trim()) conversation.authenticate(token.peek());
        }}
      >
        <p>
          <label for="token">
            <strong>{t("tokenTitle")}</strong>
          </label>
        </p>
        <p class="hint">{t("tokenHelp")}</p>
        {message && <p class="hint">{message}</p>}
        <div class="banner-row">
          <input id="token" class="field" data-testid="token" type="password" autocomplete="off" value={token.value} onInput={(event) => (token.value = event.currentTarget.value)} />
          <button type="submit" class="button strong" data-testid="token-send">
            {t("enter")}
          </button>
        </div>
      </form>
    </Banner>
  );
}

const HELP: Partial<Record<MicStatus, readonly [Parameters<typeof t>[0], Parameters<typeof t>[0]]>> = {
  denied: ["denied", "deniedHelp"],
  missing: ["missing", "missingHelp"],
  busy: ["busy", "busyHelp"],
  insecure: ["insecure", "insecureHelp"],
  failed: ["micFailed", "micFailedHelp"],
};

function MicHelp() {
  const { conversation, page } = useStage();
  const status = conversation.mic.value;
  const help = HELP[status];
  useEffect(() => {
    // Closed by hand it stays closed until the microphone's trouble is another, or was tried again.
    if (!HELP[status]) page.helpClosed.value = null;
  }, [status]);
  if (!help || page.helpClosed.value === status) return null;
  return (
    <Banner testid="mic-help" icon="micOff" alert>
      <IconButton icon="close" class="bare banner-close" label={t("dismiss")} onClick={() => (page.helpClosed.value = status)} />
      <p>
        <strong>{t(help[0])}</strong>
      </p>
      <p>{t(help[1])}</p>
      {status === "insecure" ? (
        <div class="banner-row">
          <code class="command" tabIndex={0}>
            {SECURE_COMMAND}
          </code>
          <IconButton
            icon="copy"
            label={t("copyCommand")}
            class=""
            onClick={async () => {
              const done = await copyText(SECURE_COMMAND);
              page.tell(t(done ? "copied" : "notCopied"), !done);
            }}
          />
        </div>
      ) : (
        <div class="banner-row">
          <button type="button" class="button" onClick={() => void conversation.openMic()}>
            {t("again")}
          </button>
        </div>
      )}
    </Banner>
  );
}

/** Browsers let a page sound only after a touch or a key. Any will do; this says so when something is missed. */
function Hear() {
  const { conversation } = useStage();
  if (conversation.sound.value !== "blocked" || conversation.state.value !== "speaking") return null;
  return (
    <button type="button" class="button strong hear" data-testid="hear">
      <Icon name="sound" />
      {t("hear", { name: nameOf(conversation.character) })}
    </button>
  );
}

function Notices() {
  const { page } = useStage();
  return (
    <div class="notices" role="status" aria-live="polite">
      {page.notices.value.map((notice) => (
        <p key={notice.id} class={`notice ${notice.bad ? "bad" : ""}`}>
          <Icon name={notice.bad ? "warning" : "check"} />
          {notice.text}
        </p>
      ))}
    </div>
  );
}
