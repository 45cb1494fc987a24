/** From the canonical visemes and emotions to the presets that every VRM model has. Pure. */
import type { Shape } from "../mouth";
import { clamp } from "../rig";

export const VOWELS = ["aa", "ih", "ou", "ee", "oh"] as const;
export const MOODS = ["happy", "angry", "sad", "relaxed", "surprised"] as const;
export const LIDS = ["blink", "blinkLeft", "blinkRight"] as const;
export type Preset = (typeof VOWELS)[number] | (typeof MOODS)[number] | (typeof LIDS)[number];
export type Weights = Partial<Record<Preset, number>>;

export const OF_VISEME: Readonly<Record<string, Weights>> = {
  sil: {},
  PP: {},
  FF: { ih: 0.15 },
  TH: { ih: 0.25, aa: 0.1 },
  DD: { ih: 0.3, aa: 0.1 },
  kk: { ih: 0.2, aa: 0.2 },
  CH: { ou: 0.35, ih: 0.15 },
  SS: { ih: 0.35 },
  nn: { ih: 0.2, aa: 0.08 },
  RR: { ou: 0.3, oh: 0.15 },
  aa: { aa: 1 },
  E: { ee: 1 },
  ih: { ih: 1 },
  oh: { oh: 1 },
  ou: { ou: 1 },
};

/** Models have five moods, we have twenty-four emotions: the nearest mixture. `neutral` is the absence of all. */
export const OF_EMOTION: Readonly<Record<string, Weights>> = {
  neutral: {},
  happy: { happy: 1 },
  laughing: { happy: 1, aa: 0.35 },
  funny: { happy: 0.85 },
  sad: { sad: 1 },
  angry: { angry: 1 },
  crying: { sad: 1, blink: 0.35 },
  loving: { happy: 0.6, relaxed: 0.4 },
  embarrassed: { relaxed: 0.35, sad: 0.25 },
  surprised: { surprised: 1 },
  shocked: { surprised: 1, aa: 0.2 },
  thinking: { relaxed: 0.15, angry: 0.1 },
  winking: { happy: 0.5, blinkLeft: 1 },
  cool: { relaxed: 0.4, angry: 0.15 },
  relaxed: { relaxed: 1 },
  delicious: { happy: 0.9 },
  kissy: { relaxed: 0.4, ou: 0.5, blinkLeft: 0.9 },
  confident: { happy: 0.4, angry: 0.15 },
  sleepy: { relaxed: 0.5, blink: 0.6 },
  silly: { happy: 0.6, blinkRight: 0.6 },
  confused: { sad: 0.3, surprised: 0.25 },
  fearful: { surprised: 0.5, sad: 0.5 },
  disgusted: { angry: 0.5, sad: 0.25 },
  calm: { relaxed: 0.5 },
};

/** Adds to `into`, by weight; weights over 1 in sum are scaled down. */
export function vowels(cues: readonly { readonly viseme: string; readonly weight: number }[], into: Weights): Weights {
  for (const each of VOWELS) into[each] = 0;
  let sum = 0;
  for (const { weight } of cues) sum += clamp(weight);
  const scale = sum > 1 ? 1 / sum : 1;
  for (const cue of cues) {
    const wanted = OF_VISEME[cue.viseme] ?? {};
    for (const each of VOWELS) into[each]! += (wanted[each] ?? 0) * clamp(cue.weight) * scale;
  }
  return into;
}

/** A mouth that was guessed from loudness, in vowels. */
export function vowelsOf(shape: Shape, into: Weights): Weights {
  const open = clamp(shape.open / 0.9);
  const round = clamp(shape.round);
  const wide = clamp(shape.wide / 0.6);
  into.ou = round * (1 - open);
  into.oh = round * open;
  into.ee = (1 - round) * wide * open;
  into.ih = (1 - round) * wide * (1 - open) * clamp(open * 3);
  into.aa = (1 - round) * (1 - wide) * open;
  return into;
}
