/**
 * Hair in layers: what hangs behind, what frames the face, the fringe, each with its own swing. A style is a set
 * of shapes; the painting is the same for all.
 */
import type { Palette, Style } from "./look";
import { fill, mirrored, type Shape, shape, stroke, trace, type View } from "./paint";

export interface Swings {
  back: number;
  left: number;
  right: number;
  fringe: number;
}

interface Set {
  readonly back: readonly Shape[];
  /** Darker, inside of the back hair. */
  readonly inside: readonly Shape[];
  readonly sides: readonly Shape[];
  readonly fringe: readonly Shape[];
  readonly strands: readonly Shape[];
  readonly shine: readonly Shape[];
  readonly loose: readonly Shape[];
}

/** The front of a ball of hair: its outline stands still when the head turns, its middle moves most. */
const FRONT = (x: number, y: number): number => 158 * Math.sqrt(Math.max(0, 1 - (x / 204) ** 2 - (Math.min(y + 20, 0) / 214) ** 2));
const SIDE = (x: number): number => 70 - Math.abs(x) * 0.18;
const line = (points: string, depth: Parameters<typeof shape>[1] = FRONT, bend?: readonly [number, number]) => shape(points, depth, bend, false);

/** The crown: the same for most heads of hair, down to the fringe's edge. */
const CROWN = "0,-226 -70,-216 -130,-178 -168,-112 -180,-40";
const CROWN_R = "180,-40 168,-112 130,-178 70,-216";

const sweep = shape(
  `${CROWN} -180,20 -172,76! -156,30 -150,-16 -141,14! -128,-30 -118,-72 -108,-30 -92,-6! -72,-46 -58,-96 -52,-58 -30,-18! -2,-62 14,-116 28,-66 60,-26! 68,-62 66,-108 92,-58 124,2! 132,-28 134,-60 150,-8 172,76! 181,20 ${CROWN_R}`,
  FRONT, [-60, 110],
);
const crop = shape(
  `-6,-234 -76,-222 -138,-186 -176,-118 -186,-40 -180,10! -168,-28 -162,-48 -156,-10 -144,20! -134,-34 -124,-70 -100,-32 -66,-12! -74,-58 -60,-100 -28,-56 26,-26! 8,-74 16,-122 54,-66 106,-16! 102,-62 108,-94 130,-40 150,14! 158,-30 164,-50 172,-20 182,8! 188,-44 176,-118 138,-188 84,-226 44,-262! 30,-240`,
  FRONT, [-80, 60],
);
const straight = shape(
  `${CROWN} -180,20 -174,66! -158,20 -150,-16 -143,8! -130,-24 -114,-42 -108,-10 -98,-2! -80,-26 -68,-50 -62,-20 -52,-6! -32,-30 -18,-52 -10,-24 2,-8! 16,-32 26,-54 36,-24 50,-6! 64,-28 70,-48 82,-20 98,-2! 108,-26 114,-42 128,-20 142,8! 150,-16 158,20 174,66! 180,20 ${CROWN_R}`,
  FRONT, [-60, 110],
);

const lock = (points: string, bend: readonly [number, number]): readonly Shape[] => {
  const made = shape(points, SIDE, bend);
  return [made, mirrored(made)];
};

/** Light on the crown: a band whose lower edge runs out along the strands. */
const ring = [
  shape("-160,-76! -146,-108 -116,-138 -86,-150 -84,-128 -92,-104! -100,-124 -112,-118 -120,-94! -124,-112 -136,-98", FRONT),
  shape("-72,-154! -44,-161 -16,-164 14,-164 12,-140 2,-116! -4,-140 -18,-142 -30,-118! -34,-142 -50,-140 -62,-120!", FRONT),
  shape("28,-164! 58,-161 84,-154 90,-130 84,-112! 74,-134 60,-138 50,-120! 44,-142", FRONT),
  shape("100,-148! 128,-132 148,-106 158,-80 146,-92! 138,-108 128,-114 122,-98! 114,-124", FRONT),
];
const strands = [
  line("-58,-96 -50,-140 -20,-190", FRONT), line("14,-116 15,-150 8,-192", FRONT), line("66,-108 58,-150 36,-190", FRONT), line("-118,-72 -104,-128 -60,-180", FRONT),
  line("134,-60 118,-128 76,-178", FRONT), line("-150,-16 -152,-70 -118,-150", FRONT), line("150,-8 152,-70 118,-150", FRONT),
];

