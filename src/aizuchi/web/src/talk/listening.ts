/**
 * When the microphone's sound goes to the server. Hands-free: as long as it is open. Hold to talk: between pressing
 * and letting go, and the microphone stays warm in between, so that the first syllable is there: the last moments
 * before the press go along, and a little after it, since people let go early.
 */
import type { MicFrame } from "./framer";
import type { Microphone } from "./microphone";
import type { Mode } from "./model";
import { RATE, type Up } from "./protocol";

/** Frames of 20 ms before a press, and milliseconds after a release. */
const BEFORE = 12;
const AFTER_MS = 80;

export interface Line {
  send(message: Up): boolean;
  sendSound(pcm: Int16Array): void;
}

export class Listening {
  /** The person wants to be heard. */
  private wanted = false;
  private before: MicFrame[] = [];
  private tail: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly microphone: Microphone,
    private readonly line: Line,
    private readonly mode: () => Mode,
    private readonly device: () => string,
  ) {
    microphone.onFrame = (frame) => this.hear(frame);
    microphone.onLost = () => void this.lost();
  }

  /** Hands-free: on until it is closed. */
  async open(): Promise<boolean> {
    this.cancelTail();
    this.wanted = true;
    const open = await this.microphone.start(this.device());
    if (!open) this.wanted = false;
    if (open && this.wanted) this.begin();
    return open;
  }

  close(): void {
    this.cancelTail();
    if (this.wanted) this.line.send({ type: "stop_listen" });
    this.wanted = false;
    this.before = [];
    this.microphone.stop();
  }

  async hold(): Promise<boolean> {
    if (this.wanted && this.tail === undefined) return true;
    this.cancelTail();
    this.wanted = true;
    const open = await this.microphone.start(this.device());
    if (!open) this.wanted = false;
    // The first time the browser asks, and the key may be up again before it is answered.
    if (open && this.wanted) {
      this.begin();
      for (const frame of this.before.splice(0)) this.line.sendSound(frame.pcm);
    }
    return open;
  }

  release(): void {
    if (!this.wanted || this.tail !== undefined) return;
    if (!this.microphone.open) {
      this.wanted = false;
      return;
    }
    this.tail = setTimeout(() => {
      this.tail = undefined;
      this.wanted = false;
      this.line.send({ type: "stop_listen" });
    }, AFTER_MS);
  }

  /** The microphone is open for a later press. */
  async warm(): Promise<void> {
    await this.microphone.start(this.device());
  }

  /** After a reconnect the server knows nothing of an open microphone. */
  again(): void {
    if (this.wanted && this.microphone.open) this.begin();
  }

  /** Another device was chosen. */
  async change(): Promise<void> {
    if (this.microphone.status.value === "on") await this.microphone.start(this.device());
  }

  get wants(): boolean {
    return this.wanted;
  }

  private begin(): void {
    this.line.send({ type: "start_listen", mode: this.mode(), format: { codec: "pcm_s16le", sample_rate: RATE, channels: 1 } });
  }

  private hear(frame: MicFrame): void {
    if (this.wanted) {
      this.line.sendSound(frame.pcm);
      return;
    }
    this.before.push(frame);
    if (this.before.length > BEFORE) this.before.shift();
  }

  /** The device was pulled out: perhaps there is another. */
  private async lost(): Promise<void> {
    if (!(await this.microphone.start("")) && this.wanted) {
      this.wanted = false;
      this.line.send({ type: "stop_listen" });
    }
  }

  private cancelTail(): void {
    clearTimeout(this.tail);
    this.tail = undefined;
  }
}
