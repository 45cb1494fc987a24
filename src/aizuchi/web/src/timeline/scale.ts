/** Where on the picture a time lies, and which times stand below it. Pure. */

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** 1, 2 or 5 times a power of ten: the smallest such step that leaves `room` pixels between two ticks. */
export function step(msPerPixel: number, room = 64): number {
  const least = Math.max(msPerPixel * room, 1e-3);
  const power = 10 ** Math.floor(Math.log10(least) + 1e-9);
  for (const factor of [1, 2, 5]) if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

/** Round numbers of milliseconds within a range of milliseconds; always 0 where it lies inside. */
export function ticks(range: Range, width: number, room = 64): readonly number[] {
  const length = range.to - range.from;
  if (!(length > 0) || !(width > 0)) return [];
  const by = step(length / width, room);
  const found: number[] = [];
  for (let index = Math.ceil(range.from / by - 1e-9); index * by <= range.to + by * 1e-9; index += 1) found.push(index * by + 0);
  return found;
}

/** Milliseconds to pixels. */
export function scale(range: Range, width: number): (ms: number) => number {
  const length = Math.max(range.to - range.from, 1e-6);
  return (ms) => ((ms - range.from) / length) * width;
}

/** "850 ms", "1.24 s", "12.3 s": as exact as a glance needs. */
export function short(ms: number): string {
  const size = Math.abs(ms);
  if (size < 9.95) return `${Number(ms.toFixed(1))} ms`;
  if (size < 999.5) return `${Math.round(ms)} ms`;
  return size < 9_995 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 1000).toFixed(1)} s`;
}

/** With the hundredths that the server gives. */
export function exact(ms: number): string {
  return `${Number(ms.toFixed(2))} ms`;
}

/** 0:07, 12:40, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** By nearest rank, as the server's own percentiles: always a value that occurred. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((share / 100) * sorted.length) - 1)] ?? null;
}
