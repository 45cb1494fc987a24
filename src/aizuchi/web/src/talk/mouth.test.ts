import { describe, expect, it } from "vitest";
import { Loudness, scaled } from "./loudness";
import { mouthAt } from "./mouth";
import { Visemes } from "./visemes";

const SHAPES = [
  { t: 0, d: 100, id: "PP" },
  { t: 100, d: 200, id: "aa" },
  { t: 300, d: 20, id: "ih" },
  { t: 320, d: 100, id: "sil" },
];
const weights = (ms: number) => Object.fromEntries(mouthAt(SHAPES, ms).map(({ viseme, weight }) => [viseme, weight]));

describe("mouth", () => {
  it("is a single shape in the middle of one", () => expect(weights(200)).toEqual({ aa: 1 }));

  it("is half and half at a border", () => {
    expect(weights(100)["PP"]).toBeCloseTo(0.5);
    expect(weights(100)["aa"]).toBeCloseTo(0.5);
  });

  it("never jumps and never weighs more than one", () => {
    let before = weights(0);
    for (let ms = 0; ms <= 420; ms += 1) {
      const now = weights(ms);
      expect(Object.values(now).reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(1 + 1e-9);
      for (const id of new Set([...Object.keys(before), ...Object.keys(now)])) {
        expect(Math.abs((now[id] ?? 0) - (before[id] ?? 0))).toBeLessThan(0.12);
      }
      before = now;
    }
  });

  it("reaches a short shape", () => expect(weights(310)["ih"]).toBeGreaterThan(0.9));

  it("rests where nothing is told", () => expect(mouthAt(SHAPES, 2000)).toEqual([]));

  it("heeds a weight", () => expect(mouthAt([{ t: 0, d: 400, id: "aa", weight: 0.4 }], 200)).toEqual([{ viseme: "aa", weight: 0.4 }]));
});

describe("visemes", () => {
  it("come in pieces and are null where there are none", () => {
    const visemes = new Visemes();
    visemes.add("a", 0, SHAPES.slice(0, 2));
    visemes.add("a", 0, SHAPES.slice(2));
    expect(visemes.of("a", 0)).toEqual(SHAPES);
    expect(visemes.of("a", 1)).toBeNull();
  });

  it("are forgotten in time", () => {
    const visemes = new Visemes();
    for (let i = 0; i < 100; i += 1) visemes.add("a", i, SHAPES);
    expect(visemes.of("a", 0)).toBeNull();
    expect(visemes.of("a", 99)).not.toBeNull();
  });
});

describe("loudness", () => {
  it("has a scale as the ear has it", () => {
    expect(scaled(0)).toBe(0);
    expect(scaled(1)).toBe(1);
    expect(scaled(0.03)).toBeGreaterThan(0.4);
  });

  it("rises quickly, falls slowly, and is silent at once when it must", () => {
    const loudness = new Loudness();
    loudness.hear(1, 0);
    expect(loudness.read(50)).toBeGreaterThan(0.8);
    loudness.hear(0, 50);
    expect(loudness.read(100)).toBeGreaterThan(0.5);
    loudness.silence();
    expect(loudness.read(101)).toBe(0);
  });
});
