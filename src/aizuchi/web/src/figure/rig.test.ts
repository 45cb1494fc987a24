import { describe, expect, it } from "vitest";
import { EXPRESSIONS, faceOf } from "./expressions";
import { PARAMS, Rig, Spring, topSpeed } from "./rig";

/** `aizuchi.emotions`, in its order. */
const EMOTIONS = (
  "neutral happy laughing funny sad angry crying loving embarrassed surprised shocked thinking winking cool relaxed " +
  "delicious kissy confident sleepy silly confused fearful disgusted calm"
).split(" ");

describe("springs", () => {
  it("goes to its target and not beyond", () => {
    const spring = new Spring(0, 9);
    let most = 0;
    for (let i = 0; i < 120; i++) most = Math.max(most, spring.step(1, 1 / 60));
    expect(spring.value).toBeCloseTo(1, 3);
    expect(most).toBeLessThanOrEqual(1);
  });

  it("gives the same after one long step as after many short ones", () => {
    const [one, many] = [new Spring(0, 9), new Spring(0, 9)];
    one.step(1, 0.3);
    for (let i = 0; i < 30; i++) many.step(1, 0.01);
    expect(one.value).toBeCloseTo(many.value, 6);
  });
});

describe("expressions", () => {
  it("knows every canonical emotion and no other", () => {
    expect(Object.keys(EXPRESSIONS).sort()).toEqual([...EMOTIONS].sort());
  });

  it("tells every emotion from every other", () => {
    const faces = EMOTIONS.map((name) => PARAMS.map((param) => faceOf(name, 1)[param]));
    for (const [i, a] of faces.entries())
      for (const [j, b] of faces.entries())
        if (i < j) expect(a.reduce((sum, value, k) => sum + Math.abs(value - b[k]!), 0), `${EMOTIONS[i]} ${EMOTIONS[j]}`).toBeGreaterThan(0.4);
  });

  it("is the face at rest at no intensity, or with a name that nobody knows", () => {
    expect(faceOf("angry", 0)).toEqual(faceOf("neutral", 1));
    expect(faceOf("nobody", 1)).toEqual(faceOf("neutral", 1));
  });

  it("never jumps: a frame moves a parameter by no more than its spring's top speed", () => {
    const rig = new Rig();
    const dt = 1 / 60;
    // Worst of all: another emotion every 150 ms, in the middle of the last change.
    for (let at = 0; at < EMOTIONS.length * 3; at++) {
      const target = faceOf(EMOTIONS[(at * 7) % EMOTIONS.length]!, 1);
      for (let frame = 0; frame < 9; frame++) {
        const before = { ...rig.face };
        rig.step(target, dt);
        for (const name of PARAMS) {
          const moved = Math.abs(rig.face[name] - before[name]);
          // Targets lie at most 2.2 apart (a corner of the mouth, a brow), and some speed may be left over.
          expect(moved, name).toBeLessThanOrEqual(topSpeed(name) * 2.2 * 1.3 * dt);
        }
      }
    }
  });

  it("has crossed over after half a second", () => {
    const rig = new Rig();
    const target = faceOf("surprised", 1);
    for (let frame = 0; frame < 30; frame++) rig.step(target, 1 / 60);
    for (const name of ["openL", "browL", "gape"] as const) expect(Math.abs(rig.face[name] - target[name])).toBeLessThan(0.08);
  });
});
