/** The face: skin, ears, nose, blush, brows, eyes, mouth. Everything in the head's own space, middle of the face at 0,0. */
import type { Palette } from "./look";
import type { Shape as Lips } from "./mouth";
import { alpha, dome, fill, place, shape, SIDES, stroke, trace, type View } from "./paint";
import { clamp, type Face, lerp } from "./rig";

const JAW = (_x: number, y: number): number => 34 + Math.max(0, y) * 0.22;
const CHEEK = dome(118, 195, 8);

export const HEAD = shape(
  "0,-196 -96,-176 -146,-96 -153,-10 -149,52 -135,102 -102,148 -54,186 -19,204 0,207 19,204 54,186 102,148 135,102 149,52 153,-10 146,-96 96,-176", JAW,
);
const EAR = shape("-146,28 -168,16 -178,40 -172,76 -154,98 -142,86", 0);
const EAR_R = shape("146,28 168,16 178,40 172,76 154,98 142,86", 0);
const BETWEEN_TEETH = alpha("#7c2436", 0.35);
const EARS = [EAR, EAR_R];
const NOSE = shape("2,92 8,104 -2,108", 142, undefined, false);

/** The lids as cubic curves from the inner to the outer corner (outer is +x), y only; x is common to all. */
const XS = [-40, -36, -20, 2, 26, 44, 47] as const;
const OPEN = [10, -25, -41, -42, -41, -25, -3] as const;
const LOW = [10, 28, 43, 44, 43, 24, -4] as const;
const SHUT = [12, 26, 33, 34, 33, 22, 4] as const;
const JOY = [22, -4, -21, -22, -21, -4, 18] as const;

export class FaceArt {
  private readonly up = new Float32Array(7);
  private readonly low = new Float32Array(7);
  private readonly iris: CanvasGradient;
  private readonly cheek: CanvasGradient;
  private readonly skin: CanvasGradient;
  private readonly fear: CanvasGradient;
  private readonly lidShade: string;

  constructor(private readonly p: Palette, c: CanvasRenderingContext2D) {
    this.iris = c.createLinearGradient(0, -36, 0, 36);
    this.iris.addColorStop(0, p.eyesDark);
    this.iris.addColorStop(0.42, p.eyes);
    this.iris.addColorStop(0.75, p.eyes);
    this.iris.addColorStop(1, p.eyesLight);
    this.lidShade = alpha(p.eyesDark, 0.26);
    this.fear = c.createLinearGradient(0, -150, 0, 110);
    this.fear.addColorStop(0, alpha("#6d7bc4", 0.75));
    this.fear.addColorStop(1, alpha("#6d7bc4", 0));
    this.cheek = c.createRadialGradient(0, 0, 2, 0, 0, 46);
    this.cheek.addColorStop(0, alpha(p.blush, 0.85));
    this.cheek.addColorStop(0.5, alpha(p.blush, 0.4));
    this.cheek.addColorStop(1, alpha(p.blush, 0));
    this.skin = c.createLinearGradient(-150, 0, 150, 60);
    this.skin.addColorStop(0, p.skin);
    this.skin.addColorStop(0.72, p.skin);
    this.skin.addColorStop(1, p.skinShade);
  }

  paintSkin(view: View): void {
    for (const ear of EARS) fill(view, ear, this.p.skinShade, 0, this.p.skinLine, 2.5);
    fill(view, HEAD, this.skin, 0, this.p.skinLine, 3);
  }

  /** What lies on the skin below the hair's shadow: blush and pallor. Clipped to the face by the caller. */
  paintTint(view: View, face: Face): void {
    const { c } = view;
    if (face.pale > 0.02) {
      c.globalAlpha = clamp(face.pale);
      c.fillStyle = this.fear;
      c.fillRect(-220, -220, 440, 340);
      c.globalAlpha = 1;
    }
    const deep = clamp(face.blush);
    if (deep < 0.02) return;
    for (const side of SIDES) {
      place(view, side * 98, 98, CHEEK(98));
      const { x, y } = view;
      c.save();
      c.translate(x, y);
      c.scale(1 - side * view.sinTurn * 0.5, 0.62);
      c.globalAlpha = deep;
      c.fillStyle = this.cheek;
      c.fillRect(-48, -48, 96, 96);
      if (deep > 0.5) {
        c.globalAlpha = (deep - 0.5) * 1.5;
        c.strokeStyle = this.p.lips;
        c.lineWidth = 3;
        c.beginPath();
        for (let at = -16; at <= 16; at += 16) {
          c.moveTo(at + 5, -10);
          c.lineTo(at - 5, 12);
        }
        c.stroke();
      }
      c.restore();
    }
  }

