/**
 * What the parts of the page know of each other. The conversation (`talk/`) owns the signals; the stage, the
 * figure and the timeline read them and call its verbs. Nothing here touches the DOM or a socket.
 */
import type { ReadonlySignal } from "@preact/signals";

export type State = "idle" | "listening" | "thinking" | "speaking";
export type Mode = "push" | "auto" | "continuous";

/** Of the socket. `waiting`: it was lost and is tried again at `retryAt`; `refused`: only a person can mend it. */
export type Connection =
  | { status: "connecting" }
  | { status: "online"; resumed: boolean }
  | { status: "waiting"; retryAt: number; attempt: number; why: "lost" | "restart" | "full" }
  | { status: "refused"; reason: "token" | "taken_over" | "version"; message: string };

/** Of the loudspeaker. `blocked`: the browser lets the page sound only after a touch or a key; "tap to hear". */
export type SoundStatus = "ready" | "blocked" | "unavailable";

/** Of the microphone. `insecure`: the page has no secure origin; `denied`: the person or the browser said no. */
export type MicStatus = "off" | "asking" | "on" | "denied" | "missing" | "busy" | "insecure" | "failed";

export interface Picture {
  readonly mime: "image/jpeg" | "image/png";
  /** Base64, without a prefix. */
  readonly data: string;
  /** For showing: a blob: URL that its owner revokes. */
  readonly url: string;
}

export interface Word {
  readonly atMs: number;
  readonly ms: number;
  readonly text: string;
}

export interface Sentence {
  readonly index: number;
  readonly text: string;
  readonly words: readonly Word[];
  readonly subtitles: Readonly<Record<string, string>>;
  readonly emotion?: { readonly name: string; readonly intensity: number };
}

export interface ToolLine {
  readonly callId: string;
  readonly name: string;
  readonly state: "running" | "requested" | "done" | "failed";
  readonly arguments?: unknown;
  readonly result?: string;
}

/** One line of the captions. A user's line is `final: false` while it is only partially recognised. */
export type Line =
  | { readonly kind: "user"; readonly id: string; readonly text: string; readonly final: boolean; readonly pictures: readonly Picture[]; readonly at: number }
  | {
      readonly kind: "reply";
      readonly id: string;
      readonly generation: number;
      readonly text: string;
      readonly sentences: readonly Sentence[];
      readonly thoughts: string;
      readonly tools: readonly ToolLine[];
      /** Undefined while it runs. */
      readonly finish?: "stop" | "length" | "interrupted" | "error";
      readonly fallback?: string;
      /** Of an interrupted reply: what was heard of it. */
      readonly heard?: string;
      readonly at: number;
    }
  | { readonly kind: "note"; readonly id: string; readonly level: "info" | "warning" | "error"; readonly text: string; readonly at: number };

/** Which figure the character wears; see `figure/figure.ts`. */
export interface FigureSpec {
  readonly kind: "drawn" | "vrm" | "live2d";
  /** Address of the model file on our own server, or a blob: URL of a dropped one. */
  readonly url?: string;
  /** Colours and shapes of the drawn one. */
  readonly look?: Readonly<Record<string, string>>;
}

export interface CharacterInfo {
  readonly name: string;
  readonly displayName: string;
  readonly language: string;
  /** The language its replies are read in, where that is not the one it speaks; else empty. */
  readonly subtitles: string;
  /** Language -> one line on them; "" where it was written in one only. */
  readonly description?: Readonly<Record<string, string>>;
  readonly figure: FigureSpec;
}

/** Where the reply's sound is now, at the ear; the figure asks once a frame. */
export interface Cues {
  /** Loudness of what is being played, 0..1. */
  level(): number;
  /** Mouth shapes of this moment with weights that sum to 1 at most; null where the voice tells none. */
  mouth(): readonly { readonly viseme: string; readonly weight: number }[] | null;
  /** Loudness of the microphone, 0..1. */
  userLevel(): number;
}

/** An entry of the session's own timeline: see docs/recording.md. */
export interface Entry {
  readonly seq: number;
  /** Seconds since the session's start. */
  readonly at: number;
  readonly turn: number | null;
  readonly generation: number;
  readonly kind: string;
  readonly [field: string]: unknown;
}

export interface Settings {
  readonly mode: Mode;
  /** Hands-free or hold to talk: `push` is hold. */
  readonly language: "en" | "zh" | "ja";
  readonly microphone: string;
  readonly speaker: string;
  readonly volume: number;
  readonly theme: "auto" | "light" | "dark";
  readonly thoughts: boolean;
  readonly subtitles: boolean;
  readonly headphones: boolean;
}

export interface Conversation {
  readonly connection: ReadonlySignal<Connection>;
  readonly state: ReadonlySignal<State>;
  /** Something typed is on its way, and the server has not taken it up yet. */
  readonly awaited: ReadonlySignal<boolean>;
  /** The reply stands still, because somebody speaks over it. */
  readonly held: ReadonlySignal<boolean>;
  readonly degraded: ReadonlySignal<boolean>;
  /** Place in the queue; null when nobody waits. */
  readonly queue: ReadonlySignal<{ readonly position: number; readonly etaMs: number | null } | null>;
  readonly lines: ReadonlySignal<readonly Line[]>;
  /** The sentence that sounds now, and the milliseconds of it that were heard; null in silence. */
  readonly speaking: ReadonlySignal<{ readonly line: string; readonly sentence: number; readonly atMs: number } | null>;
  readonly emotion: ReadonlySignal<{ readonly name: string; readonly intensity: number }>;
  readonly character: ReadonlySignal<CharacterInfo | null>;
  readonly characters: ReadonlySignal<readonly CharacterInfo[]>;
  readonly pictures: ReadonlySignal<readonly Picture[]>;
  readonly entries: ReadonlySignal<readonly Entry[]>;
  readonly mic: ReadonlySignal<MicStatus>;
  readonly sound: ReadonlySignal<SoundStatus>;
  readonly devices: ReadonlySignal<{ readonly inputs: readonly MediaDeviceInfo[]; readonly outputs: readonly MediaDeviceInfo[] }>;
  readonly settings: ReadonlySignal<Settings>;
  readonly cues: Cues;

  /** Begins to connect. Called again it does nothing. */
  start(): void;
  /** Says something typed, with the pictures that wait. */
  say(text: string): void;
  attach(picture: Picture): void;
  detach(picture: Picture): void;
  /** Silent at once, without waiting for the server. */
  interrupt(): void;
  /** Hands-free: open or close the microphone. */
  openMic(): Promise<void>;
  closeMic(): void;
  /** Hold to talk. */
  hold(): Promise<void>;
  release(): void;
  choose(settings: Partial<Settings>): void;
  /** Another character: a new session. */
  meet(character: string): void;
  /** A token that the person typed. */
  authenticate(token: string): void;
  /** Try now instead of waiting. */
  retry(): void;
  /** Dismisses nothing on the server: an empty page of the same session. */
  clear(): void;
}
