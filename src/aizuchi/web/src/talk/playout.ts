/**
 * What the playback worklet does, without the audio thread: frames go in, blocks of the context's rate come out.
 *
 *     waiting --enough is there, or all--> playing --nothing left--> waiting
 *
 * Waiting is the jitter buffer: a reply begins when `target` ms of it are there, or it is complete, or has waited that
 * long. Running dry within a sentence lengthens the target, quiet replies shorten it again. A pause stands still at the
 * sample; a cut forgets everything. Both fade within a few milliseconds, since a sudden end is a click.
 */
import { Resampler } from "./resampler";
import { Ring } from "./ring";

export interface Sound {
  readonly generation: number;
  readonly sentence: number;
  /** Number of the message that brought it. */
  readonly seq: number;
  /** Place in its sentence. */
  readonly atMs: number;
  readonly rate: number;
  readonly pcm: Int16Array;
  readonly last: boolean;
}

export interface Position {
  readonly generation: number;
  readonly sentence: number;
  readonly atMs: number;
}

/** What happened since it was asked last. */
export type Report =
  | { readonly kind: "begun"; readonly generation: number; readonly sentence: number }
  /** A frame was played to its end; `last` ends its sentence. */
  | { readonly kind: "played"; readonly generation: number; readonly sentence: number; readonly seq: number; readonly last: boolean }
  | { readonly kind: "drained"; readonly generation: number }
  | { readonly kind: "underrun"; readonly generation: number };

export const LEAST_MS = 40;
export const MOST_MS = 120;
const FADE_MS = 4;

interface Mark extends Position {
  /** Numbers of its samples since the beginning of time. */
  readonly start: number;
  readonly end: number;
  readonly seq: number;
  readonly last: boolean;
}

export class Playout {
  target = LEAST_MS;
  private readonly ring = new Ring();
  private readonly marks: Mark[] = [];
  private reports: Report[] = [];
  private resampler: Resampler | null = null;
  private generation = -1;
  private written = 0;
  private read = 0;
  private playing = false;
  private paused = false;
  private complete = false;
  private clean = true;
  private waited = 0;
  private begun = "";
  /** Comes out before anything else: the end of what was cut or paused. */
  private tail: Float32Array = new Float32Array(0);
  private rising = 0;
  private readonly fade: number;

  constructor(private readonly rate: number) {
    this.fade = Math.round((rate * FADE_MS) / 1000);
  }

  get pausedNow(): boolean {
    return this.paused;
  }

  /** Milliseconds that wait to be played. */
  get aheadMs(): number {
    return (this.ring.length / this.rate) * 1000;
  }

  push(sound: Sound): void {
    if (sound.generation < this.generation) return;
    if (sound.generation > this.generation) this.turnTo(sound.generation);
    if (this.resampler?.from !== sound.rate) {
      if (this.resampler) this.write(this.resampler.flush());
      this.resampler = new Resampler(sound.rate, this.rate);
    }
    const start = this.written;
    if (sound.pcm.length > 0) this.write(this.resampler.push(Float32Array.from(sound.pcm, (each) => each / 32768)));
    // A sentence's last millisecond is still in the filter; the pause after it must not swallow it.
    if (sound.last) this.write(this.resampler.flush());
    if (sound.last) this.resampler = null;
    const { generation, sentence, seq, atMs, last } = sound;
    this.marks.push({ generation, sentence, seq, atMs, last, start, end: this.written });
  }

  /** All sound of the reply is there. */
  end(generation: number): void {
    if (generation !== this.generation) return;
    this.complete = true;
    if (this.marks.length === 0 && !this.playing) this.drained();
  }

  /** Silence. Frames of this generation or lower that still come are not played. */
  cut(generation = this.generation): void {
    this.fadeOut();
    this.forget();
    this.generation = Math.max(this.generation, generation + 1);
  }

  /** Another session, whose generations count from the start. */
  reset(): void {
    this.fadeOut();
    this.forget();
    this.generation = -1;
  }

  pause(): void {
    if (this.paused) return;
    if (this.playing) this.fadeOut();
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.rising = this.fade;
  }

