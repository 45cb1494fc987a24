import { describe, expect, it } from "vitest";
import type { Entry } from "../talk/model";
import { Figures } from "./figures";
import odd from "./fixtures/odd.json?raw";
import recorded from "./fixtures/recorded.json?raw";
import { bars, heard, marks, slowest, waited } from "./lanes";
import { rangeOf } from "./telling";
import { Folding } from "./turns";

function turnsOf(raw: string): readonly Figures[] {
  const folding = new Folding();
  for (const entry of (JSON.parse(raw) as { entries: Entry[] }).entries) folding.read(entry);
  return folding.turns;
}

function sounding(sentences: [made: number, fromMs: number, toMs: number][], more: Partial<Figures> = {}): Figures {
  const turn = new Figures(1, 1, "user", 0);
  sentences.forEach(([made, fromMs, toMs], index) => turn.sentences.push({ index, made, fromMs, toMs, whole: true }));
  return Object.assign(turn, { firstAudio: sentences[0]?.[0] ?? null, ended: 100, outcome: "finished" }, more);
}

const times = (turn: Figures) => heard(turn).map(({ from, to, fromMs }) => [Number(from.toFixed(3)), Number(to.toFixed(3)), Math.round(fromMs)]);

describe("when a reply was heard", () => {
  it("sentences made faster than spoken follow each other without a gap", () => {
    expect(times(sounding([[1, 0, 2000], [1.2, 2000, 3000]]))).toEqual([[1, 3, 0], [3, 4, 2000]]);
  });

  it("begins when the client says so", () => {
    expect(times(sounding([[1, 0, 1000]], { playback: 1.15 }))).toEqual([[1.15, 2.15, 0]]);
  });

  it("has a gap where a sentence came late", () => {
    expect(times(sounding([[1, 0, 500], [3, 500, 1000]]))).toEqual([[1, 1.5, 0], [3, 3.5, 500]]);
  });

  it("stands still while it is held and goes on where the server says", () => {
    const held = [{ from: 2, atMs: 900, reason: "", to: 4, resumedMs: 900 }];
    expect(times(sounding([[1, 0, 2000]], { held }))).toEqual([[1, 2, 0], [4, 5.1, 900]]);
  });

  it("ends with an interrupt, also while it is held", () => {
    expect(times(sounding([[1, 0, 2000], [1, 2000, 3000]], { interrupted: 1.5 }))).toEqual([[1, 1.5, 0]]);
    const held = [{ from: 1.2, atMs: 200, reason: "", to: null, resumedMs: 0 }];
    expect(times(sounding([[1, 0, 2000]], { held, interrupted: 1.5 }))).toEqual([[1, 1.2, 0]]);
  });

  it("goes on while the end of its last sentence is not known", () => {
    const turn = sounding([[1, 0, 20]], { ended: null, outcome: "" });
    turn.sentences[0]!.whole = false;
    expect(heard(turn)[0]!.to).toBe(Infinity);
    expect(bars(turn, 3).find((bar) => bar.part === "sound")).toMatchObject({ from: 1, to: 3, open: true });
  });
});

describe("the bars of a turn", () => {
  it.each([odd, recorded])("none ends before it begins, and none after the turn", (raw) => {
    for (const turn of turnsOf(raw)) {
      const now = turn.begun + 60;
      const found = bars(turn, now);
      for (const bar of found) expect(bar.to, bar.part).toBeGreaterThanOrEqual(bar.from);
      expect(Math.max(...found.map((bar) => bar.to), turn.begun)).toBeLessThanOrEqual(turn.ended ?? now);
    }
  });

  it("tell of everything that happened", () => {
    const turn = turnsOf(odd)[0]!;
    const parts = new Set(bars(turn, 10).map((bar) => bar.part));
    for (const part of ["speaking", "end_point", "asr_wait", "dropped", "kept", "queue", "llm_wait", "llm", "clause", "tool", "held", "sound"] as const)
      expect(parts, part).toContain(part);
    expect(marks(turn).map((mark) => mark.kind)).toEqual(["partial", "fault", "fault"]);
  });

  it("show what led to the first sound, or all", () => {
    const turn = turnsOf(recorded)[0]!;
    const found = bars(turn, 0);
    const [start, whole] = [rangeOf(turn, found, false), rangeOf(turn, found, true)];
    expect(start.to).toBeGreaterThan(waited(turn)!);
    expect(start.to).toBeLessThan(2 * waited(turn)!);
    expect(whole.to).toBeGreaterThan(13_000);
    expect(whole.from).toBeLessThan(start.from);
  });
});

describe("why a turn was slow", () => {
  it("names the longest stage", () => {
    expect(slowest(turnsOf(recorded)[1]!)!.stage).toBe("clause");
    expect(slowest(turnsOf(recorded)[0]!)).toEqual({ stage: "end_point", ms: 362 });
  });

  it("names the queue where that was most of it", () => {
    const turn = Object.assign(new Figures(1, 1, "user", 0), { userEnd: 0, llmAsked: 0, firstToken: 1 });
    turn.waits = [{ stage: "llm", from: 0.1, ahead: 2, to: 0.9 }];
    expect(slowest(turn)).toEqual({ stage: "queue", ms: 800 });
  });

  it("says nothing where nobody waited", () => {
    expect(slowest(new Figures(1, 1, "greeting", 0))).toBeNull();
  });
});
