import { describe, expect, it } from "vitest";
import type { Entry } from "../talk/model";
import type { Figures } from "./figures";
import live from "./fixtures/live.json?raw";
import odd from "./fixtures/odd.json?raw";
import recorded from "./fixtures/recorded.json?raw";
import told from "./fixtures/told.json?raw";
import { Folding, Following } from "./turns";

interface Told {
  turn: number;
  generation: number;
  cause: string;
  outcome: string;
  fallback: string;
  numbers: Record<string, number | null>;
  stages: Record<string, number>;
}

/** Written by tests/views/twin.py: entries, and what the server's own fold finds in them. */
const FIXTURES = { live, odd, recorded, told };

function fixture(name: keyof typeof FIXTURES): { turns: Told[]; entries: Entry[] } {
  return JSON.parse(FIXTURES[name]);
}

function folded(entries: readonly Entry[]): Figures[] {
  const folding = new Folding();
  for (const entry of entries) folding.read(entry);
  return folding.turns;
}

/** A hundredth of a millisecond may be rounded up here and down there. */
function same(found: number | null | undefined, told: number | null, what: string): void {
  if (told === null || found === null || found === undefined) expect(found, what).toBe(told);
  else expect(Math.abs(found - told), `${what}: ${found}, the server says ${told}`).toBeLessThan(0.0101);
}

function agree(turns: readonly Figures[], told: readonly Told[]): void {
  expect(turns.map((each) => each.turn)).toEqual(told.map((each) => each.turn));
  turns.forEach((turn, index) => {
    const { numbers, stages, generation, cause, outcome, fallback } = told[index]!;
    expect({ generation: turn.generation, cause: turn.cause, outcome: turn.outcome, fallback: turn.fallback }).toEqual({
      generation,
      cause,
      outcome,
      fallback,
    });
    const found = turn.numbers();
    expect(Object.keys(found)).toEqual(Object.keys(numbers));
    for (const [name, value] of Object.entries(numbers)) same(found[name], value, `turn ${turn.turn} ${name}`);
    expect(turn.stages.map(([name]) => name)).toEqual(Object.keys(stages));
    for (const [name, value] of turn.stages) same(value, stages[name]!, `turn ${turn.turn} stage ${name}`);
  });
}

describe("the fold", () => {
  it.each(["told", "odd", "recorded"] as const)("finds the server's own figures (%s)", (name) => {
    const { turns, entries } = fixture(name);
    expect(turns.length).toBeGreaterThan(1);
    agree(folded(entries), turns);
  });

  it("finds the same on a live page, where sound comes when it is due", () => {
    // Which sound was the last before an interrupt is known to the server alone: a page is sent the first and
    // the last frame of a sentence.
    const told = fixture("recorded").turns.slice(0, -1); // The client left in the last one.
    const turns = folded(fixture("live").entries).slice(0, -1);
    turns.forEach((turn, index) => {
      if (turn.interrupted !== null) turn.lastSound = turn.interrupted + (told[index]!.numbers["interrupt_ms"] ?? 0) / 1000;
    });
    agree(turns, told);
  });

  it("keeps what was asked of whom, also before the turn began", () => {
    const [turn] = folded(fixture("odd").entries);
    expect(turn!.calls.map(({ stage, provider }) => `${stage} ${provider}`)).toEqual(["llm model", "tts voice"]);
    expect(turn!.attempts.map(({ turn, reason, savedMs }) => [turn, reason, savedMs])).toEqual([
      [null, "went_on", 0],
      [4, "", 613],
    ]);
    expect(turn!.waits).toEqual([{ stage: "llm", from: 2.63, ahead: 3, to: 3.0777 }]);
    expect(turn!.tools[0]).toEqual({ id: "c1", name: "clock", from: 3.1, to: 3.4, error: "" });
    expect(turn!.held).toEqual([{ from: 3.9, atMs: 200, reason: "crosstalk", to: 4.4, resumedMs: 200 }]);
    expect(turn!.troubles.map(({ code }) => code)).toEqual(["asr_timeout", "llm_failed"]);
  });

  it("finds a recogniser's request and its answer", () => {
    const [turn] = folded(fixture("recorded").entries);
    const call = turn!.calls.find(({ stage }) => stage === "asr")!;
    expect(call.outcome).toBe("done");
    expect(call.asked).toBeLessThan(turn!.voiceEnd!);
    expect(call.first).toBeCloseTo(turn!.firstPartial!, 1);
  });

  it("does not care what else stands in an entry", () => {
    const junk = [
      { seq: 0, at: 0, turn: 1, generation: 0, kind: "turn_begun", cause: 7, text: null, user_end: "soon" },
      { seq: 1, at: 1, turn: 1, generation: 0, kind: "speech", at_ms: "x", ms: null, sentence: {} },
      { seq: 2, at: 1, turn: 1, generation: 0, kind: "answered", stage: [], first_ms: "1" },
      { seq: 3, at: 1, turn: null, generation: 0, kind: "requested", stage: "asr" },
      { seq: 4, at: 1, turn: null, generation: 0, kind: "of_tomorrow" },
      { seq: 5, at: 1, turn: 1, generation: 0, kind: "turn_ended", outcome: 3 },
    ] as unknown as Entry[];
    const turns = folded(junk);
    expect(turns[0]!.outcome).toBe("finished");
    expect(turns[0]!.stages).toEqual([]);
  });
});

describe("following a growing list", () => {
  it("reads each entry once, also when old ones are thrown away", () => {
    const { entries, turns } = fixture("recorded");
    const following = new Following();
    for (let end = 0; end <= entries.length; end += 37) following.update(entries.slice(Math.max(0, end - 100), end));
    agree(following.update(entries.slice(-60)).turns, turns);
  });

  it("begins anew with another session", () => {
    const following = new Following();
    following.update(fixture("told").entries);
    const { entries, turns } = fixture("odd");
    agree(following.update(entries).turns, turns);
  });
});
