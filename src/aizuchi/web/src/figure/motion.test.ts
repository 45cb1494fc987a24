import { describe, expect, it } from "vitest";
import { Blinker, type Inputs, Motion, Nods, type Pose } from "./motion";

const seeded = (seed: number) => () => (seed = (seed * 16807) % 2147483647) / 2147483647;
const still: Inputs = { state: "idle", held: false, level: 0, userLevel: 0, gaze: null, still: false };

describe("blinking", () => {
  it("comes about as often as people's, shuts the eye wholly, now and then twice", () => {
    const blinker = new Blinker(seeded(5));
    const starts: number[] = [];
    let shut = false;
    let most = 0;
    for (let t = 0; t < 600; t += 1 / 60) {
      const now = blinker.step(1 / 60);
      most = Math.max(most, now);
      if (now > 0.5 && !shut) starts.push(t);
      shut = now > 0.5;
    }
    expect(most).toBe(1);
    expect(starts.length / 10).toBeGreaterThan(10);
    expect(starts.length / 10).toBeLessThan(30);
    expect(starts.some((each, at) => at > 0 && each - starts[at - 1]! < 0.6)).toBe(true);
  });
});

describe("a listener", () => {
  const voice = (t: number) => (t % 2.4 < 1.9 ? 0.4 : 0);

  it("nods in the pauses of the user's voice", () => {
    const nods = new Nods(seeded(2));
    let count = 0;
    let before = 0;
    for (let t = 0; t < 30; t += 1 / 60) {
      const now = nods.step(voice(t), true, 1 / 60);
      if (now > 0 && before === 0) {
        count++;
        expect(t % 2.4).toBeGreaterThan(1.8);
      }
      before = now;
    }
    expect(count).toBeGreaterThanOrEqual(4);
  });

  it("does not nod at silence, nor while it does not listen", () => {
    const nods = new Nods(seeded(2));
    for (let t = 0; t < 20; t += 1 / 60) {
      expect(nods.step(t < 10 ? 0 : voice(t), t < 10, 1 / 60)).toBe(0);
    }
  });

  it("leans in", () => {
    const motion = new Motion(seeded(4));
    for (let t = 0; t < 2; t += 1 / 60) motion.step(1 / 60, { ...still, state: "listening", userLevel: 0.3 });
    expect(motion.pose.lean).toBeGreaterThan(0.6);
    expect(motion.pose.attention).toBeGreaterThan(0.4);
  });
});

describe("the body", () => {
  it("looks up and aside while it thinks", () => {
    const motion = new Motion(seeded(4));
    for (let t = 0; t < 4; t += 1 / 60) motion.step(1 / 60, { ...still, state: "thinking" });
    expect(motion.pose.lookY).toBeLessThan(-0.25);
    expect(Math.abs(motion.pose.lookX)).toBeGreaterThan(0.15);
  });

  it("never jumps, whatever the states do", () => {
    const motion = new Motion(seeded(9));
    const random = seeded(11);
    let before: Pose = { ...motion.pose };
    const states = ["idle", "listening", "thinking", "speaking"] as const;
    let state: Inputs["state"] = "idle";
    for (let frame = 0; frame < 3000; frame++) {
      if (random() < 0.03) state = states[Math.floor(random() * 4)]!;
      motion.step(1 / 60, { ...still, state, held: random() < 0.1, level: random(), userLevel: random(), gaze: random() < 0.5 ? { x: 1, y: -1 } : null });
      if (frame > 0)
        for (const name of ["turn", "nod", "tilt", "lean"] as const)
          expect(Math.abs(motion.pose[name] - before[name]), name).toBeLessThan(0.06);
      before = { ...motion.pose };
    }
  });

  it("keeps still when less motion is asked for, but blinks", () => {
    const motion = new Motion(seeded(9));
    let blinked = 0;
    for (let frame = 0; frame < 1200; frame++) {
      const pose = motion.step(1 / 60, { ...still, state: "speaking", level: 0.5, still: true, gaze: { x: 1, y: 1 } });
      for (const name of ["turn", "nod", "tilt", "lean", "sway", "breath"] as const) expect(Math.abs(pose[name])).toBeLessThan(1e-6);
      blinked = Math.max(blinked, pose.blink);
    }
    expect(blinked).toBe(1);
  });
});
