/**
 * Shapes that can turn. A shape is a list of control points, each with a depth; a view turns them as points of a
 * head are turned, so that a flat drawing looks round when it looks aside. Points may also bend: the tip of a
 * lock swings while its root stays.
 */

export interface View {
  readonly c: CanvasRenderingContext2D;
  sinTurn: number;
  cosTurn: number;
  sinNod: number;
  cosNod: number;
  /** Where `place` put its point. */
  x: number;
  y: number;
}

export const view = (c: CanvasRenderingContext2D): View => ({ c, sinTurn: 0, cosTurn: 1, sinNod: 0, cosNod: 1, x: 0, y: 0 });

export function look(view: View, turn: number, nod: number): void {
  view.sinTurn = Math.sin(turn);
  view.cosTurn = Math.cos(turn);
  view.sinNod = Math.sin(nod);
  view.cosNod = Math.cos(nod);
}

/** Control points of cubic curves, four numbers each: x, y, depth, bend. */
export type Shape = Float32Array;
type Depth = number | ((x: number, y: number) => number);

/** A round surface before the face: deepest in the middle. */
export const dome = (height: number, width: number, lift = 0) => (x: number): number =>
  lift + height * Math.sqrt(Math.max(0, 1 - (x / width) ** 2));

/**
 * Points "x,y" through which a smooth line goes; "x,y!" is a corner. `close` is the usual.
 * `bend`: from which y on the points swing, and where they swing fully.
 */
export function shape(points: string, depth: Depth, bend?: readonly [number, number], close = true): Shape {
  const parsed = points.trim().split(/\s+/).map((each) => {
    const [x, y] = each.replace("!", "").split(",").map(Number);
    return { x: x!, y: y!, corner: each.endsWith("!") };
  });
  const n = parsed.length;
  const at = (i: number) => parsed[close ? (i + n) % n : Math.max(0, Math.min(n - 1, i))]!;
  const flat: [number, number][] = [[at(0).x, at(0).y]];
  for (let i = 0; i < (close ? n : n - 1); i++) {
    const [p0, p1, p2, p3] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    const a = p1.corner ? { x: (p2.x - p1.x) / 3, y: (p2.y - p1.y) / 3 } : { x: (p2.x - p0.x) / 6, y: (p2.y - p0.y) / 6 };
    const b = p2.corner ? { x: (p2.x - p1.x) / 3, y: (p2.y - p1.y) / 3 } : { x: (p3.x - p1.x) / 6, y: (p3.y - p1.y) / 6 };
    flat.push([p1.x + a.x, p1.y + a.y], [p2.x - b.x, p2.y - b.y], [p2.x, p2.y]);
  }
  const made = new Float32Array(flat.length * 4);
  flat.forEach(([x, y], i) => {
    const far = bend ? Math.max(0, Math.min(1.2, (y - bend[0]) / (bend[1] - bend[0]))) : 0;
    made.set([x, y, typeof depth === "number" ? depth : depth(x, y), far ** 1.6], i * 4);
  });
  return made;
}

/** The same on the other side. */
export function mirrored(of: Shape): Shape {
  const made = new Float32Array(of);
  for (let i = 0; i < made.length; i += 4) made[i] = -made[i]!;
  return made;
}

/** Puts a shape into the current path, turned and swung. */
export function trace(view: View, of: Shape, swing = 0, fresh = true): void {
  const { c, sinTurn, cosTurn, sinNod, cosNod } = view;
  if (fresh) c.beginPath();
  let x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  for (let i = 0, k = 0; i < of.length; i += 4, k++) {
    const x0 = of[i]! + of[i + 3]! * swing;
    const z0 = of[i + 2]!;
    const x = x0 * cosTurn + z0 * sinTurn;
    const y = of[i + 1]! * cosNod + (z0 * cosTurn - x0 * sinTurn) * sinNod - Math.abs(of[i + 3]! * swing) * 0.12;
    if (k === 0) c.moveTo(x, y);
    else if (k % 3 === 1) {
      x1 = x;
      y1 = y;
    } else if (k % 3 === 2) {
      x2 = x;
      y2 = y;
    } else c.bezierCurveTo(x1, y1, x2, y2, x, y);
  }
}

/** Puts where a point of the head is now into `view.x` and `view.y`: a pair returned would be one more object a frame. */
export function place(view: View, x: number, y: number, z: number): void {
  view.x = x * view.cosTurn + z * view.sinTurn;
  view.y = y * view.cosNod + (z * view.cosTurn - x * view.sinTurn) * view.sinNod;
}

/** The picture's left and right, as -1 and 1. */
export const SIDES = [-1, 1] as const;

export function fill(view: View, of: Shape, paint: string | CanvasGradient, swing = 0, line?: string, width = 3): void {
  trace(view, of, swing);
  view.c.fillStyle = paint;
  view.c.fill();
  if (line) {
    view.c.strokeStyle = line;
    view.c.lineWidth = width;
    view.c.stroke();
  }
}

export function stroke(view: View, of: Shape, paint: string, width: number, swing = 0): void {
  trace(view, of, swing);
  view.c.strokeStyle = paint;
  view.c.lineWidth = width;
  view.c.stroke();
}

/* Colours */

type Rgb = readonly [number, number, number];

function parse(colour: string): Rgb {
  const hex = /^#([0-9a-f]{6})$/i.exec(colour)?.[1] ?? "888888";
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
}

export function mix(a: string, b: string, t: number): string {
  const [p, q] = [parse(a), parse(b)];
  return `#${p.map((each, at) => Math.round(each + (q[at]! - each) * t).toString(16).padStart(2, "0")).join("")}`;
}

const known = new Map<string, string>();

/** Remembered, since it is asked for in every frame: give it opacities that stand still. */
export function alpha(colour: string, opacity: number): string {
  const key = `${colour}${opacity}`;
  let made = known.get(key);
  if (made === undefined) known.set(key, (made = `rgba(${parse(colour).join(",")},${opacity.toFixed(3)})`));
  return made;
}

/** Shadows go to violet and lights to cream, as under a warm lamp. */
export const shade = (colour: string, t: number): string => mix(colour, "#2b1640", t);
export const light = (colour: string, t: number): string => mix(colour, "#fff6e6", t);
