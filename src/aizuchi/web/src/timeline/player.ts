/** Lets a recording pass at its own pace: a clock that can be stopped, set and hurried, and what follows it. */
import { signal } from "@preact/signals";

/** A place on the session's clock that moves while it plays. `now` gives seconds. */
export class PlayClock {
  private base = 0;
  private since: number | null = null;
  private speed = 1;

  constructor(
    readonly length: number,
    private readonly now: () => number,
  ) {}

  get playing(): boolean {
    return this.since !== null;
  }

  get rate(): number {
    return this.speed;
  }

  get position(): number {
    const moved = this.since === null ? 0 : (this.now() - this.since) * this.speed;
    return Math.min(this.length, Math.max(0, this.base + moved));
  }

  /** From the beginning, where it had come to the end. */
  play(): void {
    if (this.playing) return;
    if (this.position >= this.length) this.base = 0;
    this.since = this.now();
  }

  pause(): void {
    this.base = this.position;
    this.since = null;
  }

  seek(position: number): void {
    this.base = Math.min(this.length, Math.max(0, Number.isFinite(position) ? position : 0));
    if (this.playing) this.since = this.now();
  }

  hurry(rate: number): void {
    this.seek(this.position);
    this.speed = rate;
  }
}

/** What sounds along with a clock. */
export interface Sounding {
  /** From a place on, at a rate. Called again, it begins anew. */
  start(position: number, rate: number): void;
  stop(): void;
  close(): void;
}

const TICK_MS = 50;

export class Player {
  readonly position = signal(0);
  readonly playing = signal(false);
  readonly rate = signal(1);
  /** Until something was played, all text is shown. */
  readonly touched = signal(false);
  private readonly clock: PlayClock;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly length: number,
    private readonly sounding: Sounding | null,
    now: () => number = () => performance.now() / 1000,
  ) {
    this.clock = new PlayClock(length, now);
  }

  play(): void {
    this.clock.play();
    this.touched.value = true;
    this.sounding?.start(this.clock.position, this.clock.rate);
    this.timer ??= setInterval(() => this.tick(), TICK_MS);
    this.tick();
  }

  pause(): void {
    this.clock.pause();
    this.sounding?.stop();
    this.tick();
  }

  toggle(): void {
    if (this.clock.playing) this.pause();
    else this.play();
  }

  seek(position: number): void {
    this.clock.seek(position);
    this.touched.value = true;
    this.again();
  }

  hurry(rate: number): void {
    this.clock.hurry(rate);
    this.rate.value = rate;
    this.again();
  }

  close(): void {
    this.clock.pause();
    clearInterval(this.timer);
    this.timer = undefined;
    this.sounding?.close();
  }

  private again(): void {
    if (this.clock.playing) this.sounding?.start(this.clock.position, this.clock.rate);
    this.tick();
  }

  private tick(): void {
    const { position } = this.clock;
    if (position >= this.length && this.clock.playing) {
      this.clock.pause();
      this.sounding?.stop();
    }
    this.position.value = position;
    this.playing.value = this.clock.playing;
    if (!this.clock.playing) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
  }
}
