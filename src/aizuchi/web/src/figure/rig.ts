/**
 * The parameters of a face and the springs that move them. Pure: time comes in, numbers come out.
 *
 * An expression sets targets; every parameter goes there on a critically damped spring, so that a change in the
 * middle of another change bends the movement and never breaks it. The integrator is the exact solution for a
 * target that stands still, hence stable for any step: a tab that slept for a second does not explode.
 */

/** Every parameter with its value at rest. Lids and brows are of the figure's own left (L) and right (R). */
export const REST = {
  /** 0 shut, 1 open, above 1 wide. */
  openL: 1,
  openR: 1,
  /** The shut lid bends upwards, as in a smile. */
  joyL: 0,
  joyR: 0,
  /** The lower lid rises. */
  squint: 0,
  /** Size of the iris; small with fright, large with love. */
  iris: 1,
  /** -1 low, 1 high. */
  browL: 0,
  browR: 0,
  /** 1: inner ends up, as in grief; -1: inner ends down, as in anger. */
  slantL: 0,
  slantR: 0,
  /** Corners of the mouth, -1 down, 1 up. */
  smile: 0.42,
  /** One corner higher than the other. */
  smirk: 0,
  /** How far the mouth stands open of itself, and how wide it is. */
  gape: 0,
  wide: 0,
  round: 0,
  /** A wavy, uneasy line; a cat's double bow; teeth that are set. */
  wave: 0,
  cat: 0,
  grit: 0,
  /** Tongue at the corner of the lips. */
  lick: 0,
  blush: 0.3,
  pale: 0,
  tears: 0,
  sweat: 0,
  hearts: 0,
  vein: 0,
  question: 0,
  doze: 0,
  spark: 0,
  glasses: 0,
  /** Attitude of the head, radians or nearly so, and of the shoulders and the gaze. */
  tilt: 0,
  nod: 0,
  turn: 0,
  shrug: 0,
  lookX: 0,
  lookY: 0,
} as const;

export type Param = keyof typeof REST;
export type Face = Record<Param, number>;
export const PARAMS = Object.keys(REST) as Param[];

/** Radians per second of each parameter's spring where it is not the usual one: marks come slower than lids. */
const USUAL = 9;
const PACE: Partial<Record<Param, number>> = {
  openL: 14, openR: 14, joyL: 13, joyR: 13, squint: 12, browL: 12, browR: 12, slantL: 11, slantR: 11,
  blush: 4, pale: 5, tears: 4, sweat: 6, hearts: 5, vein: 8, question: 7, doze: 4, glasses: 6,
  tilt: 5, nod: 6, turn: 5, shrug: 6,
};

/** One value on a critically damped spring of `pace` radians per second. */
export class Spring {
  velocity = 0;
  constructor(
    public value = 0,
    private readonly pace = USUAL,
  ) {}

  step(target: number, dt: number): number {
    const away = this.value - target;
    const pull = (this.velocity + this.pace * away) * dt;
    const decay = Math.exp(-this.pace * dt);
    this.velocity = (this.velocity - this.pace * pull) * decay;
    this.value = target + (away + pull) * decay;
    return this.value;
  }
}

/** A spring that swings: hair, cords, whatever follows late and passes its rest. */
export class Pendulum {
  value = 0;
  private velocity = 0;
  constructor(
    private readonly stiffness = 60,
    private readonly drag = 5,
  ) {}

  /** Small fixed steps, since this one is not solved exactly. */
  step(target: number, dt: number): number {
    for (let left = Math.min(dt, 0.1); left > 0; left -= 1 / 120) {
      const h = Math.min(left, 1 / 120);
      this.velocity += ((target - this.value) * this.stiffness - this.velocity * this.drag) * h;
      this.value += this.velocity * h;
    }
    return this.value;
  }
}

/** The face's own springs. `face` is the same object always: nothing is allocated while it moves. */
export class Rig {
  readonly face: Face = { ...REST };
  private readonly springs = PARAMS.map((name) => new Spring(REST[name], PACE[name] ?? USUAL));

  step(target: Readonly<Face>, dt: number): Face {
    for (let at = 0; at < PARAMS.length; at++) {
      const name = PARAMS[at]!;
      this.face[name] = this.springs[at]!.step(target[name], dt);
    }
    return this.face;
  }
}

/** The most a parameter may move in a second when its target jumps by one: the spring's own top speed. */
export function topSpeed(name: Param): number {
  return (PACE[name] ?? USUAL) / Math.E;
}

export const clamp = (x: number, low = 0, high = 1): number => (x < low ? low : x > high ? high : x);
export const lerp = (a: number, b: number, t: number): number => a + (b - a) * t;