  paintNose(view: View): void {
    view.c.lineCap = view.c.lineJoin = "round";
    stroke(view, NOSE, this.p.skinDeep, 4);
  }

  paintBrow(view: View, side: 1 | -1, height: number, slant: number): void {
    const { c } = view;
    place(view, side * 74, -60 - height * 17, CHEEK(74));
    const { x, y } = view;
    c.save();
    c.translate(x, y);
    c.scale(side * (1 - side * view.sinTurn * 0.35), 1);
    c.rotate(slant * 0.36);
    const arch = 12 + height * 5 - Math.abs(slant) * 7;
    c.beginPath();
    c.moveTo(-40, 9);
    c.bezierCurveTo(-22, -arch + 2, 14, -arch - 2, 46, 8);
    c.bezierCurveTo(16, -arch + 8, -18, -arch + 13, -39, 16);
    c.closePath();
    c.fillStyle = this.p.brow;
    c.fill();
    c.restore();
  }

  paintEye(view: View, side: 1 | -1, open: number, joy: number, squint: number, iris: number, gazeX: number, gazeY: number, hearts: number): void {
    const { c } = view;
    const { p, up, low } = this;
    const shut = clamp(1 - open);
    for (let i = 0; i < 7; i++) {
      const closed = lerp(SHUT[i]!, JOY[i]!, joy);
      low[i] = lerp(LOW[i]!, closed, clamp(Math.max(shut * shut, squint * 0.55 * (i === 0 || i === 6 ? 0 : 1), joy * shut)));
      up[i] = lerp(closed, OPEN[i]!, open);
    }
    place(view, side * 72, 32, CHEEK(72));
    const { x, y } = view;
    c.save();
    c.translate(x, y);
    c.scale(side * 0.96 * (1 - side * view.sinTurn * 0.6), 0.98);
    if (open > 0.04) {
      c.save();
      this.aperture(c);
      c.clip();
      c.fillStyle = "#fffdfb";
      c.fillRect(-60, -80, 130, 140);
      // The iris keeps its height when lids fall: a smaller one would look frightened.
      c.save();
      c.translate(1 + side * gazeX * 14, -3 + gazeY * 13);
      c.scale(iris, iris);
      c.beginPath();
      c.ellipse(0, 0, 30, 40, 0, 0, 7);
      c.fillStyle = this.iris;
      c.fill();
      c.lineWidth = 3.5;
      c.strokeStyle = p.eyesDark;
      c.stroke();
      c.beginPath();
      c.ellipse(0, -1, 12.5, 17, 0, 0, 7);
      c.fillStyle = p.eyesDark;
      c.fill();
      c.globalAlpha = 0.75;
      c.beginPath();
      c.ellipse(0, 23, 18, 10, 0, 0, 7);
      c.fillStyle = p.eyesLight;
      c.fill();
      c.globalAlpha = 1;
      c.fillStyle = "#ffffff";
      if (hearts > 0.5) heart(c, -side * 1, 0, 15 * hearts, "#ff6f8d");
      c.beginPath();
      c.ellipse(-side * 10, -17, 9, 11, side * 0.4, 0, 7);
      c.ellipse(side * 11, 14, 4.5, 5.5, 0, 0, 7);
      c.fillStyle = "#ffffff";
      c.fill();
      c.restore();
      // The shadow of the upper lid.
      this.curve(c, up, 5);
      c.lineWidth = 15;
      c.strokeStyle = this.lidShade;
      c.stroke();
      c.restore();
    }
    this.lashes(c, clamp(open), joy);
    c.restore();
  }

  private aperture(c: CanvasRenderingContext2D): void {
    const { up, low } = this;
    c.beginPath();
    c.moveTo(XS[0], up[0]!);
    c.bezierCurveTo(XS[1], up[1]!, XS[2], up[2]!, XS[3], up[3]!);
    c.bezierCurveTo(XS[4], up[4]!, XS[5], up[5]!, XS[6], up[6]!);
    c.bezierCurveTo(XS[5], low[5]!, XS[4], low[4]!, XS[3], low[3]!);
    c.bezierCurveTo(XS[2], low[2]!, XS[1], low[1]!, XS[0], up[0]!);
  }

