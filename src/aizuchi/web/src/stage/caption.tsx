/** One line of the captions. Text is text: nothing in it is ever read as HTML, and no address becomes a link. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../shared/icons";
import type { Line, Sentence, ToolLine } from "../talk/model";
import { nameOf, useStage } from "./context";
import { languageOf } from "./language-of";
import { further, heardUpTo, inLanguage, pieces, sentencesHeard, sentencesText, speaksOtherwise, type Reached } from "./spoken";
import { t } from "./words";

type User = Extract<Line, { kind: "user" }>;
type Reply = Extract<Line, { kind: "reply" }>;
type Note = Extract<Line, { kind: "note" }>;

export function UserCaption({ line, language }: { line: User; language: string | undefined }) {
  return (
    <li class="caption user" data-testid="caption" data-kind="user" data-final={String(line.final)} data-finish="">
      <span class="hidden-text">{t("you")}: </span>
      {line.pictures.length > 0 && (
        <div class="sent-pictures">
          {line.pictures.map((picture, number) => (
            <img key={number} src={picture.url} alt={t("pictureSent", { number: number + 1 })} />
          ))}
        </div>
      )}
      {line.text && (
        <p class="said" lang={languageOf(line.text, language)} dir="auto">
          {line.text}
        </p>
      )}
    </li>
  );
}

export function NoteCaption({ line }: { line: Note }) {
  return (
    <li class={`caption note ${line.level}`} data-testid="caption" data-kind="note" data-final="true" data-finish="">
      <Icon name={line.level === "info" ? "info" : "warning"} />
      <p dir="auto">{line.text}</p>
    </li>
  );
}

/** `live`: it is the newest reply, and its sound may still be to come. */
export function ReplyCaption({ line, live }: { line: Reply; live: boolean }) {
  const { conversation } = useStage();
  const reached = useReached(line, live);
  const settings = conversation.settings.value;
  const character = conversation.character.value;
  const sentences = character ? inLanguage(line.sentences, character.language) : line.sentences;
  // Of a bilingual reply the text comes before its sentences, and is the subtitle.
  const awaited = Boolean(character?.subtitles) && sentences.length === 0 && line.finish === undefined;
  const speaksOther = awaited || speaksOtherwise(line.text, sentences);
  const text = speaksOther ? sentencesText(sentences) : line.text;
  const subtitle = settings.subtitles
    ? speaksOther
      ? { text: line.text, language: character?.subtitles || undefined }
      : subtitleOf(line.sentences, settings.language, character?.language ?? "")
    : null;
  return (
    <li class={`caption reply ${live ? "live" : ""}`} data-testid="caption" data-kind="reply" data-final={String(line.finish !== undefined)} data-finish={line.finish ?? ""}>
      <span class="who">{nameOf(conversation.character)}</span>
      {line.tools.map((tool) => (
        <Tool key={tool.callId} tool={tool} />
      ))}
      {text && (
        <p class="said" lang={languageOf(text, character?.language)} dir="auto">
          <Said text={text} line={line} sentences={sentences} read={speaksOther ? (character?.subtitles ?? "") : ""} reached={reached} live={live} />
        </p>
      )}
      {!text && line.finish === undefined && live && (
        <p class="dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </p>
      )}
      {subtitle?.text && (
        <p class="subtitle" lang={subtitle.language ?? languageOf(subtitle.text)} dir="auto">
          {subtitle.text}
        </p>
      )}
      <Chips line={line} />
      {settings.thoughts && line.thoughts && (
        <details class="thoughts">
          <summary>{t("thoughts")}</summary>
          <p dir="auto" lang={languageOf(line.thoughts, character?.language)}>
            {line.thoughts}
          </p>
        </details>
      )}
    </li>
  );
}

/** The position is told a few times a second; no longer than this may the words run on by themselves. */
const RUN_ON_MS = 600;

