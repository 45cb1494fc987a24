/** The small signs beside a face: tears, sweat, hearts, a vein, a question mark, sleep, a spark; glasses and a headset. */
import { heart } from "./face";
import type { Palette } from "./look";
import { alpha, place, SIDES, type View } from "./paint";
import { clamp, type Face } from "./rig";

const WATER = "#8fd0f5";
const DROP = alpha(WATER, 0.95);
const STREAM = alpha(WATER, 0.85);

function drop(c: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  c.beginPath();
  c.moveTo(x, y - size * 1.5);
  c.bezierCurveTo(x + size * 0.4, y - size * 0.6, x + size, y - size * 0.2, x + size, y + size * 0.35);
  c.bezierCurveTo(x + size, y + size * 1.3, x - size, y + size * 1.3, x - size, y + size * 0.35);
  c.bezierCurveTo(x - size, y - size * 0.2, x - size * 0.4, y - size * 0.6, x, y - size * 1.5);
  c.fillStyle = DROP;
  c.fill();
  c.lineWidth = 2.5;
  c.strokeStyle = "#4a8fc4";
  c.stroke();
  c.beginPath();
  c.ellipse(x - size * 0.35, y + size * 0.3, size * 0.2, size * 0.35, 0.4, 0, 7);
  c.fillStyle = "#ffffff";
  c.fill();
}

function letter(c: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  c.beginPath();
  c.moveTo(x - size, y - size);
  c.lineTo(x + size, y - size);
  c.lineTo(x - size, y + size);
  c.lineTo(x + size, y + size);
}

/** `t` in seconds, for what floats. Each mark fades in by its parameter. */
export function paintMarks(view: View, face: Face, t: number, p: Palette): void {
  const { c } = view;
  c.lineCap = c.lineJoin = "round";
  if (face.tears > 0.03) {
    for (const side of SIDES) {
      place(view, side * 84, 72, 100);
      const { x, y } = view;
      c.globalAlpha = clamp(face.tears * 1.4);
      c.beginPath();
      c.moveTo(x - 11, y);
      c.bezierCurveTo(x - 13 + side * 3, y + 34, x - 12 + side * 5, y + 60, x - 8 + side * 4, y + 84);
      c.quadraticCurveTo(x + side * 4, y + 98, x + 8 + side * 4, y + 84);
      c.bezierCurveTo(x + 12 + side * 5, y + 60, x + 13 + side * 3, y + 34, x + 11, y);
      c.fillStyle = STREAM;
      c.fill();
      const run = (t * 0.9 + (side > 0 ? 0.5 : 0)) % 1;
      c.globalAlpha *= 1 - run;
      drop(c, x + side * 4, y + 70 + run * 50, 9);
    }
  }
  if (face.sweat > 0.03) {
    place(view, 118, -44 + 8 * Math.sin(t * 1.3), 90);
    const { x, y } = view;
    c.globalAlpha = clamp(face.sweat * 1.5);
    drop(c, x, y, 15);
  }
  if (face.vein > 0.03) {
    place(view, 104, -118, 120);
    const { x, y } = view;
    c.globalAlpha = clamp(face.vein * 1.3);
    c.strokeStyle = "#e0444f";
    c.lineWidth = 6.5;
    c.beginPath();
    for (let k = 0; k < 4; k++) {
      const turn = (k * Math.PI) / 2 + 0.2;
      const [dx, dy] = [Math.cos(turn), Math.sin(turn)];
      c.moveTo(x + dx * 24 - dy * 6, y + dy * 24 + dx * 6);
      c.quadraticCurveTo(x + dx * 5 - dy * 5, y + dy * 5 + dx * 5, x + dx * 6 - dy * 24, y + dy * 6 + dx * 24);
    }
    c.stroke();
  }
  if (face.hearts > 0.03) {
    for (let k = 0; k < 3; k++) {
      const rise = (t * 0.28 + k / 3) % 1;
      c.globalAlpha = clamp(face.hearts) * Math.sin(rise * Math.PI);
      const side = k === 1 ? -1 : 1;
      heart(c, side * (208 + k * 12) + Math.sin(t * 1.6 + k * 2) * 9, 20 - rise * 230, 14 + k * 4, "#ff6f8d");
    }
  }
  if (face.question > 0.03) {
    c.globalAlpha = clamp(face.question);
    for (const [paint, width] of [["#ffffff", 24], [p.accent, 14]] as const) {
      c.strokeStyle = paint;
      c.lineWidth = width;
      c.beginPath();
      const y = -176 + Math.sin(t * 2) * 6;
      c.moveTo(204, y - 22);
      c.bezierCurveTo(204, y - 62, 262, y - 62, 260, y - 22);
      c.bezierCurveTo(258, y + 4, 232, y + 4, 232, y + 30);
      c.moveTo(232, y + 58);
      c.lineTo(232, y + 58.5);
      c.stroke();
    }
  }
  if (face.doze > 0.03) {
    for (let k = 0; k < 3; k++) {
      const rise = (t * 0.22 + k / 3) % 1;
      const [x, y, size] = [176 + rise * 90 + Math.sin(rise * 5) * 12, -70 - rise * 170, 9 + rise * 15];
      for (const [paint, width] of [["#ffffff", 0.95], [p.inner, 0.5]] as const) {
        c.globalAlpha = clamp(face.doze) * Math.sin(rise * Math.PI);
        c.strokeStyle = paint;
        c.lineWidth = size * width;
        letter(c, x, y, size);
        c.stroke();
      }
    }
  }
  if (face.spark > 0.03) {
    place(view, -136, -24, 110);
    const { x, y } = view;
    const size = 26 * clamp(face.spark) * (0.85 + 0.15 * Math.sin(t * 5));
    c.globalAlpha = clamp(face.spark * 1.5);
    c.beginPath();
    for (let k = 0; k < 8; k++) {
      const reach = k % 2 ? size * 0.28 : size * (k % 4 ? 0.75 : 1.2);
      const turn = (k * Math.PI) / 4 + Math.PI / 2;
      c[k ? "lineTo" : "moveTo"](x + Math.cos(turn) * reach, y + Math.sin(turn) * reach);
    }
    c.closePath();
    c.lineWidth = 3;
    c.strokeStyle = "#d89a2b";
    c.stroke();
    c.fillStyle = "#ffe9a3";
    c.fill();
  }
  c.globalAlpha = 1;
}