  private curve(c: CanvasRenderingContext2D, ys: Float32Array, down = 0): void {
    c.beginPath();
    c.moveTo(XS[0], ys[0]! + down);
    c.bezierCurveTo(XS[1], ys[1]! + down, XS[2], ys[2]! + down, XS[3], ys[3]! + down);
    c.bezierCurveTo(XS[4], ys[4]! + down, XS[5], ys[5]! + down, XS[6], ys[6]! + down);
  }

  /** The upper lashes as one tapering stroke with a wing; a fold above, a short line below. */
  private lashes(c: CanvasRenderingContext2D, open: number, joy: number): void {
    const { up, low, p } = this;
    const thick = lerp(7.5, 11, open);
    c.beginPath();
    c.moveTo(XS[0] - 3, up[0]! + 2);
    c.bezierCurveTo(XS[1], up[1]!, XS[2], up[2]!, XS[3], up[3]!);
    c.bezierCurveTo(XS[4], up[4]!, XS[5], up[5]!, XS[6], up[6]!);
    c.lineTo(XS[6] + 13, up[6]! - lerp(2, 14, open) * (1 - joy * 0.6));
    c.bezierCurveTo(XS[5] + 8, up[5]! - thick - 1, XS[4] + 2, up[4]! - thick, XS[3], up[3]! - thick + 1);
    c.bezierCurveTo(XS[2] - 2, up[2]! - thick + 2, XS[1] - 5, up[1]! - thick * 0.5, XS[0] - 3, up[0]! + 2);
    c.fillStyle = p.lash;
    c.fill();
    c.lineCap = "round";
    if (open > 0.25) {
      c.globalAlpha = clamp((open - 0.25) * 2) * 0.8;
      c.strokeStyle = p.skinLine;
      c.lineWidth = 2.5;
      c.beginPath();
      c.moveTo(-24, up[2]! - thick - 6);
      c.quadraticCurveTo(8, up[3]! - thick - 13, 40, up[5]! - thick - 4);
      c.stroke();
      c.strokeStyle = p.lash;
      c.lineWidth = 3;
      c.beginPath();
      c.moveTo(XS[5], low[5]! + 2);
      c.quadraticCurveTo(XS[4] + 4, low[4]! - 4, 12, low[3]! + 1);
      c.stroke();
      c.globalAlpha = 1;
    }
  }

