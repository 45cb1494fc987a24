/** Neck, shoulders, clothes: in the head's measure, with 0,0 in the middle of the face. */
import type { Palette } from "./look";
import { alpha, fill, mirrored, shape, stroke, trace, type View } from "./paint";

const both = (points: string, depth: number) => {
  const made = shape(points, depth);
  return [made, mirrored(made)] as const;
};

const NECK = shape("-50,130! -50,200 -54,244 -74,276 -120,306 -60,360! 0,400 60,360! 120,306 74,276 54,244 50,200 50,130!", 0);
const SHOULDERS = shape("-62,270! -110,300 -190,326 -262,362 -306,430 -322,520 -332,640! 332,640! 322,520 306,430 262,362 190,326 110,300 62,270! 40,330 0,350 -40,330", 0);
const TOP = shape("-84,288! -58,344 0,366 58,344 84,288! 150,330 150,640! -150,640! -150,330", 8);
const RIM = shape("-84,288 -58,344 0,366 58,344 84,288", 9, undefined, false);
const HOOD = shape("-70,196! -128,214 -170,262 -176,312 -120,350 0,360 120,350 176,312 170,262 128,214 70,196! 40,240 -40,240", -40);
const PANELS = both("-78,246! -128,262 -172,296 -230,330 -282,376 -312,450 -326,540 -334,640! -64,640! -62,540 -74,450 -100,372 -124,318 -104,284", 14);
const COLLARS = both("-74,238! -118,254 -160,290 -168,330 -150,366 -112,404! -104,360 -92,316 -66,286", 26);
const FOLDS = ["-248,470 -250,540 -262,640", "-212,350 -186,366 -170,396", "-140,430 -150,480 -144,530"].flatMap((points) => {
  const made = shape(points, 16, undefined, false);
  return [made, mirrored(made)];
});
const SEAMS = [shape("-74,452 -60,540 -62,640", 20, undefined, false), shape("74,452 60,540 62,640", 20, undefined, false)];
const CORDS = [
  shape("-98,372 -94,420 -98,470", 34, [372, 470], false), shape("98,372 94,412 98,452", 34, [372, 452], false),
];
const SHADOW = shape("-150,640! -150,330 -84,296 -60,360 -70,450 -50,540 -54,640!", 10);

/** x, y and turn of each. */
const MALLETS = [[176, 470, -0.5], [196, 478, 0.5]] as const;

export class Body {
  private readonly cloth: CanvasGradient;
  private readonly collarbone: string;
  private readonly dark: string;

  constructor(private readonly p: Palette, c: CanvasRenderingContext2D) {
    this.collarbone = alpha(p.skinDeep, 0.6);
    this.dark = alpha(p.innerShade, 0.55);
    this.cloth = c.createLinearGradient(0, 260, 0, 640);
    this.cloth.addColorStop(0, p.clothes);
    this.cloth.addColorStop(0.45, p.clothes);
    this.cloth.addColorStop(1, p.clothesShade);
  }

  paintHood(view: View): void {
    fill(view, HOOD, this.p.clothesShade, 0, this.p.clothesLine, 3.5);
  }

  /** `chinX`, `chinY`: where the chin is, for its shadow. */
  paint(view: View, chinX: number, chinY: number, cord: number): void {
    const { c } = view;
    const { p } = this;
    c.lineJoin = c.lineCap = "round";
    fill(view, SHOULDERS, p.inner, 0, p.clothesLine, 3.5);
    fill(view, NECK, p.skin, 0, p.skinLine, 3);
    c.save();
    trace(view, NECK);
    c.clip();
    c.beginPath();
    c.ellipse(chinX * 1.15, chinY - 22, 116, 84, 0, 0, 7);
    c.fillStyle = p.skinShade;
    c.fill();
    c.strokeStyle = this.collarbone;
    c.lineWidth = 4;
    c.beginPath();
    c.moveTo(-70, 318);
    c.quadraticCurveTo(-36, 312, -14, 326);
    c.moveTo(70, 318);
    c.quadraticCurveTo(36, 312, 14, 326);
    c.stroke();
    c.restore();
    fill(view, TOP, p.inner);
    stroke(view, RIM, p.innerShade, 7);
    fill(view, SHADOW, this.dark);
    for (const panel of PANELS) fill(view, panel, this.cloth, 0, p.clothesLine, 3.5);
    for (const each of FOLDS) stroke(view, each, p.clothesShade, 5);
    for (const seam of SEAMS) {
      stroke(view, seam, p.accent, 7);
    }
    for (const collar of COLLARS) fill(view, collar, p.clothes, 0, p.clothesLine, 3.5);
    for (const each of CORDS) {
      stroke(view, each, p.accentDark, 8, cord);
      stroke(view, each, p.accent, 5, cord);
    }
    // The two mallets that strike in turn, from which the name comes.
    c.fillStyle = p.accent;
    for (const [x, y, turn] of MALLETS) {
      c.save();
      c.translate(x * view.cosTurn + 20 * view.sinTurn, y);
      c.rotate(turn);
      c.beginPath();
      c.roundRect(-9, -15, 18, 12, 4);
      c.roundRect(-2.5, -4, 5, 24, 2.5);
      c.fill();
      c.restore();
    }
  }
}
