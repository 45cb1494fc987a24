/**
 * Folds a session's entries, in order, into its turns: the twin of `Folding` in `views/figures.py`, and beside
 * the figures the spans that a picture needs. Never throws; unknown kinds are passed over.
 *
 * A live page gets sound when it is due and not when it was made, so its entries are nearly but not quite in
 * order; firsts are therefore the earliest seen.
 */
import type { Entry } from "../talk/model";
import { count, number, text, turnOf } from "./fields";
import { type Attempt, type Call, Figures } from "./figures";

interface Utterance {
  readonly onsetAudio: number;
  onset: number | null;
  firstPartial: number | null;
  voiceEnd: number | null;
  final: number | null;
  /** What was asked of recognisers, prepared and waited for on its behalf: its turn takes that over. */
  readonly before: Figures;
}

/** More than one is open only when the user speaks on while the last one is still being recognised. */
const KEPT_UTTERANCES = 8;
const REPLY_SOUND = new Set(["speech", "packet"]);

export class Folding {
  /** Oldest first; at most `keep`. */
  readonly turns: Figures[] = [];
  readonly running = new Map<number, Figures>();
  utterances = 0;
  /** Utterances in which nothing was recognised. */
  empty = 0;
  /** `at` of the newest entry. */
  now = 0;
  private readonly attempts = new Map<number, Attempt>();
  private readonly said = new Map<number, Utterance>();

  constructor(private readonly keep = 50) {}

  read(entry: Entry): void {
    this.now = Math.max(this.now, entry.at);
    switch (entry.kind) {
      case "speech_started":
      case "heard_partial":
      case "speech_ended":
      case "heard":
        return this.utterance(entry);
      case "turn_begun":
        return this.begin(entry);
      case "attempt_begun":
        return this.attempt(entry);
      case "attempt_ended":
        return this.attempted(entry);
      case "played":
        return this.played(entry);
    }
    const attempt = number(entry, "attempt");
    if (attempt !== null && (entry.kind === "requested" || entry.kind === "answered")) {
      const prepared = this.attempts.get(attempt)?.prepared;
      if (prepared) reply(prepared, entry);
      return;
    }
    if (entry.turn === null) {
      // A recogniser's request belongs to no turn, but to an utterance.
      if (text(entry, "stage") === "asr") this.recogniser(entry);
      return;
    }
    const figures = this.running.get(entry.turn);
    if (!figures) return;
    reply(figures, entry);
    if (figures.outcome) this.running.delete(figures.turn);
  }

  private utterance(entry: Entry): void {
    const { at } = entry;
    const key = number(entry, "utterance");
    if (entry.kind === "heard" && !text(entry, "text")) this.empty += 1;
    if (key === null) return;
    if (entry.kind === "speech_started") {
      this.utterances += 1;
      this.said.delete(key);
      this.said.set(key, {
        onsetAudio: count(entry, "audio_at"),
        onset: null,
        firstPartial: null,
        voiceEnd: null,
        final: null,
        before: new Figures(0, entry.generation, "user", at),
      });
      while (this.said.size > KEPT_UTTERANCES) this.said.delete(this.said.keys().next().value!);
      return;
    }
    const said = this.said.get(key);
    if (!said) return;
    if (entry.kind === "heard_partial") said.firstPartial ??= at;
    else if (entry.kind === "heard") said.final = at;
    else {
      said.voiceEnd = number(entry, "voice_end");
      if (said.voiceEnd !== null) said.onset = said.voiceEnd - Math.max(0, count(entry, "audio_at") - said.onsetAudio);
    }
  }

  private recogniser(entry: Entry): void {
    const all = [...this.said.values()];
    const waits = (each: Utterance) => each.before.calls.some((call) => call.done === null);
    const said = entry.kind === "answered" ? all.find(waits) : all.at(-1);
    if (said) reply(said.before, entry);
  }

