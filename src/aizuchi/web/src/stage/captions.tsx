/** The conversation in text. Follows the newest line until the person scrolls up. */
import { effect, useComputed, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../shared/icons";
import { copyText, download } from "../shared/take";
import { IconButton } from "../shared/ui";
import type { Conversation, Line } from "../talk/model";
import { NoteCaption, ReplyCaption, UserCaption } from "./caption";
import { nameOf, useStage, type Page } from "./context";
import { Sticky } from "./sticky";
import { asMarkdown, asText, fileName, type Names } from "./transcript";
import { t } from "./words";

export const namesIn = (conversation: Conversation): Names => ({
  you: t("you"),
  character: nameOf(conversation.character),
  interrupted: t("interrupted"),
  pictures: (count) => t("picturesSaved", { count }),
});

export async function copyConversation(conversation: Conversation, page: Page): Promise<void> {
  const done = await copyText(asText(conversation.lines.peek(), namesIn(conversation)));
  page.tell(t(done ? "copied" : "notCopied"), !done);
}

export function saveConversation(conversation: Conversation, kind: "txt" | "md"): void {
  const names = namesIn(conversation);
  const lines = conversation.lines.peek();
  const text = kind === "txt" ? asText(lines, names) : asMarkdown(lines, names, t("stage", { name: names.character }));
  download(fileName(new Date(), kind), kind === "txt" ? "text/plain" : "text/markdown", text);
}

/** Taking the conversation away; stands in the page's head, and only when there is something to take. */
export function CaptionTools() {
  const { conversation, page } = useStage();
  if (conversation.lines.value.length === 0) return null;
  return (
    <div class="captions-tools" role="group" aria-label={t("keep")}>
      <IconButton icon="copy" label={t("copy")} testid="copy" onClick={() => void copyConversation(conversation, page)} />
      <IconButton icon="save" label={t("save")} testid="save" onClick={() => saveConversation(conversation, "txt")} />
      <IconButton icon="clear" label={t("clear")} testid="clear" onClick={() => conversation.clear()} />
    </div>
  );
}

export function Captions() {
  const { conversation } = useStage();
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const sticky = useRef(new Sticky());
  const away = useSignal(false);
  const lines = conversation.lines.value;
  const empty = lines.length === 0;

  const toEnd = (smooth: boolean) => {
    const element = box.current;
    if (!element) return;
    sticky.current.follows = true;
    away.value = false;
    element.scrollTo({ top: element.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  };

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !list.current || typeof ResizeObserver === "undefined") return;
    const settle = () => {
      const to = sticky.current.changed(element, sounding(element));
      if (to !== null && Math.abs(element.scrollTop - to) > 0.5) element.scrollTop = to;
    };
    // Both the text and the box change size: lines grow, keyboards open, phones are turned.
    const observer = new ResizeObserver(settle);
    observer.observe(element);
    observer.observe(list.current);
    let frame = 0;
    const end = effect(() => {
      void conversation.speaking.value;
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(settle);
    });
    return () => {
      end();
      cancelAnimationFrame(frame);
      observer.disconnect();
    };
  }, [empty]);

  // What one says oneself is always shown, wherever one had scrolled to.
  const own = lines.findLast((line) => line.kind === "user" && line.final)?.id;
  useEffect(() => {
    if (own) toEnd(false);
  }, [own]);

  return (
    <section class="captions-pane" aria-label={t("captions")}>
      <div
        ref={box}
        class="captions"
        data-testid="captions"
        role="log"
        aria-live="off"
        aria-label={t("captions")}
        tabIndex={0}
        onScroll={(event) => {
          sticky.current.scrolled(event.currentTarget);
          away.value = !sticky.current.follows;
        }}
      >
        {empty ? <Hello /> : null}
        <ul ref={list}>
          {lines.map((line, number) => (
            <Row key={line.id} line={line} newest={number === lines.length - 1 || !lines.slice(number + 1).some((each) => each.kind !== "note")} />
          ))}
          {/* After the character's greeting it is the person's turn. */}
          {!empty && !lines.some((line) => line.kind === "user") && (
            <li>
              <Tries />
            </li>
          )}
        </ul>
      </div>
      {away.value && (
        <button type="button" class="button newest" onClick={() => toEnd(true)}>
          <Icon name="down" />
          {t("newest")}
        </button>
      )}
      <Announcer />
    </section>
  );
}

/** Where in the list the words stand that sound now or come next; null when all of the reply is said. */
function sounding(box: HTMLElement): number | null {
  const words = box.querySelector(".reply.live .now") ?? box.querySelector(".reply.live .ahead");
  return words ? words.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop : null;
}

function Row({ line, newest }: { line: Line; newest: boolean }) {
  const { conversation } = useStage();
  if (line.kind === "user") return <UserCaption line={line} language={conversation.settings.value.language} />;
  if (line.kind === "note") return <NoteCaption line={line} />;
  // A reply may still sound after its text has ended, and while the person already speaks over it.
  const state = conversation.state.value;
  const live = (newest && (state === "thinking" || state === "speaking") && conversation.connection.value.status === "online") || conversation.speaking.value?.line === line.id;
  return <ReplyCaption line={line} live={live} />;
}

/** Final lines only, one at a time: a screen reader that heard every word as it streams could hear nothing else. */
function Announcer() {
  const { conversation } = useStage();
  const last = useComputed(() => conversation.lines.value.findLast((line) => (line.kind === "user" ? line.final : line.kind === "note" || line.finish !== undefined)));
  const line = last.value;
  const who = line?.kind === "reply" ? `${nameOf(conversation.character)}: ` : line?.kind === "user" ? `${t("you")}: ` : "";
  return (
    <div class="hidden-text" aria-live="polite" aria-atomic="true" data-testid="announcer">
      {line ? who + line.text : ""}
    </div>
  );
}

function Hello() {
  const { conversation } = useStage();
  const name = nameOf(conversation.character);
  return (
    <div class="hello">
      <h2>{t("hello")}</h2>
      <p>{t("helloBy", { name })}</p>
      <Tries />
    </div>
  );
}

/** Something to begin with, for who does not know what to say. */
function Tries() {
  const { conversation } = useStage();
  const ready = conversation.connection.value.status === "online";
  return (
    <div class="tries">
      {(["try1", "try2", "try3"] as const).map((key) => (
        <button key={key} type="button" class="button try" disabled={!ready} onClick={() => conversation.say(t(key))}>
          {t(key)}
        </button>
      ))}
    </div>
  );
}
