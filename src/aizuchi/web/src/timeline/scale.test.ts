import { describe, expect, it } from "vitest";
import { clock, exact, percentile, scale, short, step, ticks } from "./scale";

describe("ticks", () => {
  it.each([
    [{ from: 0, to: 1000 }, 640, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]],
    [{ from: -250, to: 900 }, 400, [-200, 0, 200, 400, 600, 800]],
    [{ from: 100, to: 130 }, 200, [100, 110, 120, 130]],
    [{ from: 0, to: 14_000 }, 300, [0, 5000, 10_000]],
  ])("are round numbers (%o on %i pixels)", (range, width, expected) => {
    expect(ticks(range, width)).toEqual(expected);
  });

  it("keep their distance and stay within", () => {
    for (const to of [0.3, 7, 99, 1234, 98_765, 3_600_000]) {
      const range = { from: -to / 3, to };
      const found = ticks(range, 500);
      expect(found.length).toBeGreaterThan(1);
      expect(Math.min(...found)).toBeGreaterThanOrEqual(range.from - 1e-9);
      expect(Math.max(...found)).toBeLessThanOrEqual(range.to + 1e-6);
      expect(found.some((ms) => Math.abs(ms) < 1e-9)).toBe(true);
      const x = scale(range, 500);
      expect(x(found[1]!) - x(found[0]!)).toBeGreaterThanOrEqual(64 - 1e-6);
    }
  });

  it("are none where there is no room or no time", () => {
    expect(ticks({ from: 1, to: 1 }, 500)).toEqual([]);
    expect(ticks({ from: 0, to: 10 }, 0)).toEqual([]);
    expect(step(0)).toBeGreaterThan(0);
  });
});

it("lengths are as exact as they are looked at", () => {
  expect([0, 4.26, 85.4, 812.4, 999.6, 1240, 12_345].map(short)).toEqual(["0 ms", "4.3 ms", "85 ms", "812 ms", "1.00 s", "1.24 s", "12.3 s"]);
  expect(exact(361.9999)).toBe("362 ms");
  expect(exact(-12.345)).toMatch(/^-12\.3[45] ms$/);
  expect([0, 7.9, 760, 3723].map(clock)).toEqual(["0:00", "0:07", "12:40", "1:02:03"]);
});

it("percentiles are values that occurred", () => {
  expect(percentile([4, 1, 3, 2], 50)).toBe(2);
  expect(percentile([5], 50)).toBe(5);
  expect(percentile([], 50)).toBeNull();
});
