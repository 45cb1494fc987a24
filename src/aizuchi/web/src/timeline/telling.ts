/** Turns into words: what stands at the head of a row, in a tooltip and in the table's lines. */
import type { Attempt, Figures } from "./figures";
import type { Bar, Lane, Mark, Slowest } from "./lanes";
import { type Range, exact, short } from "./scale";
import { type Key, t } from "./words";

export const STAGE_LANE: Readonly<Record<Slowest["stage"], Lane>> = {
  end_point: "end_point",
  asr: "asr",
  begin: "llm",
  llm: "llm",
  clause: "clause",
  voice: "tts",
  queue: "queue",
  on_its_way: "sound",
};

export function stageName(stage: Slowest["stage"]): string {
  return t(`stage_${stage}` as Key);
}

/** The one glance: "LLM 812 ms". */
export function slowestText(found: Slowest): string {
  return t("slowest", { stage: stageName(found.stage), time: short(found.ms) });
}

/** What else a person should see at once: how it ended, what failed, what was saved. */
export function badges(turn: Figures): readonly { text: string; kind: "bad" | "good" | "plain" }[] {
  const found: { text: string; kind: "bad" | "good" | "plain" }[] = [];
  if (turn.interrupted !== null) found.push({ text: t("interrupted_at", { time: short((turn.interrupted - turn.zero) * 1000) }), kind: "bad" });
  else if (turn.outcome === "failed" || turn.outcome === "superseded") found.push({ text: t(turn.outcome), kind: "bad" });
  if (turn.fallback) found.push({ text: t("fallback", { what: turn.fallback }), kind: "bad" });
  const codes = [...new Set(turn.troubles.map((each) => each.code))];
  if (codes.length) found.push({ text: t("faults", { what: codes.join(", ") }), kind: "bad" });
  const saved = turn.numbers()["saved_ms"];
  if (saved) found.push({ text: t("saved_ms", { time: short(saved) }), kind: "good" });
  const wasted = turn.attempts.filter((each) => each.ended !== null && each.turn === null).length;
  if (wasted) found.push({ text: t("wasted", { count: wasted }), kind: "plain" });
  return found;
}

export function barName(bar: Bar): string {
  const name = t(`part_${bar.part}` as Key);
  return bar.sentence === undefined ? name : `${name}, ${t("sentence", { number: bar.sentence + 1 })}`;
}

/** The lines of a tooltip: exact, on both clocks. */
export function barLines(turn: Figures, bar: Bar): readonly string[] {
  const length = (bar.to - bar.from) * 1000;
  const lines = [bar.open ? t("still", { time: exact(length) }) : exact(length), ...clocks(turn, bar.from, bar.to)];
  if (bar.attempt) lines.push(attemptText(bar.attempt));
  else if (bar.note) lines.push(bar.note);
  return lines.filter(Boolean);
}

export function markLines(turn: Figures, mark: Mark): readonly string[] {
  return [...clocks(turn, mark.at, mark.at), mark.note].filter(Boolean);
}

export function markName(mark: Mark): string {
  return t(`mark_${mark.kind}`);
}

function clocks(turn: Figures, from: number, to: number): string[] {
  const since: [Key, number | null][] = [
    ["after_voice", turn.voiceEnd],
    ["after_user", turn.userEnd],
  ];
  const known = since.filter(([, at]) => at !== null);
  if (!known.length) known.push(["after_begun", turn.begun]);
  return known.map(([key, at]) => {
    const [begin, end] = [exact((from - at!) * 1000), exact((to - at!) * 1000)];
    return from === to ? t(key, { from: begin, to: "" }).replace(/\s*(to|至|～)\s+/, " ") : t(key, { from: begin, to: end });
  });
}

export function attemptText(attempt: Attempt): string {
  if (attempt.ended === null) return "";
  if (attempt.turn !== null) return t("attempt_saved", { time: exact(attempt.savedMs) });
  return t("attempt_wasted", {
    time: exact((attempt.ended - attempt.begun) * 1000),
    tokens: attempt.tokens,
    audio: exact(attempt.audioMs),
    reason: attempt.reason || "?",
  });
}

/** The figure at the right of each lane: for providers how long their first answer took. */
export function laneFigures(found: readonly Bar[]): ReadonlyMap<Lane, string> {
  const sums = new Map<Lane, number>();
  const add = (lane: Lane, ms: number) => sums.set(lane, (sums.get(lane) ?? 0) + ms);
  for (const bar of found) {
    const ms = (bar.to - bar.from) * 1000;
    if (bar.lane === "tts" || bar.lane === "llm") {
      if ((bar.part === "tts_wait" || bar.part === "llm_wait") && !sums.has(bar.lane)) add(bar.lane, ms);
    } else if (bar.part === "kept") add(bar.lane, bar.attempt?.savedMs ?? 0);
    else if (!["asr_listening", "dropped", "preparing", "held", "on_its_way"].includes(bar.part)) add(bar.lane, ms);
  }
  return new Map([...sums].map(([lane, ms]) => [lane, short(ms)]));
}

/** What of a turn is drawn: all of it, or what led to the first sound. Milliseconds from its zero. */
export function rangeOf(turn: Figures, found: readonly Bar[], whole: boolean): Range {
  const ms = (at: number) => (at - turn.zero) * 1000;
  const from = found.length ? Math.min(0, ...found.map((bar) => ms(bar.from))) : 0;
  const to = Math.max(1, ...found.map((bar) => ms(bar.to)));
  const reach = turn.firstAudio === null ? null : ms(turn.playback ?? turn.firstAudio);
  if (whole || reach === null || reach <= 0) return { from, to };
  return { from: Math.max(from, -0.4 * Math.max(reach, 250)), to: Math.min(to, reach + 0.3 * Math.max(reach, 250)) };
}