const MAKE: Readonly<Record<Style, () => Set>> = {
  bob: () => ({
    back: [shape("0,-224 -108,-192 -172,-100 -194,20 -206,120 -214,196 -176,246 -120,232 -110,262! -60,238 0,246 60,238 110,262! 120,232 176,246 214,196 206,120 194,20 172,-100 108,-192", -70, [40, 260])],
    inside: [shape("-150,40 -160,140 -150,214 -90,222 0,226 90,222 150,214 160,140 150,40", -60, [40, 260])],
    sides: lock("-134,-120 -172,-60 -184,30 -188,120 -200,186 -180,236! -150,206 -132,160 -128,196 -122,216! -108,160 -124,90 -138,30 -140,-40", [0, 240]),
    fringe: [sweep], strands, shine: ring,
    loose: [shape("-8,-222 6,-262 52,-276 84,-252! 54,-258 24,-246 22,-218", 60, [-218, -290])],
  }),
  long: () => ({
    back: [shape("0,-224 -108,-194 -174,-100 -200,40 -220,190 -232,340 -214,470 -240,560! -180,530 -150,572! -120,520 0,500 120,520 150,572! 180,530 240,560! 214,470 232,340 220,190 200,40 174,-100 108,-194", -80, [60, 600])],
    inside: [shape("-150,40 -176,200 -170,420 -60,440 0,440 60,440 170,420 176,200 150,40", -70, [60, 600])],
    sides: lock("-134,-120 -170,-60 -182,40 -186,160 -202,290 -190,392! -160,330 -142,250 -146,310 -138,350! -116,250 -118,130 -136,40 -140,-40", [10, 380]),
    fringe: [straight], strands, shine: ring, loose: [],
  }),
  short: () => ({
    back: [shape("0,-224 -112,-196 -178,-106 -196,-10 -206,56! -180,48 -192,120! -158,104 -148,156! -110,124 0,130 110,124 148,156! 158,104 192,120! 180,48 206,56! 196,-10 178,-106 112,-196", -60, [-20, 170])],
    inside: [shape("-140,30 -150,110 -90,136 0,136 90,136 150,110 140,30", -50)],
    sides: lock("-140,-120 -172,-60 -176,10 -168,62 -160,104! -148,70 -140,40 -136,66! -130,20 -140,-40", [-20, 110]),
    fringe: [crop], strands: strands.slice(0, 5), shine: ring, loose: [],
  }),
  tails: () => {
    const tail = shape("-168,-96 -214,-128 -266,-96 -296,-10 -310,110 -300,230 -330,330! -268,300 -262,340! -226,270 -214,170 -220,60 -196,-10 -166,-50", -40, [-90, 340]);
    return {
      back: [tail, mirrored(tail), shape("0,-224 -108,-194 -170,-104 -180,0 -170,90 -120,150 0,170 120,150 170,90 180,0 170,-104 108,-194", -60)],
      inside: [shape("-140,30 -150,90 -90,140 0,146 90,140 150,90 140,30", -50)],
      sides: lock("-134,-120 -168,-60 -178,20 -176,90 -184,150 -168,204! -142,150 -136,110 -132,140! -122,80 -136,20 -140,-40", [0, 210]),
      fringe: [sweep], strands, shine: ring,
      loose: [shape("-8,-222 -26,-258 -70,-268 -96,-244! -66,-250 -40,-240 -34,-216", 60, [-218, -290])],
    };
  },
};

export class Hair {
  private readonly set: Set;
  private readonly front: CanvasGradient;
  private readonly behind: CanvasGradient;

  constructor(private readonly p: Palette, c: CanvasRenderingContext2D) {
    this.set = MAKE[p.style]();
    const long = p.style === "long" ? 520 : p.style === "short" ? 190 : 250;
    this.front = c.createLinearGradient(0, -230, 0, long);
    this.front.addColorStop(0, p.hairLight);
    this.front.addColorStop(0.32, p.hair);
    this.front.addColorStop(0.55, p.hair);
    this.front.addColorStop(1, p.tips);
    this.behind = c.createLinearGradient(0, -200, 0, long + 20);
    this.behind.addColorStop(0, p.hairDark);
    this.behind.addColorStop(0.5, p.hairDark);
    this.behind.addColorStop(1, p.tips);
  }

  paintBack(view: View, swings: Swings): void {
    const { p, set } = this;
    for (const each of set.back) fill(view, each, this.behind, swings.back, p.hairLine, 3.5);
    for (const each of set.inside) {
      view.c.globalAlpha = 0.35;
      fill(view, each, p.hairLine, swings.back);
      view.c.globalAlpha = 1;
    }
  }

  /** The shadow of the fringe upon the face; the caller has clipped to the face. */
  paintShadow(view: View, swings: Swings): void {
    view.c.save();
    view.c.translate(0, 15);
    view.c.globalAlpha = 0.62;
    for (const each of this.set.fringe) fill(view, each, this.p.skinShade, swings.fringe);
    view.c.translate(0, -6);
    for (let at = 0; at < this.set.sides.length; at++) fill(view, this.set.sides[at]!, this.p.skinShade, at ? swings.right : swings.left);
    view.c.restore();
  }

  paintFront(view: View, swings: Swings): void {
    const { p, set } = this;
    const { c } = view;
    for (let at = 0; at < set.sides.length; at++) fill(view, set.sides[at]!, this.front, at ? swings.right : swings.left, p.hairLine, 3.5);
    for (const each of set.loose) fill(view, each, p.hair, swings.fringe * 2, p.hairLine, 3);
    for (const each of set.fringe) fill(view, each, this.front, swings.fringe, p.hairLine, 3.5);
    c.save();
    for (const each of set.fringe) trace(view, each, swings.fringe);
    c.clip();
    c.lineCap = "round";
    c.globalAlpha = 0.5;
    for (const each of set.shine) fill(view, each, p.hairShine);
    for (const each of set.strands) stroke(view, each, p.hairLine, 2.6, swings.fringe);
    c.restore();
  }
}
