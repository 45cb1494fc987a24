/**
 * The lines of the captions, made of the server's messages in their order. A user's line is known by its utterance, a
 * reply's by its turn, since a reply that was held may go on under another generation. Lines never change in place.
 */
import { signal } from "@preact/signals";
import { turnOf } from "./intake";
import type { Line, Picture, Sentence, ToolLine } from "./model";
import type { Down, Finish } from "./protocol";

/** The page keeps so many; what is older is dropped from the top. */
export const MOST_LINES = 500;
/** So many outlive a reload of the page. */
const SAVED = 100;

type Reply = Extract<Line, { kind: "reply" }>;
type Note = Extract<Line, { kind: "note" }>;

export class Transcript {
  readonly lines = signal<readonly Line[]>([]);
  /** Names of lines hold over sessions, whose own numbers begin again. */
  private epoch = 0;
  private count = 0;
  private readonly turns = new Map<number, string>();

  constructor(
    private readonly release: (pictures: readonly Picture[]) => void = () => undefined,
    private readonly now: () => number = Date.now,
  ) {}

  receive(message: Down): void {
    switch (message.type) {
      case "asr_partial":
        return this.heard(message.utterance_id, message.text, false);
      case "asr_final":
        return this.heard(message.utterance_id, message.text, true);
      case "assistant_text_delta":
        return this.reply(message, (line) => ({ ...line, text: line.text + message.delta }));
      case "assistant_text":
        return this.reply(message, (line) => ({ ...line, text: message.text, finish: "stop" }));
      case "assistant_text_end":
        return this.ended(message, message.of_generation ?? null);
      case "heard":
        return this.change(this.turns.get(message.of_generation), (line) => interrupted(line, message.text));
      case "thought_delta":
        return this.reply(message, (line) => ({ ...line, thoughts: line.thoughts + message.delta }));
      case "tool_status":
        return this.reply(message, (line) => ({ ...line, tools: tooled(line.tools, message) }));
      case "tts_audio_chunk":
        this.know(message);
        if (message.text) this.sentence(message, message.sentence_index, { text: message.text });
        return;
      case "word_timeline": {
        const words = message.words.map(({ t, d, text }) => ({ atMs: t, ms: d, text }));
        return this.sentence(message, message.sentence_index, (before) => ({ words: [...before.words, ...words] }));
      }
      case "assistant_subtitle": {
        const said = { [message.language]: message.text };
        return this.sentence(message, message.sentence_index, (before) => ({ subtitles: { ...before.subtitles, ...said } }));
      }
      case "emotion_tag": {
        const emotion = { name: message.emotion, intensity: message.intensity };
        return this.sentence(message, message.sentence_index ?? 0, { emotion });
      }
    }
  }

  /** The person typed something. */
  typed(text: string, pictures: readonly Picture[]): void {
    this.add({ kind: "user", id: this.name("typed"), text, final: true, pictures, at: this.now() });
  }

  note(level: Note["level"], text: string): void {
    const last = this.lines.value.at(-1);
    // The same trouble again is the same note.
    if (last?.kind === "note" && last.text === text) return;
    this.add({ kind: "note", id: this.name("note"), level, text, at: this.now() });
  }

  /** The line of a generation that sounds. */
  lineOf(generation: number): string | null {
    return this.turns.get(generation) ?? null;
  }

  /** The line that a message of a reply belongs to. */
  lineFor(message: Down): string {
    return this.know(message);
  }

  emotionOf(line: string, sentence: number): Sentence["emotion"] {
    const found = this.lines.value.find((each) => each.id === line);
    return found?.kind === "reply" ? found.sentences.find((each) => each.index === sentence)?.emotion : undefined;
  }

  /** The person wants silence; what was heard of it the server will tell. */
  interrupt(generation: number): void {
    this.change(this.turns.get(generation), (line) => interrupted(line));
  }

  /** The socket is gone: what was only half recognised will not be finished. */
  lost(): void {
    this.lines.value = this.lines.value.filter((line) => line.kind !== "user" || line.final);
  }

  /** Another session: names begin again, what runs will not end by itself. */
  anew(): void {
    this.lost();
    this.epoch += 1;
    this.turns.clear();
    this.lines.value = this.lines.value.map((line) => (line.kind === "reply" ? interrupted(line) : line));
  }

  clear(): void {
    for (const line of this.lines.value) this.dropped(line);
    this.lines.value = this.lines.value.filter((line) => (line.kind === "reply" ? !line.finish : line.kind === "user" && !line.final));
  }

  /** The page as text, without its pictures, which are too large to keep. */
  save(): string {
    const lines = this.lines.value.slice(-SAVED).map((line) => (line.kind === "user" ? { ...line, pictures: [] } : line));
    return JSON.stringify({ epoch: this.epoch, count: this.count, lines });
  }

