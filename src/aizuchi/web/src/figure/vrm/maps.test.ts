import { describe, expect, it } from "vitest";
import { EXPRESSIONS } from "../expressions";
import { Loudness, SHAPES } from "../mouth";
import { OF_EMOTION, OF_VISEME, VOWELS, vowels, vowelsOf, type Weights } from "./maps";

const sum = (weights: Weights) => VOWELS.reduce((all, each) => all + (weights[each] ?? 0), 0);

describe("presets of a VRM model", () => {
  it("knows every viseme and every emotion", () => {
    expect(Object.keys(OF_VISEME)).toEqual(Object.keys(SHAPES));
    expect(Object.keys(OF_EMOTION).sort()).toEqual(Object.keys(EXPRESSIONS).sort());
  });

  it("keeps weights as they are told, and scales what sums to more than one", () => {
    const into: Weights = {};
    expect(vowels([{ viseme: "oh", weight: 0.4 }], into).oh).toBeCloseTo(0.4);
    vowels([{ viseme: "aa", weight: 1 }, { viseme: "ou", weight: 1 }], into);
    expect([into.aa, into.ou, into.oh]).toEqual([0.5, 0.5, 0]);
  });

  it("opens no vowel twice when the mouth is guessed", () => {
    const loudness = new Loudness(() => 0.3);
    const shape = { ...SHAPES.sil! };
    for (let frame = 0; frame < 120; frame++) {
      const all = sum(vowelsOf(loudness.step(frame % 20 < 10 ? 0.6 : 0, 1 / 60, shape), {}));
      expect(all).toBeGreaterThanOrEqual(0);
      expect(all).toBeLessThanOrEqual(1.001);
    }
  });
});