  /** Fills a block. */
  render(out: Float32Array): void {
    out.fill(0);
    let from = 0;
    if (this.tail.length > 0) {
      from = Math.min(out.length, this.tail.length);
      out.set(this.tail.subarray(0, from));
      this.tail = this.tail.subarray(from);
      return;
    }
    if (this.paused) return;
    if (!this.playing && !this.ready(out.length)) return;
    const count = this.ring.read(out);
    this.ramp(out, count);
    this.read += count;
    this.tell();
    if (count < out.length || this.ring.length === 0) this.ranDry(out, count);
  }

  /** Where the ear is; null in silence. */
  position(): Position | null {
    if (!this.playing) return null;
    const mark = this.marks[0];
    if (!mark) return null;
    const into = Math.max(0, ((this.read - mark.start) / this.rate) * 1000);
    return { generation: mark.generation, sentence: mark.sentence, atMs: mark.atMs + into };
  }

  take(): Report[] {
    const taken = this.reports;
    this.reports = [];
    return taken;
  }

  private write(samples: Float32Array): void {
    this.ring.write(samples);
    this.written += samples.length;
  }

  private turnTo(generation: number): void {
    // What was complete plays to its end, and the new reply follows it; what was not is dead, and so is what stood still.
    if (this.generation >= 0 && (this.paused || !this.complete)) {
      this.fadeOut();
      this.forget();
    }
    this.generation = generation;
    this.complete = false;
    this.paused = false;
    this.resampler = null;
  }

  private forget(): void {
    this.ring.clear();
    this.marks.length = 0;
    this.read = this.written;
    this.playing = false;
    this.paused = false;
    this.complete = false;
    this.resampler = null;
    this.waited = 0;
    this.begun = "";
  }

  private ready(block: number): boolean {
    if (this.ring.length === 0) {
      if (this.marks.length > 0) this.tell();
      return false;
    }
    this.waited += block;
    const target = (this.target * this.rate) / 1000;
    // A sentence that is whole needs no buffer, however short it is.
    const whole = this.marks[this.marks.length - 1]?.last === true;
    if (this.ring.length < target && !this.complete && !whole && this.waited < 2 * target) return false;
    this.playing = true;
    this.waited = 0;
    this.rising = this.clean ? 0 : this.fade;
    return true;
  }

  private tell(): void {
    for (let mark = this.marks[0]; mark; mark = this.marks[0]) {
      const name = `${mark.generation}:${mark.sentence}`;
      if (this.read > mark.start && name !== this.begun) {
        this.begun = name;
        this.reports.push({ kind: "begun", generation: mark.generation, sentence: mark.sentence });
      }
      if (this.read < mark.end) return;
      this.marks.shift();
      this.reports.push({ kind: "played", generation: mark.generation, sentence: mark.sentence, seq: mark.seq, last: mark.last });
      if (this.marks.length > 0) continue;
      if (this.complete) this.drained();
      this.between = mark.last;
    }
  }

  /** The last frame that was played ended its sentence. */
  private between = true;

  private ranDry(out: Float32Array, count: number): void {
    this.playing = false;
    this.waited = 0;
    if (this.complete || this.between) {
      this.clean = true;
      return;
    }
    // In the middle of a sentence: late frames. What is there goes out softly, what comes comes in softly.
    const soft = Math.min(count, this.fade);
    for (let i = 0; i < soft; i += 1) out[count - 1 - i]! *= i / soft;
    this.clean = false;
    this.target = Math.min(MOST_MS, this.target + 40);
    this.reports.push({ kind: "underrun", generation: this.generation });
  }

  private drained(): void {
    this.reports.push({ kind: "drained", generation: this.generation });
    if (this.clean) this.target = Math.max(LEAST_MS, this.target - 10);
    this.clean = true;
  }

  private fadeOut(): void {
    if (!this.playing || this.paused) return;
    const tail = new Float32Array(this.fade);
    this.ring.peek(tail);
    for (let i = 0; i < tail.length; i += 1) tail[i]! *= 1 - (i + 1) / tail.length;
    this.tail = tail;
  }

  private ramp(out: Float32Array, count: number): void {
    for (let i = 0; i < count && this.rising > 0; i += 1, this.rising -= 1) out[i]! *= 1 - this.rising / this.fade;
  }
}
