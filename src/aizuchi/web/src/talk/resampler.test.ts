import { describe, expect, it } from "vitest";
import { Framer } from "./framer";
import { Resampler } from "./resampler";

const sine = (hz: number, rate: number, seconds = 0.5, gain = 0.8) =>
  Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) => gain * Math.sin((2 * Math.PI * hz * i) / rate));

function converted(input: Float32Array, from: number, to: number, block = 128): Float32Array {
  const resampler = new Resampler(from, to);
  const parts: number[] = [];
  for (let i = 0; i < input.length; i += block) parts.push(...resampler.push(input.subarray(i, i + block)));
  parts.push(...resampler.flush());
  return Float32Array.from(parts);
}

/** Signal to everything else, in dB: the best fitting sine of the frequency is the signal. */
function snr(samples: Float32Array, hz: number, rate: number): number {
  const middle = samples.subarray(samples.length / 4, (3 * samples.length) / 4);
  let [ss, cc, sc, ys, yc] = [0, 0, 0, 0, 0];
  const basis = Array.from(middle, (_, i) => [Math.sin((2 * Math.PI * hz * i) / rate), Math.cos((2 * Math.PI * hz * i) / rate)] as const);
  basis.forEach(([s, c], i) => {
    const y = middle[i]!;
    [ss, cc, sc, ys, yc] = [ss + s * s, cc + c * c, sc + s * c, ys + y * s, yc + y * c];
  });
  const det = ss * cc - sc * sc;
  const [a, b] = [(ys * cc - yc * sc) / det, (yc * ss - ys * sc) / det];
  let [signal, noise] = [0, 0];
  basis.forEach(([s, c], i) => {
    const fit = a * s + b * c;
    signal += fit * fit;
    noise += (middle[i]! - fit) ** 2;
  });
  return 10 * Math.log10(signal / noise);
}

const rms = (samples: Float32Array) => Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);

describe("resampler", () => {
  it.each([[48_000, 16_000], [44_100, 16_000], [96_000, 16_000], [16_000, 48_000], [24_000, 48_000], [22_050, 48_000], [24_000, 44_100]])(
    "brings a tone of 1 kHz from %i to %i Hz with over 70 dB",
    (from, to) => expect(snr(converted(sine(1000, from), from, to), 1000, to)).toBeGreaterThan(70),
  );

  it.each([[48_000, 10_000], [48_000, 15_000], [44_100, 9_500]])("lets nothing of %i Hz sound at %i Hz fold back", (from, hz) => {
    const out = converted(sine(hz, from), from, 16_000);
    expect(20 * Math.log10(rms(out.subarray(1000, -1000)) / rms(sine(hz, from)))).toBeLessThan(-60);
  });

  it("keeps the level up to 6.5 kHz", () => {
    const out = converted(sine(6500, 48_000), 48_000, 16_000);
    expect(20 * Math.log10(rms(out.subarray(1000, -1000)) / rms(sine(6500, 48_000)))).toBeGreaterThan(-1);
  });

  it.each([[48_000, 16_000], [44_100, 16_000], [22_050, 48_000]])("gives as much sound as it got (%i to %i)", (from, to) => {
    expect(Math.abs(converted(sine(300, from), from, to).length - to / 2)).toBeLessThanOrEqual(1);
  });

  it("does not care how the input is cut", () => {
    const input = sine(700, 44_100, 0.2);
    expect(converted(input, 44_100, 16_000, 128)).toEqual(converted(input, 44_100, 16_000, 1000));
  });

  it("keeps its numbers small over hours without a seam", () => {
    const plain = new Resampler(44_100, 16_000);
    const wrapped = new Resampler(44_100, 16_000, 3);
    const tone = sine(1000, 44_100, 0.2);
    for (let i = 0; i < tone.length; i += 128) {
      expect(wrapped.push(tone.subarray(i, i + 128))).toEqual(plain.push(tone.subarray(i, i + 128)));
    }
  });

  it("leaves sound of the right rate alone", () => {
    const input = sine(500, 16_000, 0.01);
    expect(new Resampler(16_000, 16_000).push(input)).toBe(input);
  });
});

describe("framer", () => {
  it("makes frames of 320 samples and tells their loudness", () => {
    const framer = new Framer(48_000, 16_000, 320);
    const input = sine(440, 48_000, 0.5, 0.5);
    const frames = Array.from({ length: Math.floor(input.length / 128) }, (_, i) => framer.push(input.subarray(i * 128, i * 128 + 128))).flat();
    expect(frames.length).toBe(24);
    expect(frames.every((each) => each.pcm.length === 320)).toBe(true);
    expect(frames[10]!.rms).toBeCloseTo(0.5 / Math.SQRT2, 2);
  });

  it("clips what is too loud", () => {
    const framer = new Framer(16_000, 16_000, 4);
    expect(framer.push(Float32Array.of(2, -2, 1, 0))[0]!.pcm).toEqual(Int16Array.of(32767, -32767, 32767, 0));
  });
});