  private begin(entry: Entry): void {
    const turn = turnOf(entry);
    if (turn === null) return;
    const figures = new Figures(turn, entry.generation, text(entry, "cause"), entry.at);
    figures.userEnd = number(entry, "user_end");
    figures.voiceEnd = number(entry, "voice_end");
    figures.said = text(entry, "text");
    const said = [...this.said.values()].filter((each) => each.voiceEnd === figures.voiceEnd && each.final).at(-1);
    if (figures.voiceEnd !== null && said) {
      figures.speechOnset = said.onset;
      figures.firstPartial = said.firstPartial;
      figures.asrFinal = said.final;
      figures.calls = [...said.before.calls];
      figures.waits = [...said.before.waits];
      figures.troubles = [...said.before.troubles];
      figures.attempts = said.before.attempts;
    }
    this.running.set(turn, figures);
    this.turns.push(figures);
    if (this.turns.length > this.keep) this.turns.shift();
  }

  private attempt(entry: Entry): void {
    const key = number(entry, "attempt");
    if (key === null) return;
    const attempt: Attempt = {
      number: key,
      text: text(entry, "text"),
      begun: entry.at,
      ended: null,
      turn: null,
      reason: "",
      savedMs: 0,
      tokens: 0,
      audioMs: 0,
      prepared: new Figures(0, entry.generation, "user", entry.at),
    };
    this.attempts.set(key, attempt);
    this.said.get(number(entry, "utterance") ?? -1)?.before.attempts.push(attempt);
  }

  private attempted(entry: Entry): void {
    const key = number(entry, "attempt") ?? -1;
    const attempt = this.attempts.get(key);
    if (!attempt) return;
    this.attempts.delete(key);
    attempt.ended = entry.at;
    attempt.turn = turnOf(entry);
    attempt.reason = text(entry, "reason");
    attempt.savedMs = count(entry, "saved_ms");
    attempt.tokens = count(entry, "tokens");
    attempt.audioMs = count(entry, "audio_ms");
    const figures = attempt.turn === null ? undefined : this.running.get(attempt.turn);
    if (!figures) {
      attempt.turn = null;
      return;
    }
    if (!figures.attempts.includes(attempt)) figures.attempts.push(attempt);
    takeOver(figures, attempt.prepared);
  }

  private played(entry: Entry): void {
    const figures = this.running.get(turnOf(entry) ?? -1);
    if (figures && figures.playback === null && figures.firstAudio !== null) {
      figures.playback = entry.at;
      figures.version += 1;
    }
  }
}

/** What an attempt had asked and was billed is its turn's from the commit on. */
function takeOver(figures: Figures, prepared: Figures): void {
  figures.version += 1;
  figures.prepared = prepared.begun;
  figures.llmAsked = prepared.llmAsked;
  figures.llmDone = prepared.llmDone;
  figures.ttsAsked = prepared.ttsAsked;
  figures.ttsDone = prepared.ttsDone;
  figures.tokensIn += prepared.tokensIn;
  figures.tokensOut += prepared.tokensOut;
  figures.characters += prepared.characters;
  figures.audioMs += prepared.audioMs;
  figures.calls = [...figures.calls, ...prepared.calls];
}