/** Dark ones slide down for `cool`; clear ones are worn always. */
export function paintGlasses(view: View, shown: number, dark: boolean, p: Palette): void {
  if (shown < 0.02) return;
  const { c } = view;
  const lift = (1 - clamp(shown)) * -96;
  c.globalAlpha = clamp(shown * 2);
  c.lineWidth = dark ? 7 : 5;
  c.strokeStyle = dark ? "#1d1a26" : p.eyesDark;
  for (const side of SIDES) {
    place(view, side * 76, 34 + lift, 132);
    const { x, y } = view;
    c.save();
    c.translate(x, y);
    c.scale(side * (1 - side * view.sinTurn * 0.6), 1);
    c.beginPath();
    if (dark) {
      c.moveTo(-58, -36);
      c.bezierCurveTo(-20, -46, 40, -46, 68, -34);
      c.bezierCurveTo(72, 20, 50, 48, 8, 46);
      c.bezierCurveTo(-34, 44, -58, 16, -58, -36);
      c.fillStyle = "#242030";
      c.fill();
    } else c.roundRect(-58, -52, 118, 106, 46);
    c.stroke();
    if (dark) {
      c.beginPath();
      c.moveTo(-side * 8 - 20, -34);
      c.lineTo(-side * 8 + 6, -34);
      c.lineTo(-side * 8 - 14, 30);
      c.lineTo(-side * 8 - 32, 18);
      c.fillStyle = "rgba(255,255,255,.18)";
      c.fill();
    }
    c.restore();
  }
  place(view, 0, 18 + lift, 150);
  const { x, y } = view;
  c.beginPath();
  c.moveTo(x - 20, y + 4);
  c.quadraticCurveTo(x, y - 8, x + 20, y + 4);
  c.stroke();
  c.globalAlpha = 1;
}

function band(c: CanvasRenderingContext2D, turn: number, paint: string, width: number): void {
  c.beginPath();
  c.moveTo(-186 + turn * 10, 10);
  c.bezierCurveTo(-196 + turn * 20, -140, -128 + turn * 24, -236, turn * 24, -236);
  c.bezierCurveTo(128 + turn * 24, -236, 196 + turn * 20, -140, 186 + turn * 10, 10);
  c.strokeStyle = paint;
  c.lineWidth = width;
  c.stroke();
}

/** A headset whose ring glows while it listens. */
export function paintHeadset(view: View, attention: number, p: Palette): void {
  const { c } = view;
  const turn = view.sinTurn;
  c.lineCap = "round";
  band(c, turn, p.clothesLine, 19);
  band(c, turn, p.clothes, 13);
  for (const side of SIDES) {
    const wide = 1 - side * turn * 0.9;
    c.save();
    c.translate(side * 184 + turn * 12, 42);
    c.scale(side * Math.max(0.55, wide), 1);
    c.lineWidth = 3.5;
    c.strokeStyle = p.clothesLine;
    c.fillStyle = p.inner;
    c.beginPath();
    c.roundRect(-26, -46, 30, 92, 15);
    c.fill();
    c.stroke();
    c.fillStyle = p.clothes;
    c.beginPath();
    c.roundRect(-12, -54, 36, 108, 18);
    c.fill();
    c.stroke();
    c.strokeStyle = p.accent;
    c.lineWidth = 6;
    c.beginPath();
    c.roundRect(-2, -36, 16, 72, 8);
    c.stroke();
    if (attention > 0.02) {
      c.globalAlpha = clamp(attention);
      c.fillStyle = p.accentLight;
      c.fill();
      c.globalAlpha = clamp(attention) * 0.35;
      c.lineWidth = 18;
      c.stroke();
    }
    c.restore();
  }
}

/** A pin in the hair: two small bars. */
export function paintPin(view: View, p: Palette): void {
  const { c } = view;
  place(view, 128, -70, 130);
  const { x, y } = view;
  c.save();
  c.translate(x, y);
  c.rotate(0.6);
  c.lineWidth = 3;
  c.strokeStyle = p.accentDark;
  c.fillStyle = p.accent;
  for (const at of [-11, 11]) {
    c.beginPath();
    c.roundRect(at - 7, -26, 14, 52, 7);
    c.fill();
    c.stroke();
  }
  c.restore();
}
