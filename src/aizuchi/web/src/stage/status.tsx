/** What is going on, in words. The rings say the same without. */
import { Icon } from "../shared/icons";
import type { Conversation } from "../talk/model";
import { useStage } from "./context";
import { t } from "./words";

export function stateWords(conversation: Conversation): string {
  const connection = conversation.connection.value;
  if (connection.status === "connecting") return t("connecting");
  if (connection.status === "waiting") return t("reconnecting");
  if (connection.status === "refused") return t("offline");
  const queue = conversation.queue.value;
  if (queue && queue.position > 0) {
    const seconds = queue.etaMs === null ? null : Math.max(1, Math.round(queue.etaMs / 1000));
    return seconds === null ? t("queued", { position: queue.position }) : t("queuedFor", { position: queue.position, seconds });
  }
  if (conversation.held.value) return t("held");
  const state = conversation.state.value;
  if (state === "idle" && conversation.mic.value === "on" && conversation.settings.value.mode !== "push") return t("open");
  return t(state);
}

export function Status() {
  const { conversation } = useStage();
  return (
    <div class="status">
      <p class="state" data-testid="state" role="status" aria-live="polite">
        {stateWords(conversation)}
      </p>
      {conversation.degraded.value && (
        <span class="degraded" title={t("degraded")}>
          <Icon name="warning" />
          <span class="hidden-text">{t("degraded")}</span>
        </span>
      )}
    </div>
  );
}
