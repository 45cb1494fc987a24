import { afterEach, describe, expect, it, vi } from "vitest";
import { clips } from "./clips";
import { PlayClock, Player } from "./player";
import { pieces } from "./sounding";
import { textAt, transcript } from "./transcript";
import { Folding } from "./turns";
import type { Entry } from "../talk/model";

describe("the clock", () => {
  let now = 0;
  const made = () => new PlayClock(10, () => now);

  it("moves while it plays, at its rate, and stops at the end", () => {
    const clock = made();
    now = 100;
    expect([clock.position, clock.playing]).toEqual([0, false]);
    clock.play();
    now = 102;
    expect(clock.position).toBe(2);
    clock.hurry(2);
    now = 104;
    expect(clock.position).toBe(6);
    clock.pause();
    now = 200;
    expect(clock.position).toBe(6);
    clock.play();
    now = 300;
    expect(clock.position).toBe(10);
  });

  it("is set within its length", () => {
    const clock = made();
    for (const [to, expected] of [[4, 4], [-3, 0], [99, 10], [NaN, 0]] as const) {
      clock.seek(to);
      expect(clock.position).toBe(expected);
    }
  });

  it("begins again after the end", () => {
    const clock = made();
    clock.seek(10);
    clock.play();
    now += 1;
    expect(clock.position).toBe(1);
  });
});

describe("the player", () => {
  afterEach(() => vi.useRealTimers());

  it("tells its place, starts the sound anew at each jump, and ends by itself", () => {
    vi.useFakeTimers();
    const did: string[] = [];
    const sounding = {
      start: (position: number, rate: number) => did.push(`start ${position} ${rate}`),
      stop: () => did.push("stop"),
      close: () => did.push("close"),
    };
    const player = new Player(3, sounding, () => Date.now() / 1000);
    expect(player.touched.value).toBe(false);
    player.play();
    vi.advanceTimersByTime(1000);
    expect(player.position.value).toBeCloseTo(1);
    player.seek(2);
    player.hurry(2);
    vi.advanceTimersByTime(600);
    expect([player.position.value, player.playing.value, player.touched.value]).toEqual([3, false, true]);
    expect(did).toEqual(["start 0 1", "start 2 1", "start 2 2", "stop"]);
    expect(vi.getTimerCount()).toBe(0);
    player.close();
  });
});

const MIC = { turn: null, generation: 0, kind: "mic_noted" };
const SAY = { turn: 1, generation: 1 };
const ENTRIES = [
  { ...MIC, seq: 0, at: 1, ms: 1000, sound_ms: 0 },
  { ...MIC, seq: 1, at: 2.05, ms: 1000, sound_ms: 1000 },
  { ...MIC, seq: 2, at: 9, ms: 500, sound_ms: 2000 },
  { ...SAY, seq: 3, at: 2.1, kind: "turn_begun", cause: "user", text: "go on" },
  { ...SAY, seq: 4, at: 2.2, kind: "sentence", index: 0, spoken: "One two.", shown: "One two. " },
  { ...SAY, seq: 5, at: 2.3, kind: "speech", sentence: 0, at_ms: 0, ms: 60.045, sound_ms: 500 },
  { ...SAY, seq: 6, at: 2.3, kind: "speech", sentence: 0, at_ms: 60, ms: 939.955, sound_ms: 560, last: true },
  { ...SAY, seq: 7, at: 2.4, kind: "sentence", index: 1, spoken: "Three four.", shown: "Three four." },
  { ...SAY, seq: 8, at: 2.5, kind: "speech", sentence: 1, at_ms: 1000, ms: 1000, sound_ms: 1500, last: true },
  { ...SAY, seq: 9, at: 2.6, kind: "sentence", index: 2, spoken: "Five.", shown: " Five." },
  { ...SAY, seq: 10, at: 3.8, kind: "interrupted", reason: "client", heard: "One two. Three" },
  { ...SAY, seq: 11, at: 3.8, kind: "turn_ended", outcome: "interrupted", heard: "One two. Three" },
] as unknown as Entry[];

function turns() {
  const folding = new Folding();
  for (const entry of ENTRIES) folding.read(entry);
  return folding.turns;
}

describe("the sound of a recording", () => {
  it("lies where it was spoken and heard", () => {
    const found = clips(ENTRIES, turns()).map(({ who, at, fromMs, ms }) => [who, Number(at.toFixed(2)), Math.round(fromMs), Math.round(ms)]);
    expect(found).toEqual([
      ["user", 0, 0, 2000],
      ["reply", 2.3, 500, 1500],
      ["user", 8.5, 2000, 500],
    ]);
  });

  it("is read in pieces that join", () => {
    const cut = pieces([{ who: "user", at: 1, fromMs: 500, ms: 2500 }], 1);
    expect(cut.map(({ at, fromMs, ms }) => [at, fromMs, ms])).toEqual([[1, 500, 1000], [2, 1500, 1000], [3, 2500, 500]]);
  });
});

describe("what was said", () => {
  it("appears when it was heard, and of an interrupted reply no more than was heard", () => {
    const said = transcript(ENTRIES, turns());
    expect(said.map((line) => [line.who, line.interrupted])).toEqual([["user", false], ["reply", true]]);
    const reply = said[1]!;
    expect([2, 2.4, 3.4, 9].map((at) => textAt(reply, at))).toEqual([null, "One two. ", "One two. Three…", "One two. Three…"]);
  });

  it("of a user is what the recogniser believed at the time", () => {
    const hearing = [
      { seq: 0, at: 1, turn: null, generation: 0, kind: "heard_partial", utterance: 1, text: "go fort" },
      { seq: 1, at: 2, turn: null, generation: 0, kind: "heard", utterance: 1, text: "go forth" },
      { seq: 2, at: 2, turn: 1, generation: 1, kind: "turn_begun", cause: "user", text: "go forth" },
    ] as unknown as Entry[];
    const said = transcript(hearing, []);
    expect(said.length).toBe(1);
    expect([textAt(said[0]!, 1.5), textAt(said[0]!, 2)]).toEqual(["go fort", "go forth"]);
  });
});
