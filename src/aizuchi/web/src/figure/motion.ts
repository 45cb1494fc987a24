/**
 * What a body does by itself: it breathes, blinks, looks about, nods while it listens, moves while it speaks.
 * Pure: time and chance come in. All of it goes through springs before it is drawn.
 */
import type { State } from "../talk/model";
import { clamp, Spring } from "./rig";

export interface Inputs {
  state: State;
  held: boolean;
  /** Loudness of the reply and of the user, 0..1. */
  level: number;
  userLevel: number;
  gaze: { readonly x: number; readonly y: number } | null;
  /** Less motion was asked for: only lids, mouth and expressions move. */
  still: boolean;
}

export interface Pose {
  turn: number;
  nod: number;
  tilt: number;
  lean: number;
  sway: number;
  /** 0 out, 1 in. */
  breath: number;
  /** How far the lids are shut by a blink. */
  blink: number;
  lookX: number;
  lookY: number;
  brow: number;
  /** Attention to the user, 0..1: what glows while it listens. */
  attention: number;
  effort: number;
}

const AHEAD = { x: 0, y: 0 } as const;
const between = (random: () => number, low: number, high: number): number => low + (high - low) * random();

/** A blink takes 75 ms to shut and 150 ms to open; every eighth or so comes double. */
export class Blinker {
  private wait: number;
  private at = -1;
  private again = false;

  constructor(private readonly random: () => number) {
    this.wait = between(random, 0.8, 3);
  }

  /** `pace` above 1 blinks more often. */
  step(dt: number, pace = 1): number {
    if (this.at < 0) {
      this.wait -= dt * pace;
      if (this.wait > 0) return 0;
      this.at = 0;
    }
    this.at += dt;
    const shut = this.at < 0.075 ? this.at / 0.075 : this.at < 0.105 ? 1 : 1 - (this.at - 0.105) / 0.15;
    if (shut > 0) return shut * shut * (3 - 2 * shut);
    this.at = -1;
    this.again = !this.again && this.random() < 0.13;
    // Times between blinks lean to the short side, as people's do.
    this.wait = this.again ? 0.09 : 1.4 + -Math.log(1 - 0.95 * this.random()) * 2.2;
    return 0;
  }
}

/** Nods of a listener: after some of the user's voice, in a dip of it. */
export class Nods {
  private voiced = 0;
  private due = 1.2;
  private smooth = 0;
  private at = -1;
  private count = 1;
  private depth = 0;

  constructor(private readonly random: () => number) {}

  step(userLevel: number, listening: boolean, dt: number): number {
    this.smooth += (userLevel - this.smooth) * (1 - Math.exp(-9 * dt));
    if (listening && userLevel > 0.06) this.voiced += dt;
    if (listening && this.at < 0 && this.voiced > this.due && userLevel < this.smooth * 0.6) {
      this.at = 0;
      this.voiced = 0;
      this.due = between(this.random, 1.3, 3.6);
      this.count = this.random() < 0.35 ? 2 : 1;
      this.depth = between(this.random, 0.07, 0.13);
    }
    if (this.at < 0) return 0;
    this.at += dt;
    const part = this.at / 0.42;
    if (part >= this.count) {
      this.at = -1;
      return 0;
    }
    const each = part % 1;
    return Math.sin(each * Math.PI) ** 2 * this.depth * (part < 1 ? 1 : 0.6);
  }
}

/** Where the eyes rest: a little beside the person, now and then elsewhere, with tiny jumps in between. */
class Wander {
  x = 0;
  y = 0;
  private wait = 1;
  private tiny = 0.3;
  private jitterX = 0;
  private jitterY = 0;
  private before: State = "idle";

  constructor(private readonly random: () => number) {}

  step(dt: number, state: State): void {
    this.wait -= dt;
    // What they do next begins with a look: up to think, at the person to listen or to speak.
    if (state !== this.before) this.wait = state === "idle" ? this.wait : -1;
    this.before = state;
    if (this.wait < 0) {
      const r = this.random;
      if (state === "thinking") {
        [this.x, this.y] = [between(r, 0.25, 0.7) * (r() < 0.75 ? -1 : 1), between(r, -0.75, -0.35)];
        this.wait = between(r, 0.7, 1.8);
      } else if (r() < (state === "idle" ? 0.45 : state === "speaking" ? 0.25 : 0.08)) {
        [this.x, this.y] = [between(r, -0.55, 0.55), between(r, -0.25, 0.3)];
        this.wait = between(r, 0.6, 1.6);
      } else {
        [this.x, this.y] = [between(r, -0.06, 0.06), between(r, -0.04, 0.04)];
        this.wait = between(r, 1.2, 4);
      }
    }
    this.tiny -= dt;
    if (this.tiny < 0) {
      this.tiny = between(this.random, 0.25, 0.9);
      this.jitterX = between(this.random, -0.05, 0.05);
      this.jitterY = between(this.random, -0.035, 0.035);
    }
  }

