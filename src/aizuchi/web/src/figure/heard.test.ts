import { describe, expect, it } from "vitest";
import type { Cues } from "../talk/model";
import { Heard, Telling, VISEMES } from "./heard";
import { SHAPES } from "./mouth";

const cues = (level = 0, mouth: ReturnType<Cues["mouth"]> = null): Cues => ({ level: () => level, userLevel: () => 0.25, mouth: () => mouth });
const weights = (heard: Heard) => heard.mouth?.filter((each) => each.weight > 0).map((each) => [each.viseme, each.weight]);

describe("what is told of a frame", () => {
  it("is heard as it was", () => {
    const telling = new Telling();
    const heard = new Heard();
    telling.state("speaking", true);
    telling.gaze({ x: 0.5, y: -0.25 });
    telling.ask(cues(0.75, [{ viseme: "aa", weight: 0.5 }, { viseme: "oh", weight: 0.25 }]), true);
    heard.take(telling.numbers);
    expect(heard.inputs).toEqual({ state: "speaking", held: true, level: 0.75, userLevel: 0.25, gaze: { x: 0.5, y: -0.25 }, still: true });
    expect(weights(heard)).toEqual([["aa", 0.5], ["oh", 0.25]]);
  });

  it("knows a voice that tells no shapes from one that is silent", () => {
    const telling = new Telling();
    const heard = new Heard();
    telling.state("idle", false);
    telling.ask(cues(0.5, []), false);
    heard.take(telling.numbers);
    expect(weights(heard)).toEqual([]);
    telling.ask(cues(0.5, null), false);
    heard.take(telling.numbers);
    expect(heard.mouth).toBeNull();
    expect(heard.inputs.gaze).toBeNull();
  });

  it("takes a shape that nobody knows for a mouth at rest, and no level for more than all", () => {
    const telling = new Telling();
    const heard = new Heard();
    telling.ask(cues(7, [{ viseme: "xx", weight: 1 }]), false);
    heard.take(telling.numbers);
    expect(heard.inputs.level).toBe(1);
    expect(weights(heard)).toEqual([["sil", 1]]);
  });

  it("is sent only when it differs", () => {
    const telling = new Telling();
    telling.state("idle", false);
    telling.ask(cues(), false);
    expect(telling.changed()).toBe(true);
    telling.ask(cues(), false);
    expect(telling.changed()).toBe(false);
    telling.gaze({ x: 0, y: 1 });
    expect(telling.changed()).toBe(true);
    expect(telling.changed()).toBe(false);
  });

  it("knows every shape of the mouth", () => {
    expect(VISEMES).toEqual(Object.keys(SHAPES));
  });
});
