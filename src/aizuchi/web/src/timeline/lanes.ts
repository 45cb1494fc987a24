/**
 * A turn as bars and marks, lane under lane: what a waterfall draws, what its table says and what its tooltips
 * tell. Pure; times are seconds on the session's clock.
 */
import type { Attempt, Call, Figures } from "./figures";

export type Lane = "user" | "end_point" | "asr" | "attempt" | "queue" | "llm" | "clause" | "tool" | "tts" | "sound" | "interrupt";
export const LANES: readonly Lane[] = ["user", "end_point", "asr", "attempt", "queue", "llm", "clause", "tool", "tts", "sound", "interrupt"];

/** What a bar is: its name in every language stands in `words.ts` under the same key. */
export type Part =
  | "speaking"
  | "end_point"
  | "asr_listening"
  | "asr_wait"
  | "kept"
  | "dropped"
  | "preparing"
  | "queue"
  | "llm_wait"
  | "llm"
  | "clause"
  | "tool"
  | "tts_wait"
  | "tts"
  | "on_its_way"
  | "sound"
  | "held"
  | "tidied";

export interface Bar {
  readonly lane: Lane;
  readonly part: Part;
  readonly from: number;
  readonly to: number;
  /** It still goes on: `to` is now. */
  readonly open: boolean;
  /** Of a voice: the sentence; its bars take turns in the upper and the lower half of the lane. */
  readonly sentence?: number | undefined;
  /** Who did it, or why; not translated. */
  readonly note: string;
  readonly failed?: boolean;
  readonly attempt?: Attempt;
}

export interface Mark {
  readonly lane: Lane;
  readonly at: number;
  readonly kind: "partial" | "interrupted" | "fault";
  readonly note: string;
}

/** A stretch in which a sentence was heard, with the place in the turn's sound. */
export interface Heard {
  readonly from: number;
  readonly to: number;
  readonly fromMs: number;
  readonly sentence: number;
}

/**
 * When the turn's sound was heard: from the client's word that it plays (else from the first sound on), without
 * a gap unless the sound came late or the reply was held, until it was interrupted.
 */
export function heard(turn: Figures): readonly Heard[] {
  if (turn.firstAudio === null) return [];
  const begin = turn.playback ?? turn.firstAudio;
  const stop = turn.interrupted ?? Infinity;
  const spans: Heard[] = [];
  let clock = begin;
  const holds = [...turn.held];
  const unending = turn.ended === null || turn.interrupted !== null;
  for (const [index, piece] of turn.sentences.entries()) {
    let at = Math.max(clock, piece.made);
    let ms = piece.fromMs;
    const next = turn.sentences[index + 1]?.fromMs ?? (unending ? Infinity : piece.toMs);
    const toMs = piece.whole ? piece.toMs : Math.max(piece.toMs, next);
    while (ms < toMs && at < stop) {
      const end = at + (toMs - ms) / 1000;
      const hold = holds[0];
      if (!hold || hold.from >= end) {
        spans.push({ from: at, to: Math.min(end, stop), fromMs: ms, sentence: piece.index });
        at = end;
        break;
      }
      holds.shift();
      const paused = Math.min(Math.max(hold.from, at), stop);
      if (paused > at) spans.push({ from: at, to: paused, fromMs: ms, sentence: piece.index });
      ms += (paused - at) * 1000;
      at = hold.to ?? Infinity;
      // Going on may repeat a little, never of the sentence before.
      if (hold.to !== null && hold.resumedMs < ms) ms = Math.max(piece.fromMs, hold.resumedMs);
    }
    clock = at;
  }
  return spans;
}

