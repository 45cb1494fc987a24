/**
 * The drawn figure: rig, mouth and motion on a canvas, once a frame. A canvas and not SVG, since some sixty
 * shapes change in every frame: their nodes would each be laid out and painted by the browser, while a canvas
 * takes the same curves as a list of commands. Nothing is kept as a bitmap: clothes and hair turn in every frame, too,
 * and pictures of them would lie flat.
 */
import { Body } from "./body";
import { faceOf } from "./expressions";
import { clipToHead, FaceArt } from "./face";
import { Hair, type Swings } from "./hair";
import { Heard } from "./heard";
import { type Palette, palette } from "./look";
import { paintGlasses, paintHeadset, paintMarks, paintPin } from "./marks";
import { Motion, type Pose } from "./motion";
import { Mouth } from "./mouth";
import { alpha, look, place, type View, view } from "./paint";
import { clamp, type Face, Pendulum, Rig } from "./rig";

/** The picture's measure: what must be seen, with 0,0 in the middle of the face. */
const WIDE = 720;
const TOP = -300;
const FOOT = 610;
const SILENT: readonly never[] = [];
/** The head turns about a point in the neck. */
const PIVOT = 225;

export type Look = Readonly<Record<string, string>>;

/** Draws onto whatever canvas it is given: on the page's thread, or on one of its own. */
export class Scene {
  /** What happens, for the next frame. */
  readonly heard = new Heard();
  private readonly palette: Palette;
  private readonly hair: Hair;
  private readonly art: FaceArt;
  private readonly body: Body;
  private readonly halo: CanvasGradient;
  private readonly fade: CanvasGradient;
  private readonly rig = new Rig();
  private readonly mouth: Mouth;
  private readonly motion: Motion;
  private readonly head: View;
  private readonly chest: View;
  private readonly swings: Swings = { back: 0, left: 0, right: 0, fringe: 0 };
  private readonly pendulums = { back: new Pendulum(38, 4.5), left: new Pendulum(58, 5), right: new Pendulum(52, 4.6), fringe: new Pendulum(110, 8), cord: new Pendulum(70, 4) };
  private target: Face = faceOf("neutral", 0);
  private t = 0;
  private dt = 0;
  private width = 0;
  private height = 0;
  private ratio = 1;

  constructor(wanted: Look | undefined, private readonly c: CanvasRenderingContext2D, random: () => number = Math.random) {
    this.palette = palette(wanted);
    this.hair = new Hair(this.palette, c);
    this.art = new FaceArt(this.palette, c);
    this.body = new Body(this.palette, c);
    this.mouth = new Mouth(random);
    this.motion = new Motion(random);
    this.head = view(c);
    this.chest = view(c);
    this.halo = c.createRadialGradient(0, 60, 60, 0, 60, 420);
    this.halo.addColorStop(0, alpha(this.palette.accentLight, 0.55));
    this.halo.addColorStop(0.55, alpha(this.palette.accentLight, 0.24));
    this.halo.addColorStop(1, alpha(this.palette.accentLight, 0));
    this.fade = c.createLinearGradient(0, FOOT - 80, 0, FOOT);
    this.fade.addColorStop(0, "rgba(0,0,0,0)");
    this.fade.addColorStop(1, "rgba(0,0,0,1)");
  }

  emotion(name: string, intensity: number): void {
    this.target = faceOf(name, intensity);
  }

  /** The size of the picture in CSS pixels, from the next frame on: a canvas is empty once it has another size. */
  fit(width: number, height: number, ratio: number): void {
    this.width = width;
    this.height = height;
    this.ratio = ratio;
  }

  /** Moves on by `dt` seconds and draws. */
  frame(dt: number): void {
    const { canvas } = this.c;
    const wide = Math.max(1, Math.round(this.width * this.ratio));
    const high = Math.max(1, Math.round(this.height * this.ratio));
    if (canvas.width !== wide) canvas.width = wide;
    if (canvas.height !== high) canvas.height = high;
    const { inputs, mouth } = this.heard;
    this.t += dt;
    this.dt = dt;
    const face = this.rig.step(this.target, dt);
    const pose = this.motion.step(dt, inputs);
    const lips = this.mouth.step(inputs.held ? SILENT : mouth, inputs.held ? 0 : inputs.level, dt);
    this.draw(face, pose, lips);
  }

