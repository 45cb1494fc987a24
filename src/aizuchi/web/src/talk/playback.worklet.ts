/** The speaker's end in the audio thread: orders come in, positions and loudness go out about sixty times a second. */
import { type Position, Playout, type Report, type Sound } from "./playout";

export type Order =
  | { readonly kind: "sound"; readonly sound: Sound }
  | { readonly kind: "end" | "cut"; readonly generation: number }
  | { readonly kind: "pause" | "resume" | "reset" };

export interface Beat {
  readonly position: Position | null;
  readonly rms: number;
  readonly aheadMs: number;
  readonly reports: readonly Report[];
}

class Speaker extends AudioWorkletProcessor {
  private readonly playout = new Playout(sampleRate);
  private readonly every = sampleRate / 60;
  private energy = 0;
  private count = 0;
  private quiet = false;

  constructor() {
    super();
    this.port.onmessage = (event: MessageEvent<Order>) => this.obey(event.data);
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const [first, ...rest] = outputs[0] ?? [];
    if (!first) return true;
    this.playout.render(first);
    for (const channel of rest) channel.set(first);
    for (const sample of first) this.energy += sample * sample;
    this.count += first.length;
    if (this.count >= this.every) this.beat();
    return true;
  }

  private obey(order: Order): void {
    if (order.kind === "sound") this.playout.push(order.sound);
    else if (order.kind === "end") this.playout.end(order.generation);
    else if (order.kind === "cut") this.playout.cut(order.generation);
    else if (order.kind === "pause") this.playout.pause();
    else if (order.kind === "reset") this.playout.reset();
    else this.playout.resume();
  }

  private beat(): void {
    const rms = Math.sqrt(this.energy / this.count);
    const position = this.playout.pausedNow ? null : this.playout.position();
    const reports = this.playout.take();
    this.energy = 0;
    this.count = 0;
    // Silence is told once; nobody needs sixty messages a second about nothing.
    const quiet = rms === 0 && position === null && reports.length === 0;
    if (quiet && this.quiet) return;
    this.quiet = quiet;
    this.port.postMessage({ position, rms, aheadMs: this.playout.aheadMs, reports } satisfies Beat);
  }
}

registerProcessor("aizuchi-playback", Speaker);
