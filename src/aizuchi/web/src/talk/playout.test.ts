import { describe, expect, it } from "vitest";
import { LEAST_MS, MOST_MS, Playout, type Report, type Sound } from "./playout";
import { Ring } from "./ring";

const RATE = 16_000;
const BLOCK = 128;

/** 20 ms of a constant: any gap or repetition shows. */
function sound(seq: number, more: Partial<Sound> = {}, value = 16_384): Sound {
  return { generation: 1, sentence: 0, seq, atMs: seq * 20, rate: RATE, pcm: new Int16Array(320).fill(value), last: false, ...more };
}

function played(playout: Playout, blocks: number): { samples: number[]; reports: Report[] } {
  const samples: number[] = [];
  const reports: Report[] = [];
  const out = new Float32Array(BLOCK);
  for (let i = 0; i < blocks; i += 1) {
    playout.render(out);
    samples.push(...out);
    reports.push(...playout.take());
  }
  return { samples, reports };
}

const loud = (samples: number[]) => samples.filter((each) => each > 0.49).length;

describe("playout", () => {
  it("waits for the jitter buffer, then plays without a gap", () => {
    const playout = new Playout(RATE);
    playout.push(sound(0));
    expect(loud(played(playout, 1).samples)).toBe(0);
    playout.push(sound(1));
    playout.push(sound(2));
    playout.push(sound(3, { last: true }));
    playout.end(1);
    const { samples, reports } = played(playout, 12);
    expect(samples.slice(0, 1280).every((each) => each === 0.5)).toBe(true);
    expect(samples.slice(1280).every((each) => each === 0)).toBe(true);
    expect(reports.map((each) => each.kind)).toEqual(["begun", "played", "played", "played", "played", "drained"]);
  });

  it("begins at once with a reply that is shorter than the buffer", () => {
    const playout = new Playout(RATE);
    playout.push(sound(0, { last: true }));
    expect(loud(played(playout, 3).samples)).toBe(320);
  });

  it("does not wait for ever for a frame that does not come", () => {
    const playout = new Playout(RATE);
    playout.push(sound(0));
    const blocks = Math.ceil((3 * LEAST_MS * RATE) / 1000 / BLOCK);
    expect(loud(played(playout, blocks).samples)).toBeGreaterThan(250);
  });

  it("falls silent within a few milliseconds at a cut, without a jump, and stays so for the same generation", () => {
    const playout = new Playout(RATE);
    for (let i = 0; i < 10; i += 1) playout.push(sound(i));
    played(playout, 3);
    playout.cut();
    playout.push(sound(10));
    const { samples } = played(playout, 20);
    const fade = (RATE * 5) / 1000;
    expect(samples.slice(fade).every((each) => each === 0)).toBe(true);
    expect(Math.max(...samples.slice(1).map((each, i) => Math.abs(each - samples[i]!)))).toBeLessThan(0.02);
    playout.push(sound(11, { generation: 2, last: true }));
    expect(loud(played(playout, 4).samples)).toBe(320);
  });

  it("plays another session's low generations", () => {
    const playout = new Playout(RATE);
    playout.push(sound(0, { generation: 7, last: true }));
    playout.cut();
    playout.reset();
    playout.push(sound(0, { generation: 1, last: true }));
    expect(loud(played(playout, 4).samples)).toBe(320);
  });

  it("stands still at the sample in a pause, and loses nothing", () => {
    const playout = new Playout(RATE);
    const pcm = (seq: number) => Int16Array.from({ length: 320 }, (_, i) => (seq * 320 + i) * 8 + 100);
    for (let i = 0; i < 8; i += 1) playout.push(sound(i, { pcm: pcm(i) }));
    played(playout, 4);
    playout.pause();
    expect(played(playout, 10).samples.slice(80).every((each) => each === 0)).toBe(true);
    expect(playout.aheadMs).toBeCloseTo(((8 * 320 - 4 * BLOCK) / RATE) * 1000, 5);
    playout.resume();
    const { samples } = played(playout, 2);
    // After the fade the samples stand where they would have stood.
    expect(samples[200]).toBeCloseTo(((4 * BLOCK + 200) * 8 + 100) / 32768, 6);
  });

  it("drops what stood still when something newer speaks", () => {
    const playout = new Playout(RATE);
    for (let i = 0; i < 8; i += 1) playout.push(sound(i));
    played(playout, 2);
    playout.pause();
    played(playout, 2);
    playout.push(sound(20, { generation: 2, last: true }, 8_192));
    const { samples } = played(playout, 6);
    expect(loud(samples)).toBe(0);
    expect(samples.filter((each) => each === 0.25).length).toBe(320);
  });

  it("lets a complete reply end before the next one sounds", () => {
    const playout = new Playout(RATE);
    for (let i = 0; i < 4; i += 1) playout.push(sound(i, { last: i === 3 }));
    playout.end(1);
    played(playout, 1);
    playout.push(sound(9, { generation: 2, last: true }, 8_192));
    const { samples } = played(playout, 14);
    expect(loud(samples)).toBe(4 * 320 - BLOCK);
    expect(samples.filter((each) => each === 0.25).length).toBe(320);
  });

  it("says when it ran dry within a sentence, waits longer next time, and forgets it over quiet replies", () => {
    const playout = new Playout(RATE);
    playout.push(sound(0));
    playout.push(sound(1));
    const { reports } = played(playout, 8);
    expect(reports.some((each) => each.kind === "underrun")).toBe(true);
    expect(playout.target).toBe(LEAST_MS + 40);
    for (let reply = 2; reply < 12; reply += 1) {
      playout.push(sound(reply, { generation: reply, last: true }));
      playout.end(reply);
      played(playout, 6);
    }
    expect(playout.target).toBe(LEAST_MS);
  });

  it("never waits longer than the most", () => {
    const playout = new Playout(RATE);
    for (let i = 0; i < 20; i += 1) {
      playout.push(sound(i));
      played(playout, 60);
    }
    expect(playout.target).toBe(MOST_MS);
  });

  it("is not troubled by a pause between sentences", () => {
    const playout = new Playout(RATE);
    playout.push(sound(0, { last: true }));
    expect(played(playout, 10).reports.map((each) => each.kind)).toEqual(["begun", "played"]);
    playout.push(sound(1, { sentence: 1, last: true }));
    playout.end(1);
    expect(played(playout, 10).reports.map((each) => each.kind)).toEqual(["begun", "played", "drained"]);
  });

  it("ends a sentence by a frame without sound", () => {
    const playout = new Playout(RATE);
    playout.push(sound(0));
    playout.push(sound(1, { pcm: new Int16Array(0), last: true }));
    playout.end(1);
    expect(played(playout, 10).reports.at(-2)).toMatchObject({ kind: "played", seq: 1, last: true });
  });

  it("tells where the ear is", () => {
    const playout = new Playout(RATE);
    for (let i = 0; i < 8; i += 1) playout.push(sound(i, { sentence: 2 }));
    played(playout, 5);
    expect(playout.position()).toEqual({ generation: 1, sentence: 2, atMs: 40 });
    playout.cut();
    expect(playout.position()).toBeNull();
  });

  it("brings 24 kHz to 48 kHz with every sample in its place", () => {
    const playout = new Playout(48_000);
    for (let i = 0; i < 5; i += 1) playout.push(sound(i, { rate: 24_000, pcm: new Int16Array(480).fill(16_384), last: i === 4 }));
    playout.end(1);
    const { samples } = played(playout, 60);
    const sounding = samples.filter((each) => Math.abs(each) > 0.25).length;
    expect(Math.abs(sounding - 4_800)).toBeLessThan(20);
  });
});

describe("ring", () => {
  it("goes round and grows without losing a sample", () => {
    const ring = new Ring();
    const out = new Float32Array(1000);
    let [wrote, read, wrong] = [0, 0, 0];
    for (let round = 0; round < 600; round += 1) {
      ring.write(Float32Array.from({ length: 1300 }, () => wrote++ % 9973));
      const count = ring.read(out);
      for (let i = 0; i < count; i += 1) if (out[i] !== read++ % 9973) wrong += 1;
    }
    expect(wrong).toBe(0);
    expect(ring.length).toBe(wrote - read);
  });
});
