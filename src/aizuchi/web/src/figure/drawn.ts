/**
 * The drawn figure: rig, mouth and motion on a canvas, once a frame. A canvas and not SVG, since some sixty
 * shapes change in every frame: their nodes would each be laid out and painted by the browser, while a canvas
 * takes the same curves as a list of commands.
 */
import type { Cues, FigureSpec, State } from "../talk/model";
import { Body } from "./body";
import { faceOf } from "./expressions";
import { clipToHead, FaceArt } from "./face";
import type { Figure } from "./figure";
import { Hair, type Swings } from "./hair";
import { type Palette, palette } from "./look";
import { Loop, reduced } from "./loop";
import { paintGlasses, paintHeadset, paintMarks, paintPin } from "./marks";
import { type Inputs, Motion, type Pose } from "./motion";
import { Mouth } from "./mouth";
import { alpha, look, place, type View } from "./paint";
import { clamp, type Face, Pendulum, Rig } from "./rig";

/** The picture's measure: what must be seen, with 0,0 in the middle of the face. */
const WIDE = 720;
const TOP = -300;
const FOOT = 610;

export class Drawn implements Figure {
  readonly canvas = document.createElement("canvas");
  private readonly c = this.canvas.getContext("2d")!;
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
  private readonly inputs: Inputs = { state: "idle", held: false, level: 0, userLevel: 0, gaze: null, still: false };
  private readonly less = reduced();
  private target: Face = faceOf("neutral", 0);
  private t = 0;
  private dt = 0;
  private size = { width: 0, height: 0, ratio: 1 };
  private readonly loop: Loop;

  constructor(spec: FigureSpec, private readonly cues: Cues, random: () => number = Math.random) {
    const { c } = this;
    this.palette = palette(spec.look);
    this.hair = new Hair(this.palette, c);
    this.art = new FaceArt(this.palette, c);
    this.body = new Body(this.palette, c);
    this.mouth = new Mouth(random);
    this.motion = new Motion(random);
    this.head = { c, sinTurn: 0, cosTurn: 1, sinNod: 0, cosNod: 1 };
    this.chest = { c, sinTurn: 0, cosTurn: 1, sinNod: 0, cosNod: 1 };
    this.halo = c.createRadialGradient(0, 60, 60, 0, 60, 420);
    this.halo.addColorStop(0, alpha(this.palette.accentLight, 0.55));
    this.halo.addColorStop(0.55, alpha(this.palette.accentLight, 0.24));
    this.halo.addColorStop(1, alpha(this.palette.accentLight, 0));
    this.fade = c.createLinearGradient(0, FOOT - 80, 0, FOOT);
    this.fade.addColorStop(0, "rgba(0,0,0,0)");
    this.fade.addColorStop(1, "rgba(0,0,0,1)");
    this.loop = new Loop(this.canvas, (dt) => this.frame(dt), (width, height, ratio) => this.fit(width, height, ratio));
  }

  async mount(host: HTMLElement): Promise<void> {
    this.loop.start(host);
  }

  state(state: State, held: boolean): void {
    this.inputs.state = state;
    this.inputs.held = held;
  }

  emotion(name: string, intensity: number): void {
    this.target = faceOf(name, intensity);
  }

  gaze(at: { readonly x: number; readonly y: number } | null): void {
    this.inputs.gaze = at;
  }

  dispose(): void {
    this.loop.stop();
  }

  /** Moves on by `dt` seconds and draws. */
  frame(dt: number): void {
    const { inputs, cues } = this;
    inputs.level = clamp(cues.level());
    inputs.userLevel = clamp(cues.userLevel());
    inputs.still = this.less.matches;
    this.t += dt;
    this.dt = dt;
    const face = this.rig.step(this.target, dt);
    const pose = this.motion.step(dt, inputs);
    const lips = this.mouth.step(inputs.held ? [] : cues.mouth(), inputs.held ? 0 : inputs.level, dt);
    this.draw(face, pose, lips);
  }

  /** The size of the picture in CSS pixels. */
  fit(width: number, height: number, ratio: number): void {
    this.size = { width, height, ratio };
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
  }

  private draw(face: Face, pose: Pose, lips: Parameters<FaceArt["paintMouth"]>[2]): void {
    const { c, head, chest, palette: p, swings, pendulums, t } = this;
    const { width, height, ratio } = this.size;
    const still = this.inputs.still;
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
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
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
    const pivot = 225;
    const enterHead = (): void => {
      c.save();
      c.translate(headX, headY + pivot);
      c.rotate(tilt);
      c.translate(0, -pivot);
    };

    enterHead();
    c.lineJoin = "round";
    this.hair.paintBack(head, swings);
    c.restore();

    c.save();
    c.translate(pose.sway * 2, -rise);
    this.body.paintHood(chest);
    const [chinX, chinY] = place(head, 0, 206, 80);
    this.body.paint(chest, chinX + headX - pose.sway * 2, chinY + headY + rise, cord);
    c.restore();

    enterHead();
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