  /** The same page again, after a reload; nothing when it can't be read. */
  restore(text: string): void {
    try {
      const { epoch, count, lines } = JSON.parse(text) as { epoch: number; count: number; lines: Line[] };
      [this.epoch, this.count] = [epoch, count];
      for (const line of lines) if (line.kind === "reply") this.turns.set(line.generation, line.id);
      this.lines.value = lines.filter((line) => line.kind !== "user" || line.final);
    } catch {
      // Another version wrote it.
    }
  }

  // -- user

  private heard(utterance: string, text: string, final: boolean): void {
    const id = `${this.epoch}:${utterance}`;
    const before = this.lines.value.find((line) => line.id === id);
    // One utterance is recognised at a time; an unfinished one before it was given up.
    const stale = (line: Line) => line.kind === "user" && !line.final && line.id !== id;
    if (this.lines.value.some(stale)) this.lines.value = this.lines.value.filter((line) => !stale(line));
    if (!text.trim()) {
      if (final && before) this.lines.value = this.lines.value.filter((line) => line.id !== id);
      return;
    }
    if (!before) this.add({ kind: "user", id, text, final, pictures: [], at: this.now() });
    else this.lines.value = this.lines.value.map((line) => (line.id === id && line.kind === "user" ? { ...line, text, final } : line));
  }

  // -- reply

  private know(message: Down): string {
    const id = `${this.epoch}:${turnOf(message)}`;
    this.turns.set(message.generation_id, id);
    for (const generation of this.turns.keys()) {
      if (this.turns.size <= 64) break;
      this.turns.delete(generation);
    }
    return id;
  }

  private reply(message: Down, change: (line: Reply) => Reply): void {
    const id = this.know(message);
    if (!this.lines.value.some((line) => line.id === id)) {
      const generation = message.generation_id;
      this.add({ kind: "reply", id, generation, text: "", sentences: [], thoughts: "", tools: [], at: this.now() });
    }
    this.change(id, change);
  }

  private ended(message: Down & { type: "assistant_text_end" }, of: number | null): void {
    const { text, finish_reason: finish, fallback } = message;
    const end = (line: Reply): Reply =>
      finish === "interrupted" ? interrupted(line, text) : { ...line, text: text || line.text, finish: finished(line, finish), ...(fallback ? { fallback } : {}) };
    if (of !== null) return this.change(this.turns.get(of), end);
    // An interrupted reply of which nothing is on the page does not need a line for that.
    if (finish === "interrupted") return this.change(this.turns.get(message.generation_id), end);
    this.reply(message, end);
  }

  private sentence(message: Down, index: number, more: Partial<Sentence> | ((before: Sentence) => Partial<Sentence>)): void {
    this.reply(message, (line) => {
      const before = line.sentences.find((each) => each.index === index) ?? { index, text: "", words: [], subtitles: {} };
      const after = { ...before, ...(typeof more === "function" ? more(before) : more) };
      const others = line.sentences.filter((each) => each.index !== index);
      return { ...line, sentences: [...others, after].sort((a, b) => a.index - b.index) };
    });
  }

  private change(id: string | undefined, change: (line: Reply) => Reply): void {
    if (id === undefined) return;
    // Nearly always the last one: looked for from the end, and nothing is copied in vain.
    const at = this.lines.value.findLastIndex((line) => line.id === id);
    const line = this.lines.value[at];
    if (line?.kind === "reply") this.lines.value = this.lines.value.with(at, change(line));
  }

  private add(line: Line): void {
    const lines = [...this.lines.value, line];
    for (const gone of lines.splice(0, lines.length - MOST_LINES)) this.dropped(gone);
    this.lines.value = lines;
  }

  private dropped(line: Line): void {
    if (line.kind === "user" && line.pictures.length > 0) this.release(line.pictures);
  }

  private name(kind: string): string {
    this.count += 1;
    return `${kind}-${this.count}`;
  }
}

function interrupted(line: Reply, heard?: string): Reply {
  if (line.finish && heard === undefined) return line;
  const told = heard ?? line.heard;
  return { ...line, finish: "interrupted", ...(told === undefined ? {} : { heard: told }) };
}

/** The person interrupted it here; that the server had already ended the text does not change that. */
function finished(line: Reply, finish: Finish): Finish {
  return line.finish === "interrupted" ? "interrupted" : finish;
}

function tooled(tools: readonly ToolLine[], message: Down & { type: "tool_status" }): readonly ToolLine[] {
  const { call_id: callId, name, state, arguments: args, result } = message;
  const before = tools.find((each) => each.callId === callId);
  const told = { ...(args == null ? {} : { arguments: args }), ...(result == null ? {} : { result }) };
  const after: ToolLine = { ...before, callId, name, state, ...told };
  return before ? tools.map((each) => (each === before ? after : each)) : [...tools, after];
}