/** How far its voice has come; kept through the short silences between sentences, and run on from word to word. */
function useReached(line: Reply, live: boolean): Reached | null {
  const { conversation } = useStage();
  const kept = useRef<Reached | null>(null);
  const ran = useSignal<Reached | null>(null);
  // Only the line that sounds reads the position, so that the older ones are not drawn again with it.
  const told = live ? conversation.speaking.value : null;
  const still = conversation.held.value;
  if (told?.line === line.id) kept.current = further(kept.current, told);
  if (live && ran.value) kept.current = further(kept.current, ran.value);

  useEffect(() => {
    if (told?.line !== line.id || still) return;
    const starts = line.sentences.find((each) => each.index === told.sentence)?.words.map((word) => word.atMs) ?? [];
    const timers = starts
      .filter((atMs) => atMs > told.atMs && atMs - told.atMs < RUN_ON_MS)
      .map((atMs) => setTimeout(() => (ran.value = { sentence: told.sentence, atMs }), atMs - told.atMs));
    return () => timers.forEach(clearTimeout);
  }, [told, still]);
  return kept.current;
}

interface SaidProps {
  readonly text: string;
  readonly line: Reply;
  readonly sentences: readonly Sentence[];
  /** The language in which the reply is shown and told to have been heard, where it is spoken in another one. */
  readonly read: string;
  readonly reached: Reached | null;
  readonly live: boolean;
}

function Said({ text, line, sentences, read, reached, live }: SaidProps) {
  if (line.finish === "interrupted" && line.heard !== undefined) {
    const end = read ? sentencesText(sentences.slice(0, sentencesHeard(sentences, read, line.heard))).length : heardUpTo(text, line.heard);
    if (end !== null) {
      return (
        <>
          <span class="heard">{text.slice(0, end)}</span>
          {end < text.length && <Unheard text={text.slice(end)} />}
        </>
      );
    }
  }
  if (!live || line.finish === "interrupted") return <>{text}</>;
  return (
    <>
      {pieces(text, sentences, reached).map((piece, number) => (
        <span key={number} class={piece.word ? "now word" : piece.phase}>
          {piece.text}
        </span>
      ))}
    </>
  );
}

/** What nobody heard of an interrupted reply. A long rest would be a wall of struck words: it is folded. */
const FOLDED = 120;
const KEPT = 60;

function Unheard({ text }: { text: string }) {
  const open = useSignal(false);
  if (text.length <= FOLDED || open.value) return <s class="unheard">{text}</s>;
  const blank = text.lastIndexOf(" ", KEPT);
  const cut = text.slice(0, blank > KEPT / 2 ? blank : KEPT);
  return (
    <>
      <s class="unheard">{cut}</s>
      <button type="button" class="more" data-testid="unheard" onClick={() => (open.value = true)}>
        {t("unheardRest")}
      </button>
    </>
  );
}

function subtitleOf(sentences: readonly Sentence[], wish: string, spoken: string): { text: string; language: string } | null {
  const languages = [...new Set(sentences.flatMap((each) => Object.keys(each.subtitles)))].filter((each) => each !== spoken);
  const language = languages.find((each) => each.split("-")[0] === wish) ?? languages[0];
  if (!language) return null;
  return { language, text: sentencesText(sentences.map((each) => ({ ...each, text: each.subtitles[language] ?? "" })).filter((each) => each.text)) };
}

function Chips({ line }: { line: Reply }) {
  const chips: { text: string; bad?: boolean }[] = [];
  if (line.finish === "interrupted") chips.push({ text: t("interrupted") });
  if (line.finish === "length") chips.push({ text: t("cutShort") });
  if (line.finish === "error") chips.push({ text: t("failed"), bad: true });
  if (line.fallback) chips.push({ text: t("standIn") });
  if (chips.length === 0) return null;
  return (
    <p class="chips">
      {chips.map((chip) => (
        <span key={chip.text} class={`chip ${chip.bad ? "bad" : ""}`}>
          {chip.text}
        </span>
      ))}
    </p>
  );
}

function Tool({ tool }: { tool: ToolLine }) {
  const running = tool.state === "running" || tool.state === "requested";
  const said = running ? t("toolRunning") : tool.state === "failed" ? t("toolFailed") : t("toolDone");
  const head = (
    <>
      <Icon name={tool.state === "failed" ? "warning" : running ? "tool" : "check"} />
      <code>{tool.name}</code>
      <span class="tool-result">{running || !tool.result ? said : tool.result}</span>
    </>
  );
  const args = tool.arguments === undefined ? "" : JSON.stringify(tool.arguments, null, 1);
  if (!args || args === "{}") return <p class={`tool ${tool.state}`}>{head}</p>;
  return (
    <details class={`tool ${tool.state}`}>
      <summary>{head}</summary>
      <pre>
        {args}
        {tool.result ? `\n→ ${tool.result}` : ""}
      </pre>
    </details>
  );
}