  private enterHead(x: number, y: number, tilt: number): void {
    const { c } = this;
    c.save();
    c.translate(x, y + PIVOT);
    c.rotate(tilt);
    c.translate(0, -PIVOT);
  }

  private draw(face: Face, pose: Pose, lips: Parameters<FaceArt["paintMouth"]>[2]): void {
    const { c, head, chest, palette: p, swings, pendulums, t } = this;
    const { width, height, ratio } = this;
    const still = this.heard.inputs.still;
    const s = Math.min(width / WIDE, height / (FOOT - TOP)) * ratio;
    const body = still ? 0 : 1;
    const turn = pose.turn + face.turn * body;
    const tilt = pose.tilt + face.tilt * body;
    const nod = pose.nod + face.nod * body;
    const rise = pose.breath * 5 + face.shrug * 7;
    const { dt } = this;
    const across = -turn * 90 - tilt * 120;
    swings.back = pendulums.back.step(across * 0.5 - pose.sway * 3, dt);
    swings.left = pendulums.left.step(across * 0.7, dt);
    swings.right = pendulums.right.step(across * 0.7, dt);
    swings.fringe = pendulums.fringe.step(across * 0.16, dt);
    const cord = pendulums.cord.step(pose.sway * 6 - turn * 30, dt);

    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, c.canvas.width, c.canvas.height);
    const near = 1 + pose.lean * 0.025;
    c.setTransform(s * near, 0, 0, s * near, (width / 2) * ratio, height * ratio - FOOT * s + pose.lean * 8 * s);

    c.globalAlpha = 0.55 + 0.45 * Math.max(pose.attention, pose.effort * 0.7);
    c.fillStyle = this.halo;
    c.fillRect(-420, -360, 840, 840);
    c.globalAlpha = 1;

    look(chest, turn * 0.3 + pose.sway * 0.03, 0);
    look(head, turn, nod);
    const headX = pose.sway * 5 + tilt * 8;
    const headY = -rise * 0.7 + nod * 18 - pose.lean * 2;
    this.enterHead(headX, headY, tilt);
    c.lineJoin = "round";
    this.hair.paintBack(head, swings);
    c.restore();

    c.save();
    c.translate(pose.sway * 2, -rise);
    this.body.paintHood(chest);
    place(head, 0, 206, 80);
    this.body.paint(chest, head.x + headX - pose.sway * 2, head.y + headY + rise, cord);
    c.restore();

    this.enterHead(headX, headY, tilt);
    this.art.paintSkin(head);
    c.save();
    clipToHead(head);
    this.hair.paintShadow(head, swings);
    this.art.paintTint(head, face);
    c.restore();
    this.art.paintNose(head);
    this.art.paintMouth(head, face, lips);
    const gazeX = clamp(pose.lookX + face.lookX, -1, 1);
    const gazeY = clamp(pose.lookY + face.lookY, -1, 1);
    const blink = 1 - pose.blink;
    const lidY = gazeY > 0 ? 1 - gazeY * 0.2 : 1 - gazeY * 0.05;
    // The figure's left is the picture's right.
    this.art.paintEye(head, 1, face.openL * blink * lidY, face.joyL, face.squint, face.iris, gazeX, gazeY, face.hearts);
    this.art.paintEye(head, -1, face.openR * blink * lidY, face.joyR, face.squint, face.iris, gazeX, gazeY, face.hearts);
    if (p.extra === "glasses") paintGlasses(head, 1 - face.glasses, false, p);
    paintGlasses(head, face.glasses, true, p);
    this.hair.paintFront(head, swings);
    // Brows show through the fringe, as drawn people's do: they say too much to be hidden.
    c.globalAlpha = 0.9;
    this.art.paintBrow(head, 1, face.browL + pose.brow, face.slantL);
    this.art.paintBrow(head, -1, face.browR + pose.brow, face.slantR);
    c.globalAlpha = 1;
    if (p.extra === "headset") paintHeadset(head, pose.attention, p);
    if (p.extra === "pin") paintPin(head, p);
    paintMarks(head, face, t, p);
    c.restore();

    c.globalCompositeOperation = "destination-out";
    c.fillStyle = this.fade;
    c.fillRect(-600, FOOT - 80, 1200, 200);
    c.globalCompositeOperation = "source-over";
  }
}
