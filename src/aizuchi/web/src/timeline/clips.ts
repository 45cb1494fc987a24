/**
 * Where on the session's clock which stretch of a recording's sound belongs. The files are dense; `sound_ms` of
 * an entry tells where its sound lies. What the microphone sent lies before its entry; what was answered is
 * made faster than it is spoken, and was heard when `lanes.heard` says.
 */
import type { Entry } from "../talk/model";
import { count, number, turnOf } from "./fields";
import type { Figures } from "./figures";
import { heard } from "./lanes";

export interface Clip {
  readonly who: "user" | "reply";
  /** Seconds on the session's clock. */
  readonly at: number;
  readonly fromMs: number;
  readonly ms: number;
}

/** Seconds. Stretches of a file that follow each other so closely are one: sound comes early or late by network and clock. */
const CLOSE = 0.25;

export function clips(entries: readonly Entry[], turns: readonly Figures[]): readonly Clip[] {
  return [...microphone(entries), ...replies(entries, turns)].sort((a, b) => a.at - b.at);
}

function microphone(entries: readonly Entry[]): Clip[] {
  const found: Clip[] = [];
  for (const entry of entries) {
    const fromMs = number(entry, "sound_ms");
    if (entry.kind !== "mic_noted" || fromMs === null) continue;
    const ms = count(entry, "ms");
    if (ms > 0) join(found, { who: "user", at: Math.max(0, entry.at - ms / 1000), fromMs, ms });
  }
  return found;
}

function replies(entries: readonly Entry[], turns: readonly Figures[]): Clip[] {
  // Of each turn: places in its own sound and in the file, in order.
  const places = new Map<number, { atMs: number; fileMs: number; ms: number }[]>();
  for (const entry of entries) {
    const [fileMs, turn, ms] = [number(entry, "sound_ms"), turnOf(entry), count(entry, "ms")];
    if (entry.kind !== "speech" || fileMs === null || turn === null || ms <= 0) continue;
    const known = places.get(turn) ?? [];
    if (!known.length) places.set(turn, known);
    const last = known.at(-1);
    const atMs = count(entry, "at_ms");
    // Milliseconds are rounded in each line; what lies side by side in the file is one stretch.
    if (last && Math.abs(last.fileMs + last.ms - fileMs) < 3 && Math.abs(last.atMs + last.ms - atMs) < 3) last.ms = fileMs + ms - last.fileMs;
    else known.push({ atMs, fileMs, ms });
  }
  const found: Clip[] = [];
  for (const turn of turns) {
    for (const span of heard(turn)) {
      const toMs = span.fromMs + (span.to - span.from) * 1000;
      for (const place of places.get(turn.turn) ?? []) {
        const [from, to] = [Math.max(span.fromMs, place.atMs), Math.min(toMs, place.atMs + place.ms)];
        if (to - from < 1) continue;
        const at = span.from + (from - span.fromMs) / 1000;
        join(found, { who: "reply", at, fromMs: place.fileMs + from - place.atMs, ms: to - from });
      }
    }
  }
  return found;
}

function join(found: Clip[], clip: Clip): void {
  const last = found.at(-1);
  const follows = last && Math.abs(last.fromMs + last.ms - clip.fromMs) < 3 && Math.abs(last.at + last.ms / 1000 - clip.at) < CLOSE;
  if (follows) found[found.length - 1] = { ...last, ms: clip.fromMs + clip.ms - last.fromMs };
  else found.push(clip);
}
