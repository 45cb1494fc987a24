/** The controls below the figure: how to talk, the microphone, and the stop button. */
import { useRef } from "preact/hooks";
import { Icon } from "../shared/icons";
import { Choice } from "../shared/ui";
import type { Conversation } from "../talk/model";
import { stoppable, useStage, type Page } from "./context";
import { Level } from "./level";
import { t } from "./words";

export async function beginHold(conversation: Conversation, page: Page): Promise<void> {
  if (page.holding.peek()) return;
  page.holding.value = true;
  await conversation.hold();
}

export function endHold(conversation: Conversation, page: Page): void {
  if (!page.holding.peek()) return;
  page.holding.value = false;
  conversation.release();
}

/** Nothing was said yet and the microphone was never open: the button introduces itself. */
export const isFirst = (conversation: Conversation): boolean =>
  !conversation.lines.value.some((line) => line.kind === "user") && conversation.mic.value !== "on" && conversation.mic.value !== "asking";

export function Dock() {
  const { conversation } = useStage();
  const push = conversation.settings.value.mode === "push";
  const first = isFirst(conversation);
  return (
    <div class={`dock ${first ? "first" : ""}`}>
      <Choice
        name="mode"
        legend={t("mode")}
        value={push ? "push" : "continuous"}
        options={[
          { value: "continuous", label: t("handsFree"), icon: "waves", testid: "mode-hands-free" },
          { value: "push", label: t("holdMode"), icon: "hand", testid: "mode-hold" },
        ]}
        onChoose={(mode) => conversation.choose({ mode })}
      />
      <div class="talk">{push ? <Hold /> : <Mic />}</div>
      <div class="dock-end">
        {stoppable(conversation) && (
          <button type="button" class="button stop" data-testid="stop" title={t("stopHint")} onClick={() => conversation.interrupt()}>
            <Icon name="stop" />
            <span class="stop-label">{t("stop")}</span>
          </button>
        )}
      </div>
      {first && <OrType push={push} />}
    </div>
  );
}

function OrType({ push }: { push: boolean }) {
  return (
    <p class="or-type">
      {push && <span class="needs-keyboard">{t("holdHint")} · </span>}
      <button type="button" class="link" onClick={() => document.querySelector<HTMLTextAreaElement>("[data-testid=text-input]")?.focus()}>
        {t("orType")}
      </button>
    </p>
  );
}

function Mic() {
  const { conversation } = useStage();
  const status = conversation.mic.value;
  const on = status === "on";
  const words = status === "asking" ? t("micAsking") : t("talk");
  return (
    <>
      <button
        type="button"
        class={`button mic ${on ? "on" : ""} ${status === "asking" ? "asking" : ""}`}
        data-testid="mic"
        aria-pressed={on}
        title={on ? t("micOn") : t("micOff")}
        onClick={() => (on || status === "asking" ? conversation.closeMic() : void conversation.openMic())}
      >
        <Icon name={["denied", "missing", "insecure", "failed"].includes(status) ? "micOff" : "mic"} />
        <span class={on ? "hidden-text" : undefined}>{words}</span>
      </button>
      {on && <Level />}
    </>
  );
}

function Hold() {
  const { conversation, page } = useStage();
  const pointer = useRef<number | null>(null);
  const held = page.holding.value;
  const begin = () => void beginHold(conversation, page);
  const end = () => endHold(conversation, page);
  return (
    <>
      <button
        type="button"
        class={`button mic hold ${held ? "on" : ""}`}
        data-testid="hold"
        aria-pressed={held}
        title={t("holdModeHint")}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          pointer.current = event.pointerId;
          // The finger may slide off the button without ending the sentence.
          event.currentTarget.setPointerCapture?.(event.pointerId);
          begin();
        }}
        onPointerUp={end}
        onPointerCancel={end}
        onLostPointerCapture={end}
        onKeyDown={(event) => {
          if (event.key !== " " && event.key !== "Enter") return;
          event.preventDefault();
          if (!event.repeat) begin();
        }}
        onKeyUp={(event) => {
          if (event.key === " " || event.key === "Enter") end();
        }}
        onBlur={end}
        onContextMenu={(event) => event.preventDefault()}
      >
        <Icon name="mic" />
        <span>{held ? t("holding") : t("hold")}</span>
      </button>
      {held && <Level />}
    </>
  );
}
