/** A VRM model, 0.x or 1.0, moved by the same motion and mouth as the drawn figure. */
import type { VRM, VRMHumanBoneName } from "@pixiv/three-vrm";
import type { Cues, State } from "../../talk/model";
import type { Figure, Worn } from "../figure";
import { FigureError } from "../figure";
import { address, type Bytes, download, nameOf, readFile, told } from "../files";
import { Loop, reduced } from "../loop";
import { type Inputs, Motion } from "../motion";
import { Loudness, SHAPES } from "../mouth";
import { clamp, Spring } from "../rig";
import { t } from "../texts";
import { LIDS, MOODS, OF_EMOTION, type Preset, VOWELS, type Weights, vowels, vowelsOf } from "./maps";
import { parseVrm, Room } from "./scene";

const PRESETS: readonly Preset[] = [...VOWELS, ...MOODS, ...LIDS];

export class VrmFigure implements Figure {
  /** The loaded model; for tests to look at. */
  vrm: VRM | null = null;
  readonly canvas = document.createElement("canvas");
  private room: Room | null = null;
  private readonly loop: Loop;
  private readonly motion: Motion;
  private readonly loudness: Loudness;
  private readonly guessed = { ...SHAPES.sil! };
  private readonly inputs: Inputs = { state: "idle", held: false, level: 0, userLevel: 0, gaze: null, still: false };
  private readonly less = reduced();
  private readonly mouth: Weights = {};
  private mood: Weights = {};
  private readonly springs = Object.fromEntries(
    PRESETS.map((name) => [name, new Spring(0, (VOWELS as readonly string[]).includes(name) ? 38 : 9)]),
  ) as Record<Preset, Spring>;
  private readonly gone = new AbortController();

  constructor(private readonly spec: Worn, private readonly cues: Cues, random: () => number = Math.random) {
    this.motion = new Motion(random);
    this.loudness = new Loudness(random);
    this.loop = new Loop(this.canvas, (dt) => this.frame(dt), (width, height, ratio) => this.room?.fit(width, height, ratio));
  }

  async mount(host: HTMLElement): Promise<void> {
    try {
      const [bytes, name] = await this.bytes();
      this.gone.signal.throwIfAborted();
      this.room = new Room(this.canvas);
      this.vrm = await parseVrm(bytes, name);
      this.gone.signal.throwIfAborted();
      this.room.frame(this.vrm);
      if (this.vrm.lookAt) this.vrm.lookAt.target = this.room.target;
      this.loop.start(host);
    } catch (error) {
      this.dispose();
      throw told(error);
    }
  }

  private async bytes(): Promise<[Bytes, string]> {
    const file = this.spec.files?.find((each) => each.name.toLowerCase().endsWith(".vrm"));
    if (file) return [await readFile(file), file.name];
    if (!this.spec.url) throw new FigureError(t("missing", { name: ".vrm" }));
    const url = address(this.spec.url);
    return [await download(url, this.gone.signal), nameOf(url)];
  }

  state(state: State, held: boolean): void {
    this.inputs.state = state;
    this.inputs.held = held;
  }

  emotion(name: string, intensity: number): void {
    const wanted = OF_EMOTION[name] ?? {};
    this.mood = Object.fromEntries(Object.entries(wanted).map(([preset, weight]) => [preset, weight * clamp(intensity)]));
  }

  gaze(at: { readonly x: number; readonly y: number } | null): void {
    this.inputs.gaze = at;
  }

  dispose(): void {
    this.gone.abort();
    this.loop.stop();
    this.room?.dispose(this.vrm);
    this.room = this.vrm = null;
  }

  frame(dt: number): void {
    const { vrm, room, inputs, cues, motion } = this;
    if (!vrm || !room) return;
    inputs.level = clamp(cues.level());
    inputs.userLevel = clamp(cues.userLevel());
    inputs.still = this.less.matches;
    const pose = motion.step(dt, inputs);

    const told = inputs.held ? [] : cues.mouth();
    if (told) vowels(told, this.mouth);
    else vowelsOf(this.loudness.step(inputs.level, dt, this.guessed), this.mouth);
    const speaking = clamp(VOWELS.reduce((sum, each) => sum + this.mouth[each]!, 0));
    for (const name of PRESETS) {
      const mood = (this.mood[name] ?? 0) * ((VOWELS as readonly string[]).includes(name) ? 1 - speaking : 1);
      const value = this.springs[name].step(clamp((this.mouth[name] ?? 0) + mood), dt);
      vrm.expressionManager?.setValue(name, name === "blink" ? Math.max(value, pose.blink) : value);
    }

    room.gaze(pose.lookX, pose.lookY);
    // A model of the first version faces the other way: its x and z turn the other way round.
    const way = vrm.meta.metaVersion === "0" ? -1 : 1;
    const turn = (bone: VRMHumanBoneName, x: number, y: number, z: number): void => {
      vrm.humanoid.getNormalizedBoneNode(bone)?.rotation.set(x * way, y, z * way);
    };
    const breath = pose.breath - 0.5;
    turn("hips", 0, 0, pose.sway * 0.008);
    turn("spine", pose.lean * 0.05 + breath * 0.012, pose.turn * 0.1, -pose.sway * 0.015);
    turn("chest", breath * 0.022, pose.turn * 0.12, -pose.sway * 0.01);
    turn("neck", pose.nod * 0.5, pose.turn * 0.5, -pose.tilt * 0.5);
    turn("head", pose.nod * 0.8, pose.turn * 0.7, -pose.tilt * 0.8);
    // The arms hang, a little away from the body, and move with the breath.
    for (const side of ["left", "right"] as const) {
      const s = side === "left" ? -1 : 1;
      turn(`${side}Shoulder`, 0, 0, s * (0.06 - breath * 0.03));
      turn(`${side}UpperArm`, 0.06, s * 0.06, s * (1.2 - breath * 0.02 - pose.effort * 0.03));
      turn(`${side}LowerArm`, 0, s * (0.22 + pose.effort * 0.12), s * 0.06);
      turn(`${side}Hand`, 0, 0, s * 0.08);
    }
    vrm.update(dt);
    room.draw();
  }
}
