/**
 * The native protocol `dh.v1`, as far as the page speaks it: docs/wire/native.md. Sans-I/O: shapes, and the twelve
 * bytes before a binary frame's sound. Types and fields that are not known are passed over, as the protocol wants it.
 */
import type { Entry, Mode, State } from "./model";

export const PROTOCOL = "dh.v1";
export const PATH = "/digital-human/ws";
/** Of the microphone's sound, Hz. */
export const RATE = 16_000;
/** What this page makes use of. */
export const WANT = [
  "stream", "visemes", "emotion", "words", "subtitles", "thoughts", "tools", "metrics", "hold", "timeline", "greeting",
] as const;

/** What every message of the server bears. */
export interface Envelope {
  readonly session_id: string;
  readonly seq: number;
  readonly generation_id: number;
  readonly turn_id?: string | null;
  readonly ts: number;
}

export type Finish = "stop" | "length" | "interrupted" | "error";

export type Body =
  | { readonly type: "hello_ack"; readonly protocol: string; readonly character: string; readonly resumed: boolean; readonly resume_token?: string | null; readonly limits?: Readonly<Record<string, unknown>>; readonly features?: readonly string[] }
  | { readonly type: "resume_ack"; readonly state: State; readonly history_len: number }
  | { readonly type: "state_update"; readonly state: State; readonly previous: State; readonly reason?: string | null; readonly degraded?: boolean | null }
  | { readonly type: "asr_partial"; readonly text: string; readonly utterance_id: string }
  | { readonly type: "asr_final"; readonly text: string; readonly utterance_id: string; readonly confidence?: number | null }
  | { readonly type: "assistant_text"; readonly text: string }
  | { readonly type: "assistant_text_delta"; readonly delta: string; readonly index: number }
  | { readonly type: "assistant_text_end"; readonly text: string; readonly finish_reason: Finish; readonly fallback?: string | null; readonly of_generation?: number | null }
  | { readonly type: "tts_audio_chunk"; readonly data?: string | null; readonly codec: string; readonly sample_rate: number; readonly channels: number; readonly chunk_index: number; readonly sentence_index: number; readonly text?: string | null; readonly last?: boolean | null }
  | { readonly type: "tts_audio_end"; readonly duration_ms: number }
  | { readonly type: "error"; readonly code: string; readonly message: string; readonly recoverable: boolean; readonly stage?: string | null; readonly retry_after_ms?: number | null }
  | { readonly type: "viseme_timeline"; readonly sentence_index: number; readonly visemes: readonly TimedViseme[] }
  | { readonly type: "word_timeline"; readonly sentence_index: number; readonly words: readonly TimedWord[] }
  | { readonly type: "emotion_tag"; readonly emotion: string; readonly intensity: number; readonly sentence_index?: number | null }
  | { readonly type: "assistant_subtitle"; readonly sentence_index: number; readonly language: string; readonly text: string }
  | { readonly type: "thought_delta"; readonly delta: string }
  | { readonly type: "tool_status"; readonly call_id: string; readonly name: string; readonly state: "running" | "requested" | "done" | "failed"; readonly arguments?: unknown; readonly result?: string | null }
  | { readonly type: "heard"; readonly of_generation: number; readonly text: string }
  | { readonly type: "playback_pause" | "playback_resume"; readonly at_ms: number }
  | { readonly type: "queue_update"; readonly position: number; readonly ahead: number; readonly eta_ms?: number | null }
  | { readonly type: "metrics"; readonly of_generation: number; readonly outcome: string }
  | { readonly type: "timeline"; readonly entries: readonly Entry[] }
  | { readonly type: "pong"; readonly t?: number | string | null };

export type Down = Envelope & Body;

export interface TimedViseme {
  /** Milliseconds from the sentence's first sample. */
  readonly t: number;
  readonly d: number;
  readonly id: string;
  readonly weight?: number | null;
}

export interface TimedWord {
  readonly t: number;
  readonly d: number;
  readonly text: string;
}

export interface Hello {
  readonly type: "hello";
  readonly protocol: typeof PROTOCOL;
  readonly audio: "binary";
  readonly mode: Mode;
  readonly want: readonly string[];
  readonly echo_cancelled: boolean;
  readonly token?: string;
  readonly character?: string;
  readonly resume?: { readonly session_id: string; readonly last_seq: number; readonly generation_id: number; readonly resume_token: string };
}

/** What the page says, without its number. */
export type Up =
  | Hello
  | { readonly type: "start_listen"; readonly mode?: Mode; readonly format?: { readonly codec: "pcm_s16le"; readonly sample_rate: number; readonly channels: 1 } }
  | { readonly type: "stop_listen" }
  | { readonly type: "text_input"; readonly text: string; readonly images?: readonly { readonly mime: string; readonly data: string }[] }
  | { readonly type: "image"; readonly mime: string; readonly data: string }
  | { readonly type: "interrupt"; readonly reason: string }
  | { readonly type: "playback_started"; readonly generation_id: number; readonly sentence_index: number }
  | { readonly type: "playback_done"; readonly generation_id: number; readonly chunk_seq: number }
  | { readonly type: "ping"; readonly t: number }
  | { readonly type: "bye" };

/** Null for what is no message of the server at all. */
export function parse(text: string): Down | null {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof said !== "object" || said === null || typeof (said as { type?: unknown }).type !== "string") return null;
  // The envelope's own defaults, so that nobody below must ask for them.
  return { session_id: "", seq: 0, generation_id: 0, ts: 0, ...said } as Down;
}

export const HEADER_BYTES = 12;
const UP = 1;
const DOWN = 2;
const LAST = 1;

/** A piece of sound: u8 kind, u8 flags, u16 reserved, u32 seq, u32 generation, PCM; big-endian. */
export interface Frame {
  readonly seq: number;
  readonly generation: number;
  readonly last: boolean;
  /** Mono s16le, as the heading before it says. */
  readonly pcm: Int16Array<ArrayBuffer>;
}

export function packFrame(seq: number, pcm: Int16Array, last = false): ArrayBuffer {
  const bytes = new ArrayBuffer(HEADER_BYTES + pcm.length * 2);
  const view = new DataView(bytes);
  view.setUint8(0, UP);
  view.setUint8(1, last ? LAST : 0);
  view.setUint32(4, seq);
  for (let i = 0; i < pcm.length; i += 1) view.setInt16(HEADER_BYTES + i * 2, pcm[i]!, true);
  return bytes;
}

/** Null for bytes that are no frame of the server. */
export function unpackFrame(bytes: ArrayBuffer): Frame | null {
  if (bytes.byteLength < HEADER_BYTES || (bytes.byteLength - HEADER_BYTES) % 2 !== 0) return null;
  const view = new DataView(bytes);
  if (view.getUint8(0) !== DOWN) return null;
  return {
    seq: view.getUint32(4),
    generation: view.getUint32(8),
    last: (view.getUint8(1) & LAST) !== 0,
    pcm: samples(view, HEADER_BYTES),
  };
}

/** The sound of a `tts_audio_chunk` that bears it as base64. */
export function unbase64(data: string): Int16Array<ArrayBuffer> {
  const text = atob(data);
  const bytes = new Uint8Array(text.length & ~1);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = text.charCodeAt(i);
  return samples(new DataView(bytes.buffer), 0);
}

function samples(view: DataView, from: number): Int16Array<ArrayBuffer> {
  const pcm = new Int16Array((view.byteLength - from) >> 1);
  for (let i = 0; i < pcm.length; i += 1) pcm[i] = view.getInt16(from + i * 2, true);
  return pcm;
}
