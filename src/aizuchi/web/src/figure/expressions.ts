/**
 * The canonical emotions (`aizuchi.emotions`) as sets of parameters: what differs from the face at rest.
 * Marks (tears, hearts, ...) are used sparingly: a face should be readable without them.
 */
import { clamp, type Face, lerp, PARAMS, REST } from "./rig";

const both = (open: number, joy = 0) => ({ openL: open, openR: open, joyL: joy, joyR: joy });
const brows = (height: number, slant = 0) => ({ browL: height, browR: height, slantL: slant, slantR: slant });

export const EXPRESSIONS: Readonly<Record<string, Readonly<Partial<Face>>>> = {
  neutral: {},
  happy: { ...both(0.86, 0.2), ...brows(0.35, 0.1), squint: 0.35, smile: 0.95, wide: 0.3, gape: 0.16, blush: 0.55, tilt: 0.03 },
  laughing: { ...both(0, 1), ...brows(0.6, 0.15), smile: 1, wide: 0.55, gape: 0.8, blush: 0.7, nod: -0.06, shrug: 0.3 },
  funny: { ...both(0.75, 0.5), ...brows(0.5, 0.2), browR: 0.75, squint: 0.4, smile: 1, smirk: 0.35, wide: 0.4, gape: 0.35, blush: 0.55, tilt: -0.06 },
  sad: { ...both(0.72), ...brows(0.1, 0.85), smile: -0.6, wide: -0.15, blush: 0.15, nod: 0.09, tilt: 0.04, shrug: -0.5, lookY: 0.35, iris: 1.03 },
  angry: { ...both(0.82), ...brows(-0.55, -0.95), squint: 0.35, smile: -0.6, wide: 0.05, grit: 0.25, blush: 0.4, vein: 0.8, nod: 0.04, shrug: 0.3, iris: 0.92 },
  crying: { ...both(0.58), ...brows(0.25, 1), squint: 0.4, smile: -0.75, wide: 0.1, gape: 0.28, wave: 0.7, blush: 0.6, tears: 1, nod: 0.08, shrug: 0.4 },
  loving: { ...both(0.92, 0.15), ...brows(0.45, 0.25), squint: 0.22, smile: 0.9, wide: 0.1, gape: 0.08, iris: 1.12, blush: 1, hearts: 1, tilt: 0.08 },
  embarrassed: { ...both(0.72), ...brows(0.15, 0.6), smile: 0.2, wave: 0.75, wide: -0.1, blush: 1, sweat: 0.7, turn: 0.12, tilt: 0.06, lookX: 0.6, lookY: 0.35, shrug: 0.5 },
  surprised: { ...both(1.14), ...brows(0.9, 0.1), smile: 0.15, gape: 0.42, round: 0.7, wide: -0.3, iris: 0.9, nod: -0.05, shrug: 0.35 },
  shocked: { ...both(1.2), ...brows(1, 0.45), smile: -0.35, gape: 0.75, round: 0.35, iris: 0.66, pale: 0.75, blush: 0, sweat: 0.5, nod: -0.06, shrug: 0.6 },
  thinking: { ...both(0.88), ...brows(0.2, 0), browL: 0.65, slantR: -0.3, smile: -0.05, smirk: -0.3, wide: -0.3, turn: -0.12, tilt: 0.08, lookX: -0.5, lookY: -0.6 },
  winking: { openL: 0, joyL: 1, openR: 1, joyR: 0.1, ...brows(0.35, 0.1), browL: -0.1, browR: 0.6, smile: 1, smirk: 0.45, wide: 0.2, gape: 0.14, blush: 0.55, tilt: -0.1, spark: 0.8 },
  cool: { ...both(0.72), ...brows(0.1, -0.25), browR: 0.5, smile: 0.55, smirk: 0.7, wide: -0.05, blush: 0.15, tilt: -0.07, turn: 0.08, nod: -0.04, glasses: 1 },
  relaxed: { ...both(0.55, 0.3), ...brows(0.25, 0.2), squint: 0.1, smile: 0.6, blush: 0.45, tilt: 0.05, shrug: -0.45 },
  delicious: { ...both(0.05, 1), ...brows(0.5, 0.25), smile: 0.95, lick: 1, wide: 0.1, blush: 0.85, tilt: 0.06 },
  kissy: { openL: 0, joyL: 0.2, openR: 0.9, joyR: 0, ...brows(0.35, 0.15), browL: 0, smile: 0.1, round: 1, wide: -0.75, gape: 0.08, blush: 0.85, hearts: 0.5, tilt: -0.07, nod: 0.03 },
  confident: { ...both(0.86), ...brows(0.1, -0.45), squint: 0.25, smile: 0.8, smirk: 0.4, wide: 0.25, blush: 0.35, nod: -0.07, shrug: 0.2, spark: 0.6 },
  sleepy: { ...both(0.3), ...brows(0.2, 0.25), smile: 0, gape: 0.12, round: 0.4, wide: -0.35, blush: 0.35, nod: 0.1, tilt: 0.1, doze: 1, shrug: -0.6 },
  silly: { openL: 1.05, openR: 0.55, joyR: 0.8, joyL: 0, ...brows(0.6, 0.1), browR: 0.1, smile: 0.9, cat: 0.3, lick: 1, smirk: -0.3, wide: 0.15, blush: 0.6, tilt: 0.14 },
  confused: { ...both(0.95), browL: 0.75, browR: -0.25, slantL: 0.35, slantR: -0.35, smile: -0.25, smirk: 0.35, wave: 0.55, wide: -0.2, question: 1, tilt: 0.15 },
  fearful: { ...both(1.06), ...brows(0.65, 1), smile: -0.5, wave: 0.8, gape: 0.12, wide: 0.1, grit: 0.35, iris: 0.74, pale: 0.6, blush: 0, sweat: 1, nod: 0.04, shrug: 0.9 },
  disgusted: { ...both(0.6), ...brows(-0.3, -0.5), slantL: -0.1, squint: 0.6, smile: -0.75, smirk: -0.5, wave: 0.35, wide: 0, lookX: 0.3, turn: 0.14, nod: -0.05, pale: 0.25, blush: 0.1 },
  calm: { ...both(0.74, 0.15), ...brows(0.1, 0.15), smile: 0.5, blush: 0.3, shrug: -0.25 },
};

/** The face of an emotion at an intensity of 0..1; a name that nobody knows is the face at rest. */
export function faceOf(name: string, intensity: number): Face {
  const wanted = EXPRESSIONS[name] ?? {};
  const face: Face = { ...REST };
  for (const param of PARAMS) face[param] = lerp(REST[param], wanted[param] ?? REST[param], clamp(intensity));
  return face;
}
