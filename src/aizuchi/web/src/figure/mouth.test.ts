import { describe, expect, it } from "vitest";
import { blend, Loudness, Mouth, SHAPES } from "./mouth";

const seeded = (seed: number) => () => (seed = (seed * 16807) % 2147483647) / 2147483647;

describe("visemes", () => {
  it("has a shape for each of the fifteen", () => {
    expect(Object.keys(SHAPES)).toEqual("sil PP FF TH DD kk CH SS nn RR aa E ih oh ou".split(" "));
  });

  it("gives the missing weight to the mouth at rest", () => {
    const half = blend([{ viseme: "aa", weight: 0.5 }], { ...SHAPES.sil! });
    expect(half.open).toBeCloseTo(SHAPES.aa!.open / 2);
  });

  it("scales weights that sum to more than one, and takes an unknown id as silence", () => {
    const much = blend([{ viseme: "aa", weight: 1 }, { viseme: "ou", weight: 1 }], { ...SHAPES.sil! });
    expect(much.open).toBeCloseTo((SHAPES.aa!.open + SHAPES.ou!.open) / 2);
    expect(blend([{ viseme: "??", weight: 1 }], { ...SHAPES.sil! }).open).toBe(0);
  });

  it("reaches a viseme within 120 ms and does not jump on the way", () => {
    const mouth = new Mouth(seeded(1));
    let before = 0;
    for (let frame = 0; frame < 7; frame++) {
      const now = mouth.step([{ viseme: "aa", weight: 1 }], 0.5, 1 / 60).open;
      expect(now - before).toBeLessThan(0.32);
      before = now;
    }
    expect(before).toBeGreaterThan(SHAPES.aa!.open * 0.85);
  });
});

describe("loudness", () => {
  const speak = (levels: readonly number[], random = seeded(3)) => {
    const loudness = new Loudness(random);
    const shape = { ...SHAPES.sil! };
    return levels.map((level) => ({ ...loudness.step(level, 1 / 60, shape) }));
  };

  it("is shut in silence and opens with the voice", () => {
    expect(speak(Array.from({ length: 30 }, () => 0)).at(-1)!.open).toBe(0);
    expect(speak(Array.from({ length: 12 }, () => 0.4)).at(-1)!.open).toBeGreaterThan(0.2);
  });

  it("opens faster than it closes", () => {
    const levels = [...Array.from({ length: 30 }, () => 0.5), ...Array.from({ length: 30 }, () => 0)];
    const opens = speak(levels).map((each) => each.open);
    const top = Math.max(...opens);
    const rise = opens.findIndex((each) => each > top * 0.6);
    const fall = opens.slice(30).findIndex((each) => each < top * 0.4);
    expect(rise).toBeLessThan(fall);
  });

  it("takes several vowels over several syllables", () => {
    const levels = Array.from({ length: 360 }, (_, at) => (at % 14 < 7 ? 0.5 : 0.02));
    const rounds = new Set(speak(levels).map((each) => Math.round(each.round * 10)));
    expect(rounds.size).toBeGreaterThan(3);
  });
});