  paintMouth(view: View, face: Face, lips: Lips): void {
    const { c } = view;
    const { p } = this;
    const speaking = clamp(lips.open * 3);
    const round = clamp(lips.round + face.round * (1 - speaking * 0.7));
    const open = clamp(lips.open * (1 + face.gape * 0.15) + face.gape * (1 - speaking * 0.75)) * (1 - lips.press);
    const smile = face.smile * (1 - round * 0.6) * (1 - lips.press * 0.3);
    const half = (30 + 13 * (lips.wide + face.wide * (1 - speaking * 0.5)) + smile * 7 + face.grit * 8) * (1 - round * 0.36);
    place(view, 0, 140, 132);
    const { x, y } = view;
    c.save();
    c.translate(x, y + open * 4);
    c.scale(1.1 * (1 - Math.abs(view.sinTurn) * 0.2), 1.08);
    c.rotate(face.smirk * -0.13);
    const cornerY = -smile * 10 + face.smirk * 0;
    const left = cornerY + face.smirk * 4;
    const right = cornerY - face.smirk * 5;
    const top = smile * 5 - open * 10 * (1 - smile * 0.6) - face.cat * 2;
    const bottom = top + open * lerp(52, 44, round) + 0.5;
    const pull = (mid: number, ends: number): number => (mid - ends * 0.25) / 0.75;
    const upY = pull(top, (left + right) / 2);
    const downY = pull(bottom, (left + right) / 2);
    const k = half * lerp(0.62, 0.95, round);
    const wave = face.wave * 9 * (1 - open);
    c.lineCap = c.lineJoin = "round";
    const upper = (): void => {
      if (face.cat > 0.15 && open < 0.7) {
        const dip = face.cat * 10;
        c.bezierCurveTo(-half * 0.8, upY + dip, -half * 0.2, upY + dip, 0, upY - dip * 0.4);
        c.bezierCurveTo(half * 0.2, upY + dip, half * 0.8, upY + dip, half, right);
      } else c.bezierCurveTo(-k, upY - wave, k * 0.4, upY + wave, half, right);
    };
    if (open > 0.035 || lips.bite > 0.3 || face.grit > 0.15) {
      const gritted = face.grit * (1 - clamp(lips.open * 2));
      const floor = Math.max(downY, upY + gritted * 26 + lips.bite * 8);
      c.beginPath();
      c.moveTo(-half, left);
      upper();
      c.bezierCurveTo(k * 1.02, floor, -k * 1.02, floor, -half, left);
      c.fillStyle = "#7c2436";
      c.fill();
      c.save();
      c.clip();
      const rise = lips.tongue * 0.55 + 0.15;
      c.beginPath();
      c.ellipse(0, bottom + 13 - rise * 20 * clamp(open * 3), half * 0.62, 19, 0, 0, 7);
      c.fillStyle = "#ee7f88";
      c.globalAlpha = 1 - round;
      c.fill();
      c.globalAlpha = 1;
      const teeth = clamp(Math.max(lips.teeth * clamp(lips.open * 6 + lips.bite), face.gape * 1.2 * (1 - round), gritted * 2));
      if (teeth > 0.05) {
        c.beginPath();
        c.moveTo(-half, left - 8);
        upper();
        c.lineTo(half * 0.8, top + 4 + 9 * teeth + gritted * 14);
        c.quadraticCurveTo(0, top + 4 + 12 * teeth + gritted * 18, -half * 0.8, top + 4 + 9 * teeth + gritted * 14);
        c.closePath();
        c.fillStyle = "#fffaf6";
        c.fill();
        if (gritted > 0.1) {
          c.beginPath();
          c.moveTo(-half, (top + bottom) / 2 + 4);
          c.lineTo(half, (top + bottom) / 2 + 4);
          c.strokeStyle = BETWEEN_TEETH;
          c.lineWidth = 2.5;
          c.stroke();
        }
      }
      c.restore();
      c.strokeStyle = p.skinLine;
      c.lineWidth = 3.6;
      c.beginPath();
      c.moveTo(-half, left);
      upper();
      c.bezierCurveTo(k * 1.02, floor, -k * 1.02, floor, -half, left);
      c.stroke();
    } else {
      c.strokeStyle = p.skinLine;
      c.lineWidth = 4.2;
      c.beginPath();
      c.moveTo(-half, left);
      upper();
      c.stroke();
    }
    if (face.lick > 0.1) {
      const at = half * 0.42;
      const out = clamp(face.lick) * (1 - speaking);
      c.beginPath();
      c.moveTo(at - 13, top + 3);
      c.bezierCurveTo(at - 14, top + 27 * out, at + 15, top + 26 * out, at + 14, top - smile * 3);
      c.closePath();
      c.fillStyle = "#f0808a";
      c.fill();
      c.strokeStyle = p.skinLine;
      c.lineWidth = 3;
      c.stroke();
    }
    // The shadow below the lower lip gives the mouth its body.
    c.globalAlpha = 0.5;
    c.strokeStyle = p.skinDeep;
    c.lineWidth = 4;
    c.beginPath();
    c.moveTo(-half * 0.28, Math.max(bottom, 4) + 13);
    c.quadraticCurveTo(0, Math.max(bottom, 4) + 17, half * 0.28, Math.max(bottom, 4) + 13);
    c.stroke();
    c.globalAlpha = 1;
    c.restore();
  }
}

export function heart(c: CanvasRenderingContext2D, x: number, y: number, size: number, paint: string): void {
  c.beginPath();
  c.moveTo(x, y + size);
  c.bezierCurveTo(x - size * 1.7, y - size * 0.1, x - size * 0.9, y - size * 1.25, x, y - size * 0.4);
  c.bezierCurveTo(x + size * 0.9, y - size * 1.25, x + size * 1.7, y - size * 0.1, x, y + size);
  c.fillStyle = paint;
  c.fill();
}

export function clipToHead(view: View): void {
  trace(view, HEAD);
  view.c.clip();
}
