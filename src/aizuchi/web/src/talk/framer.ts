/** What the capture worklet does with the microphone's blocks: 16 kHz, s16, frames of 20 ms with their loudness. */
import { Resampler } from "./resampler";

export interface MicFrame {
  readonly pcm: Int16Array<ArrayBuffer>;
  /** Root mean square, 0..1. */
  readonly rms: number;
}

export class Framer {
  private readonly resampler: Resampler;
  private pcm: Int16Array<ArrayBuffer>;
  private filled = 0;
  private energy = 0;

  constructor(
    rate: number,
    to: number,
    private readonly size: number,
  ) {
    this.resampler = new Resampler(rate, to);
    this.pcm = new Int16Array(size);
  }

  push(block: Float32Array): MicFrame[] {
    const done: MicFrame[] = [];
    for (const sample of this.resampler.push(block)) {
      const clipped = Math.max(-1, Math.min(1, sample));
      this.pcm[this.filled] = Math.round(clipped * 32767);
      this.energy += clipped * clipped;
      this.filled += 1;
      if (this.filled < this.size) continue;
      done.push({ pcm: this.pcm, rms: Math.sqrt(this.energy / this.size) });
      this.pcm = new Int16Array(this.size);
      this.filled = 0;
      this.energy = 0;
    }
    return done;
  }
}