function reply(figures: Figures, entry: Entry): void {
  const { at } = entry;
  const stage = text(entry, "stage");
  figures.version += 1;
  if (REPLY_SOUND.has(entry.kind)) return sound(figures, entry);
  switch (entry.kind) {
    case "text_delta":
      figures.deltas += 1;
      figures.firstToken = first(figures.firstToken, at);
      break;
    case "tool_call":
      figures.tools.push({ id: text(entry, "id"), name: text(entry, "name"), from: at, to: null, error: "" });
      figures.firstToken = first(figures.firstToken, at);
      break;
    case "thought":
      figures.firstToken = first(figures.firstToken, at);
      break;
    case "tool_done": {
      const tool = figures.tools.find((each) => each.id === text(entry, "id") && each.to === null);
      if (tool) [tool.to, tool.error] = [at, text(entry, "error")];
      break;
    }
    case "sentence":
      if (text(entry, "spoken").trim()) figures.firstSentence = first(figures.firstSentence, at);
      break;
    case "speech_done":
      figures.doneMs = count(entry, "ms");
      break;
    case "text_done":
      figures.fallback = text(entry, "fallback");
      break;
    case "requested":
      asked(figures, entry, stage);
      break;
    case "answered":
      answered(figures, entry, stage);
      break;
    case "queued": {
      const open = figures.waits.find((each) => each.stage === stage && each.to === null);
      if (count(entry, "position") > 0) {
        if (!open) figures.waits.push({ stage, from: at, ahead: count(entry, "ahead"), to: null });
      } else if (open) {
        open.to = at;
        figures.queued += at - open.from;
      }
      break;
    }
    case "fault":
      figures.faults += 1;
      figures.troubles.push({
        at,
        stage,
        code: text(entry, "code"),
        message: text(entry, "message"),
        provider: text(entry, "provider"),
      });
      break;
    case "turn_held":
      figures.held.push({ from: at, atMs: count(entry, "at_ms"), reason: text(entry, "reason"), to: null, resumedMs: 0 });
      break;
    case "turn_resumed": {
      const held = figures.held.findLast((each) => each.to === null);
      if (held) [held.to, held.resumedMs] = [at, count(entry, "at_ms")];
      break;
    }
    case "interrupted":
      figures.interrupted = at;
      figures.generation = number(entry, "of_generation") ?? figures.generation;
      break;
    case "turn_ended":
      figures.outcome = text(entry, "outcome") || "finished";
      figures.heard = text(entry, "heard");
      figures.ended = at;
      break;
  }
}

function sound(figures: Figures, entry: Entry): void {
  const index = number(entry, "sentence") ?? 0;
  const fromMs = count(entry, "at_ms");
  const toMs = fromMs + count(entry, "ms");
  figures.firstAudio = first(figures.firstAudio, entry.at);
  figures.lastSound = entry.at;
  const known = figures.sentences.find((each) => each.index === index);
  const whole = entry["last"] === true;
  if (known) [known.toMs, known.whole] = [Math.max(known.toMs, toMs), known.whole || whole];
  else figures.sentences.push({ index, made: entry.at, fromMs, toMs, whole });
}

function asked(figures: Figures, entry: Entry, stage: string): void {
  const { at } = entry;
  if (stage === "llm") figures.llmAsked = first(figures.llmAsked, at);
  else if (stage === "tts") figures.ttsAsked = first(figures.ttsAsked, at);
  figures.calls.push({
    stage,
    provider: text(entry, "provider"),
    sentence: number(entry, "sentence"),
    asked: at,
    first: null,
    done: null,
    outcome: "",
  });
}

function answered(figures: Figures, entry: Entry, stage: string): void {
  figures.tokensIn += count(entry, "tokens_in");
  figures.tokensOut += count(entry, "tokens_out");
  figures.characters += count(entry, "characters");
  if (stage === "llm") figures.llmDone = entry.at;
  else if (stage === "tts") {
    figures.ttsDone = entry.at;
    figures.audioMs += count(entry, "audio_ms");
  }
  const sentence = number(entry, "sentence");
  const call = figures.calls.find(
    (each: Call) =>
      each.done === null && each.stage === stage && each.sentence === sentence && each.provider === text(entry, "provider"),
  );
  if (!call) return;
  const firstMs = number(entry, "first_ms");
  call.first = firstMs === null ? null : Math.min(entry.at, call.asked + firstMs / 1000);
  call.done = entry.at;
  call.outcome = text(entry, "outcome");
}

function first(known: number | null, at: number): number {
  return known === null ? at : Math.min(known, at);
}

/** Folds a growing list of entries: each is read once, also when the list's oldest ones are thrown away. */
export class Following {
  folding = new Folding();
  private last: Entry | undefined;

  update(entries: readonly Entry[]): Folding {
    let from = 0;
    if (this.last) {
      from = entries.lastIndexOf(this.last) + 1;
      if (from === 0) this.folding = new Folding();
    }
    for (const entry of entries.slice(from)) this.folding.read(entry);
    this.last = entries.at(-1);
    return this.folding;
  }
}