/** All bars of a turn, in the order of the lanes; `now` ends what still goes on. */
export function bars(turn: Figures, now: number): readonly Bar[] {
  const found: Bar[] = [];
  const over = turn.ended;
  const add = (lane: Lane, part: Part, from: number | null, to: number | null, more: Partial<Bar> = {}) => {
    if (from === null) return;
    const end = to ?? over ?? now;
    if (end >= from) found.push({ lane, part, from, to: end, open: to === null && over === null, note: "", ...more });
  };
  const known = (lane: Lane, part: Part, from: number | null, to: number | null, more: Partial<Bar> = {}) => {
    if (to !== null) add(lane, part, from, to, more);
  };
  const calls = (stage: string) => turn.calls.filter((each) => each.stage === stage);

  known("user", "speaking", turn.speechOnset, turn.voiceEnd);
  known("end_point", "end_point", turn.voiceEnd, turn.userEnd);
  for (const call of calls("asr")) known("asr", "asr_listening", call.asked, min(call.done, turn.userEnd), of(call));
  known("asr", "asr_wait", turn.userEnd, turn.asrFinal, { note: calls("asr").at(-1)?.provider ?? "" });
  for (const each of turn.attempts) {
    const part = each.ended === null ? "preparing" : each.turn === null ? "dropped" : "kept";
    add("attempt", part, each.begun, each.ended, { note: each.reason, attempt: each });
  }
  for (const each of turn.waits) add("queue", "queue", each.from, each.to, { note: each.stage });
  for (const call of calls("llm")) {
    const first = call.first ?? (call.done === null ? firstAfter(turn.firstToken, call) : null);
    add("llm", "llm_wait", call.asked, first ?? call.done, of(call));
    if (first !== null) add("llm", "llm", first, call.done, of(call));
  }
  known("clause", "clause", turn.firstToken, turn.firstSentence);
  for (const each of turn.tools) add("tool", "tool", each.from, each.to, { note: each.name, failed: each.error !== "" });
  for (const call of calls("tts")) {
    const more = { ...of(call), sentence: call.sentence ?? undefined };
    const first = call.first ?? (call.done === null ? firstAfter(turn.firstAudio, call) : null);
    add("tts", "tts_wait", call.asked, first ?? call.done, more);
    if (first !== null) add("tts", "tts", first, call.done, more);
  }
  known("sound", "on_its_way", turn.firstAudio, turn.playback);
  for (const each of heard(turn)) {
    const end = Math.min(each.to, over ?? now);
    const open = over === null && each.to > now;
    if (end > each.from) add("sound", "sound", each.from, end, { sentence: each.sentence, open });
  }
  for (const each of turn.held) add("sound", "held", each.from, each.to ?? turn.interrupted, { note: each.reason });
  known("interrupt", "tidied", turn.interrupted, turn.ended);
  return found;
}

export function marks(turn: Figures): readonly Mark[] {
  const found: Mark[] = [];
  if (turn.firstPartial !== null) found.push({ lane: "asr", at: turn.firstPartial, kind: "partial", note: "" });
  for (const each of turn.troubles) {
    const note = [each.code, each.provider, each.message].filter(Boolean).join(", ");
    found.push({ lane: laneOf(each.stage), at: each.at, kind: "fault", note });
  }
  if (turn.interrupted !== null) found.push({ lane: "interrupt", at: turn.interrupted, kind: "interrupted", note: "" });
  return found;
}

function laneOf(stage: string): Lane {
  return stage === "asr" || stage === "llm" || stage === "tts" || stage === "tool" ? stage : "sound";
}

function of(call: Call): Partial<Bar> {
  return { note: call.provider, failed: call.outcome === "failed" };
}

/** What is known of a call's first answer while it runs. */
function firstAfter(at: number | null, call: Call): number | null {
  return at !== null && at >= call.asked ? at : null;
}

function min(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

// ------------------------------------------------------------------ why it was slow

/** A stage of the wait for the first sound, or a provider's queue where that was most of it. */
export interface Slowest {
  readonly stage: "end_point" | "asr" | "begin" | "llm" | "clause" | "voice" | "queue" | "on_its_way";
  readonly ms: number;
}

/** From the voice end (for text: its receipt) to the first sound, or to what can be heard of it. */
export function waited(turn: Figures): number | null {
  const { e2e_from_voice_ms: voice, e2e_ms: user } = turn.numbers();
  return voice ?? user ?? null;
}

/** The stage that took longest. Nothing for a turn that nobody waited for. */
export function slowest(turn: Figures): Slowest | null {
  const queued = turn.waits.reduce((sum, each) => sum + ((each.to ?? each.from) - each.from) * 1000, 0);
  const candidates: Slowest[] = turn.stages.map(([stage, ms]) => ({ stage, ms }));
  if (turn.playback !== null && turn.firstAudio !== null)
    candidates.push({ stage: "on_its_way", ms: (turn.playback - turn.firstAudio) * 1000 });
  const longest = candidates.reduce<Slowest | null>((most, each) => (most && most.ms >= each.ms ? most : each), null);
  if (longest && queued > longest.ms / 2) return { stage: "queue", ms: queued };
  return longest && longest.ms > 0 ? longest : null;
}
