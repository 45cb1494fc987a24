/**
 * The mouth: fifteen visemes as shapes, blended by weight; from loudness where the voice tells no visemes.
 * Every number goes through a quick critically damped spring, so that a late or missing cue is no jump.
 */
import { clamp, lerp, Spring } from "./rig";

export interface Shape {
  /** Height of the opening, 0..1. */
  open: number;
  /** -1 narrow, 1 spread. */
  wide: number;
  /** Lips pushed forward. */
  round: number;
  /** Upper teeth seen, 0..1. */
  teeth: number;
  /** Tongue: 0 lies low, 1 touches the teeth. */
  tongue: number;
  /** Lips pressed together (P B M) or the lower lip at the teeth (F V). */
  press: number;
  bite: number;
}

const shape = (open: number, wide: number, round: number, teeth: number, tongue: number, press = 0, bite = 0): Shape => ({
  open, wide, round, teeth, tongue, press, bite,
});

export const SHAPES: Readonly<Record<string, Shape>> = {
  sil: shape(0, 0, 0, 0.2, 0),
  PP: shape(0, -0.1, 0.1, 0, 0, 1),
  FF: shape(0.12, 0.1, 0, 1, 0, 0, 1),
  TH: shape(0.22, 0.1, 0, 0.8, 1),
  DD: shape(0.24, 0.15, 0, 0.8, 0.8),
  kk: shape(0.3, 0.1, 0, 0.45, 0.35),
  CH: shape(0.24, -0.35, 0.65, 1, 0.3),
  SS: shape(0.13, 0.4, 0, 1, 0.25),
  nn: shape(0.18, 0.15, 0, 0.6, 0.9),
  RR: shape(0.26, -0.2, 0.5, 0.5, 0.5),
  aa: shape(0.9, 0.15, 0, 0.55, 0.1),
  E: shape(0.48, 0.5, 0, 0.7, 0.35),
  ih: shape(0.3, 0.65, 0, 0.85, 0.4),
  oh: shape(0.62, -0.35, 0.75, 0.25, 0.05),
  ou: shape(0.34, -0.7, 1, 0.05, 0.05),
};

const NAMES = ["open", "wide", "round", "teeth", "tongue", "press", "bite"] as const;
const REST_SHAPE = SHAPES.sil!;

/** What of the weights is missing to 1 is the mouth at rest. */
export function blend(cues: readonly { readonly viseme: string; readonly weight: number }[], into: Shape): Shape {
  let sum = 0;
  for (const { weight } of cues) sum += clamp(weight);
  const scale = sum > 1 ? 1 / sum : 1;
  for (const name of NAMES) into[name] = REST_SHAPE[name] * (1 - sum * scale);
  for (const cue of cues) {
    const each = SHAPES[cue.viseme] ?? REST_SHAPE;
    for (const name of NAMES) into[name] += each[name] * clamp(cue.weight) * scale;
  }
  return into;
}

/** Vowels that an unknown sound may be; a syllable takes one of them. */
const GUESSES: readonly Shape[] = [SHAPES.aa!, SHAPES.E!, SHAPES.oh!, SHAPES.ih!, SHAPES.aa!, SHAPES.ou!];

/** Loudness to shape: quick to open, slow to close, and with every rise after a dip another vowel. */
export class Loudness {
  private envelope = 0;
  private dip = 0;
  private peak = 0;
  private vowel = GUESSES[0]!;

  constructor(private readonly random: () => number) {}

  step(level: number, dt: number, into: Shape): Shape {
    const rate = level > this.envelope ? 28 : 11;
    this.envelope += (level - this.envelope) * (1 - Math.exp(-rate * dt));
    this.peak = Math.max(this.peak * Math.exp(-0.6 * dt), this.envelope, 0.12);
    const now = this.envelope / this.peak;
    this.dip = Math.min(this.dip + dt * 0.8, now);
    if (now - this.dip > 0.25) {
      this.vowel = GUESSES[Math.floor(this.random() * GUESSES.length)]!;
      this.dip = now;
    }
    const loud = this.envelope < 0.015 ? 0 : clamp(now) * clamp(this.envelope * 12);
    for (const name of NAMES) into[name] = lerp(REST_SHAPE[name], this.vowel[name], loud);
    into.open = Math.max(into.open, loud * 0.35) * (0.75 + 0.25 * loud);
    return into;
  }
}

/** The whole: asks once a frame, gives the shape to draw. The shape is the same object always. */
export class Mouth {
  readonly shape: Shape = { ...REST_SHAPE };
  private readonly wanted: Shape = { ...REST_SHAPE };
  private readonly springs = NAMES.map((name) => new Spring(REST_SHAPE[name], name === "press" ? 55 : 42));
  private readonly loudness: Loudness;

  constructor(random: () => number = Math.random) {
    this.loudness = new Loudness(random);
  }

  step(cues: readonly { readonly viseme: string; readonly weight: number }[] | null, level: number, dt: number): Shape {
    if (cues) blend(cues, this.wanted);
    else this.loudness.step(level, dt, this.wanted);
    for (let at = 0; at < NAMES.length; at++) {
      const name = NAMES[at]!;
      this.shape[name] = this.springs[at]!.step(this.wanted[name], dt);
    }
    return this.shape;
  }
}
