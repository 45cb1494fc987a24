/**
 * Frames get their place: which sentence of which turn, and how far into it. A sentence's frames follow a heading
 * and inherit what it says. A reply that was held and goes on under another generation comes again from
 * `playback_resume.at_ms`, somewhere in a sentence; words and mouth shapes still count from that sentence's beginning.
 */
import type { Sound } from "./playout";
import { type Body, type Envelope, type Frame, unbase64 } from "./protocol";

export type Heading = Envelope & Extract<Body, { type: "tts_audio_chunk" }>;

/** The turn that a message belongs to. Its generation may change on the way; the turn's name does not. */
export function turnOf(message: Envelope): string {
  return message.turn_id || `generation-${message.generation_id}`;
}

export class Intake {
  private heading: Heading | null = null;
  private turn = "";
  /** Sound of the turn so far, ms, and where its sentences begin. */
  private turnMs = 0;
  private sentenceMs = 0;
  private readonly begins = new Map<number, number>();

  /** Sound, where the message bears some itself. */
  head(message: Heading): Sound | null {
    const turn = turnOf(message);
    if (turn !== this.turn) {
      this.turn = turn;
      this.turnMs = 0;
      this.begins.clear();
    }
    const same = this.heading?.sentence_index === message.sentence_index && this.heading.generation_id === message.generation_id;
    this.heading = message;
    const begin = this.begins.get(message.sentence_index);
    if (begin === undefined) this.begins.set(message.sentence_index, this.turnMs);
    if (begin === undefined) this.sentenceMs = 0;
    else if (!same) this.sentenceMs = Math.max(0, this.turnMs - begin);
    if (typeof message.data !== "string") return null;
    const { seq, generation_id: generation, last, data } = message;
    return this.frame({ seq, generation, last: last === true, pcm: unbase64(data) });
  }

  /** Another session, whose turns are called as the old one's. */
  reset(): void {
    this.heading = null;
    this.turn = "";
  }

  /** The turn goes on from this place. */
  resume(message: Envelope & { readonly at_ms: number }): void {
    if (turnOf(message) === this.turn && message.generation_id !== this.heading?.generation_id) this.turnMs = message.at_ms;
  }

  /** Null for a frame without a heading, or of a codec that was not asked for. */
  frame(frame: Frame): Sound | null {
    const heading = this.heading;
    if (!heading || heading.codec !== "pcm_s16le" || heading.channels !== 1) return null;
    const ms = (frame.pcm.length / heading.sample_rate) * 1000;
    const atMs = this.sentenceMs;
    this.sentenceMs += ms;
    this.turnMs += ms;
    const { seq, generation, last, pcm } = frame;
    return { generation, sentence: heading.sentence_index, seq, atMs, rate: heading.sample_rate, pcm, last };
  }
}
