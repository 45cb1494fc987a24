/**
 * From one rate to another, block by block, by a polyphase low-pass: a Kaiser-windowed sinc whose cut-off lies below
 * the lower of the two Nyquist frequencies, so that going down nothing folds back and going up no images appear.
 * Phases are computed when they are first needed: 24 kHz to 48 kHz has two, 44.1 kHz to 16 kHz has 160.
 */

/** Zero crossings of the sinc on each side. */
const LOBES = 16;
/** Kaiser's beta: about 80 dB of stop-band. */
const BETA = 8;
/** Of the lower Nyquist frequency: where the pass-band ends. */
const CUTOFF = 0.91;

export class Resampler {
  private readonly up: number;
  private readonly down: number;
  private readonly scale: number;
  private readonly half: number;
  private readonly phases = new Map<number, Float32Array>();
  /** Input that later output still needs; its first sample has the number `base`. */
  private kept: Float32Array;
  private length = 0;
  private base: number;
  /** Number of the next output sample. */
  private next = 0;

  constructor(
    readonly from: number,
    readonly to: number,
    /** Output samples, in whole turns of the phases, after which the counting begins again. */
    private readonly wrap = 1_000_000,
  ) {
    const divisor = gcd(from, to);
    this.up = to / divisor;
    this.down = from / divisor;
    this.scale = CUTOFF * Math.min(1, to / from);
    this.half = from === to ? 0 : Math.ceil(LOBES / this.scale);
    this.base = -this.half;
    this.kept = new Float32Array(4096);
    this.length = this.half;
  }

  /** The output that this input completes; it lags by half the filter, about a millisecond at 16 kHz. */
  push(input: Float32Array): Float32Array {
    if (this.half === 0) return input;
    this.keep(input);
    const end = this.base + this.length;
    const out = new Float32Array(Math.max(0, this.count(end) - this.next));
    for (let n = 0; n < out.length; n += 1) out[n] = this.at(this.next + n);
    this.next += out.length;
    this.drop();
    return out;
  }

  /** What still was in the filter when nothing follows. */
  flush(): Float32Array {
    return this.half === 0 ? new Float32Array(0) : this.push(new Float32Array(this.half));
  }

  /** How many output samples can be made of input up to number `end`. */
  private count(end: number): number {
    // Output n stands at or behind input floor(n * down / up), and needs `half` samples that follow it.
    return Math.max(0, Math.ceil(((end - this.half) * this.up) / this.down));
  }

  private at(n: number): number {
    const position = Math.floor((n * this.down) / this.up);
    const taps = this.taps((n * this.down) % this.up);
    const from = position - this.half + 1 - this.base;
    let sum = 0;
    for (let i = 0; i < taps.length; i += 1) sum += taps[i]! * this.kept[from + i]!;
    return sum;
  }

  private taps(phase: number): Float32Array {
    const known = this.phases.get(phase);
    if (known) return known;
    const taps = new Float32Array(2 * this.half);
    let sum = 0;
    for (let i = 0; i < taps.length; i += 1) {
      const x = i - this.half + 1 - phase / this.up;
      const gain = this.scale * sinc(this.scale * x) * kaiser(x / this.half);
      taps[i] = gain;
      sum += gain;
    }
    // Each phase lets a constant through unchanged; else the phases' small differences would sing.
    for (let i = 0; i < taps.length; i += 1) taps[i]! /= sum;
    this.phases.set(phase, taps);
    return taps;
  }

  private keep(input: Float32Array): void {
    if (this.length + input.length > this.kept.length) {
      const larger = new Float32Array(2 * (this.length + input.length));
      larger.set(this.kept.subarray(0, this.length));
      this.kept = larger;
    }
    this.kept.set(input, this.length);
    this.length += input.length;
  }

  private drop(): void {
    const first = Math.floor((this.next * this.down) / this.up) - this.half + 1;
    const gone = Math.min(this.length, Math.max(0, first - this.base));
    this.kept.copyWithin(0, gone, this.length);
    this.length -= gone;
    this.base += gone;
    // Numbers stay small, however long the microphone is open.
    const whole = Math.floor(this.next / this.up);
    if (whole > this.wrap) {
      this.next -= whole * this.up;
      this.base -= whole * this.down;
    }
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA);
}

/** The modified Bessel function of order zero, by its series. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
