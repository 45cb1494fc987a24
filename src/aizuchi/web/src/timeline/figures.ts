/**
 * The figures of one turn: the twin of `views/figures.py`, with the same names and the same arithmetic.
 *
 * Two clocks, never mixed: the voice end is the last voiced sample, the user end the end-point decision (for
 * text: its receipt). Times are seconds on the session's clock, null where a moment did not come.
 */

export type Stage = "end_point" | "asr" | "begin" | "llm" | "clause" | "voice";
export const STAGES: readonly Stage[] = ["end_point", "asr", "begin", "llm", "clause", "voice"];

type Time = number | null;

/** One request to a provider. `first` is when its first token or sample came. */
export interface Call {
  readonly stage: string;
  readonly provider: string;
  readonly sentence: number | null;
  readonly asked: number;
  first: Time;
  done: Time;
  /** done, cancelled, failed; empty while it runs. */
  outcome: string;
}

/** A reply prepared before it was certain that the user had finished. */
export interface Attempt {
  readonly number: number;
  readonly text: string;
  readonly begun: number;
  ended: Time;
  /** The turn it became; null while it runs and when it was dropped. */
  turn: number | null;
  /** Why it was dropped. */
  reason: string;
  savedMs: number;
  tokens: number;
  audioMs: number;
  readonly prepared: Figures;
}

export interface Tool {
  readonly id: string;
  readonly name: string;
  readonly from: number;
  to: Time;
  error: string;
}

/** A stretch in which the reply stood still. */
export interface Held {
  readonly from: number;
  readonly atMs: number;
  readonly reason: string;
  to: Time;
  /** Where it went on. */
  resumedMs: number;
}

export interface Wait {
  readonly stage: string;
  readonly from: number;
  readonly ahead: number;
  to: Time;
}

export interface Trouble {
  readonly at: number;
  readonly stage: string;
  readonly code: string;
  readonly message: string;
  readonly provider: string;
}

/** The sound of one sentence, counted from the first sample of the turn. */
export interface SentenceSound {
  readonly index: number;
  readonly made: number;
  readonly fromMs: number;
  toMs: number;
  /** Its last piece has come. A live page is told of the first and the last only. */
  whole: boolean;
}

export class Figures {
  /** When an attempt at it began. */
  prepared: Time = null;
  userEnd: Time = null;
  voiceEnd: Time = null;
  speechOnset: Time = null;
  firstPartial: Time = null;
  asrFinal: Time = null;
  /** Seconds in which a call of the turn waited for its provider. */
  queued = 0;
  llmAsked: Time = null;
  llmDone: Time = null;
  firstToken: Time = null;
  firstSentence: Time = null;
  ttsAsked: Time = null;
  ttsDone: Time = null;
  firstAudio: Time = null;
  /** The client said that it had begun to play. */
  playback: Time = null;
  interrupted: Time = null;
  lastSound: Time = null;
  ended: Time = null;
  outcome = "";
  /** What is answered. */
  said = "";
  heard = "";
  fallback = "";
  deltas = 0;
  tokensIn = 0;
  tokensOut = 0;
  characters = 0;
  audioMs = 0;
  doneMs = 0;

  calls: Call[] = [];
  attempts: Attempt[] = [];
  readonly tools: Tool[] = [];
  readonly held: Held[] = [];
  waits: Wait[] = [];
  troubles: Trouble[] = [];
  /** Faults of the turn itself; a recogniser's stand among `troubles` only. */
  faults = 0;
  readonly sentences: SentenceSound[] = [];
  /** Grows with every change: what was drawn of an older version is out of date. */
  version = 0;

  constructor(
    readonly turn: number,
    public generation: number,
    readonly cause: string,
    /** `at` of its commit. */
    readonly begun: number,
  ) {}

  /** What the pictures count from: the voice end, for text the user end, else the beginning. */
  get zero(): number {
    return this.voiceEnd ?? this.userEnd ?? this.begun;
  }

  fromUser(at: Time): number | null {
    return ms(this.userEnd, at);
  }

  fromVoice(at: Time): number | null {
    return ms(this.voiceEnd, at);
  }

  get interruptMs(): number | null {
    return this.interrupted === null ? null : Math.max(0, ms(this.interrupted, this.lastSound) ?? 0);
  }

  /**
   * Where the time from the voice end to the first sound goes, in ms and in order. A stage that did not happen
   * is left out; what was done before its stage's turn has come, in an attempt, took no time.
   */
  get stages(): readonly (readonly [Stage, number])[] {
    const marks: readonly (readonly [Stage, Time])[] = [
      ["end_point", this.userEnd],
      ["asr", this.asrFinal],
      ["begin", this.llmAsked],
      ["llm", this.firstToken],
      ["clause", this.firstSentence],
      ["voice", this.firstAudio],
    ];
    const stages: (readonly [Stage, number])[] = [];
    let last = this.voiceEnd ?? this.userEnd;
    for (const [name, at] of marks) {
      if (at === null || last === null) continue;
      if (name !== "end_point" || this.voiceEnd !== null) stages.push([name, Math.max(0, rounded(at - last))]);
      last = Math.max(last, at);
    }
    return stages;
  }

  /** All figures by the names of the wire's `metrics`. */
  numbers(): Readonly<Record<string, number | null>> {
    const played = this.playback ?? this.firstAudio;
    return {
      end_point_ms: ms(this.voiceEnd, this.userEnd),
      asr_first_partial_ms: this.fromUser(this.firstPartial),
      asr_first_partial_from_voice_ms: this.fromVoice(this.firstPartial),
      asr_first_partial_from_speech_ms: ms(this.speechOnset, this.firstPartial),
      asr_final_ms: this.fromUser(this.asrFinal),
      asr_final_from_voice_ms: this.fromVoice(this.asrFinal),
      first_token_ms: this.fromUser(this.firstToken),
      first_token_from_voice_ms: this.fromVoice(this.firstToken),
      first_sentence_ms: this.fromUser(this.firstSentence),
      first_sentence_from_voice_ms: this.fromVoice(this.firstSentence),
      first_audio_ms: this.fromUser(this.firstAudio),
      first_audio_from_voice_ms: this.fromVoice(this.firstAudio),
      e2e_ms: this.fromUser(played),
      e2e_from_voice_ms: this.fromVoice(played),
      interrupt_ms: this.interruptMs,
      queue_ms: this.queued ? rounded(this.queued) : null,
      saved_ms: ms(this.prepared, this.begun),
      duration_ms: ms(this.begun, this.ended),
      tokens: this.tokensOut || this.deltas,
      tokens_in: this.tokensIn,
      characters: this.characters,
      tts_audio_ms: this.audioMs || this.doneMs,
      faults: this.faults,
    };
  }
}

function ms(since: Time, at: Time): number | null {
  return since === null || at === null ? null : rounded(at - since);
}

/** Milliseconds with a hundredth: finer would be noise. */
export function rounded(seconds: number): number {
  return Math.round(seconds * 1e5) / 100;
}
