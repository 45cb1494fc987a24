/** The mouth at a moment: shapes follow one another with a short cross-fade around each border. Pure. */
import type { TimedViseme } from "./protocol";

export interface Shape {
  readonly viseme: string;
  readonly weight: number;
}

/** Half of a cross-fade, at most; a short shape is crossed within half of itself. */
const HALF_MS = 35;

/** `shapes` in order of time. Where nothing is told, the mouth is at rest. */
export function mouthAt(shapes: readonly TimedViseme[], ms: number): Shape[] {
  const weights = new Map<string, number>();
  for (let i = first(shapes, ms - HALF_MS); i < shapes.length; i += 1) {
    const shape = shapes[i]!;
    if (shape.t - HALF_MS > ms) break;
    const rise = edge(shape, shapes[i - 1]);
    const fall = edge(shape, shapes[i + 1]);
    const share = Math.min(ramp(ms - shape.t, rise), ramp(shape.t + shape.d - ms, fall)) * (shape.weight ?? 1);
    if (share > 0) weights.set(shape.id, (weights.get(shape.id) ?? 0) + share);
  }
  const sum = [...weights.values()].reduce((all, each) => all + each, 0);
  return [...weights].map(([viseme, weight]) => ({ viseme, weight: weight / Math.max(1, sum) }));
}

/** Half of the fade at the border with a neighbour: both sides must agree, or the weights would not add up. */
function edge(shape: TimedViseme, neighbour: TimedViseme | undefined): number {
  return Math.max(1, Math.min(HALF_MS, shape.d / 2, neighbour ? Math.max(1, neighbour.d / 2) : HALF_MS));
}

/** From 0 half a fade before a border to 1 half a fade behind it. */
function ramp(since: number, half: number): number {
  return Math.max(0, Math.min(1, (since + half) / (2 * half)));
}

/** The first shape that ends after `ms`, by halving: a long sentence has hundreds, and it is asked each frame. */
function first(shapes: readonly TimedViseme[], ms: number): number {
  let low = 0;
  let high = shapes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shapes[middle]!.t + shapes[middle]!.d < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