  get lookX(): number {
    return this.x + this.jitterX;
  }

  get lookY(): number {
    return this.y + this.jitterY;
  }
}

/** Slow, never the same: three waves whose periods have no common measure. */
const drift = (t: number, seed: number): number =>
  Math.sin(t * 0.41 + seed) * 0.5 + Math.sin(t * 0.67 + seed * 2.3) * 0.3 + Math.sin(t * 1.13 + seed * 3.1) * 0.2;

export class Motion {
  readonly pose: Pose = {
    turn: 0, nod: 0, tilt: 0, lean: 0, sway: 0, breath: 0, blink: 0, lookX: 0, lookY: 0, brow: 0, attention: 0, effort: 0,
  };
  private readonly blinker: Blinker;
  private readonly nods: Nods;
  private readonly wander: Wander;
  private readonly springs = {
    turn: new Spring(0, 5), nod: new Spring(0, 6), tilt: new Spring(0, 4.5), lean: new Spring(0, 3.5), sway: new Spring(0, 4),
    lookX: new Spring(0, 38), lookY: new Spring(0, 38), brow: new Spring(0, 8), attention: new Spring(0, 6), effort: new Spring(0, 8),
  };
  private readonly bob = new Spring(0, 16);
  private t = 0;
  private breathing = 0;
  private beat = 0;
  private beatTurn = 0;
  private beatTilt = 0;

  constructor(private readonly random: () => number = Math.random) {
    this.blinker = new Blinker(random);
    this.nods = new Nods(random);
    this.wander = new Wander(random);
    this.t = random() * 100;
  }

  step(dt: number, now: Inputs): Pose {
    const { pose, springs } = this;
    const { state, still } = now;
    const speaking = state === "speaking" && !now.held;
    const listening = state === "listening" || now.held;
    const alive = still ? 0 : 1;
    this.t += dt;
    this.breathing += dt * (speaking ? 0.3 : listening ? 0.23 : 0.21);
    pose.breath = alive * (0.5 - 0.5 * Math.cos(this.breathing * Math.PI * 2));
    pose.blink = this.blinker.step(dt, state === "thinking" ? 1.3 : listening ? 0.85 : 1);
    this.wander.step(dt, now.held ? "listening" : state);

    // A new attitude of the head for each stretch of speech.
    if (speaking) {
      this.beat -= dt * (0.5 + now.level * 2);
      if (this.beat < 0) {
        this.beat = between(this.random, 0.7, 1.7);
        this.beatTurn = between(this.random, -0.13, 0.13);
        this.beatTilt = between(this.random, -0.055, 0.055);
      }
    } else this.beatTurn = this.beatTilt = 0;

    const near = now.gaze ?? AHEAD;
    const thinking = state === "thinking" && !now.held;
    const gazeX = thinking ? this.wander.lookX : clamp(near.x * 0.8 + this.wander.lookX, -1, 1);
    const gazeY = thinking ? this.wander.lookY : clamp(near.y * 0.8 + this.wander.lookY, -1, 1);
    const nodding = this.nods.step(now.userLevel, listening && !still, dt);
    const slow = still || now.held ? 0.25 : 1;
    const bob = this.bob.step(speaking ? clamp(now.level * 1.6) : 0, dt);

    const turn = near.x * 0.15 + gazeX * 0.07 + drift(this.t, 1) * 0.045 * slow + this.beatTurn + (thinking ? -0.1 : 0);
    const nod = near.y * 0.12 + gazeY * 0.06 + drift(this.t, 2) * 0.022 * slow + (listening ? 0.015 : 0) + (thinking ? -0.07 : 0);
    const tilt = drift(this.t, 3) * 0.024 * slow + this.beatTilt + (thinking ? 0.06 : 0) + (listening ? 0.03 : 0);
    pose.turn = springs.turn.step(alive * turn, dt);
    pose.nod = springs.nod.step(alive * nod, dt) + alive * (nodding + bob * 0.05 - bob * this.beatTilt * 0.3);
    pose.tilt = springs.tilt.step(alive * tilt, dt);
    pose.lean = springs.lean.step(alive * (listening ? 0.75 + now.userLevel * 0.25 : speaking ? 0.25 : thinking ? -0.3 : 0), dt);
    pose.sway = springs.sway.step(alive * (drift(this.t * 0.8, 4) * slow + this.beatTurn * 3), dt);
    pose.lookX = springs.lookX.step(gazeX, dt);
    pose.lookY = springs.lookY.step(gazeY, dt);
    pose.brow = springs.brow.step((speaking ? clamp(now.level * 1.4 - 0.25) * 0.5 : 0) + (listening ? 0.18 : 0) + nodding * 1.5, dt);
    pose.attention = springs.attention.step(listening ? 0.45 + clamp(now.userLevel * 1.5) * 0.55 : 0, dt);
    pose.effort = springs.effort.step(speaking ? clamp(now.level * 1.5) : 0, dt);
    return pose;
  }
}
