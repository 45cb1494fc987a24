/**
 * A Live2D model, by the user's own Cubism Core. We set parameters and draw; physics and motion files, which are
 * the work of Live2D's framework and not of its Core, are not played.
 */
import type { Cues, State } from "../../talk/model";
import { faceOf } from "../expressions";
import { type Figure, FigureError, type Worn } from "../figure";
import { told } from "../files";
import { Loop, reduced } from "../loop";
import { type Inputs, Motion } from "../motion";
import { Mouth } from "../mouth";
import { clamp, Rig } from "../rig";
import { t } from "../texts";
import { type CoreModel, loadCore, type Moc } from "./core";
import { Painter } from "./painter";
import { type Manifest, manifestOf, parse, sourceOf } from "./source";

const DEGREES = 180 / Math.PI;

export class Live2dFigure implements Figure {
  readonly canvas = document.createElement("canvas");
  /** The Core's model; for tests to look at. */
  model: CoreModel | null = null;
  private moc: Moc | null = null;
  private manifest: Manifest | null = null;
  private painter: Painter | null = null;
  private readonly index = new Map<string, number>();
  private readonly motion: Motion;
  private readonly mouth: Mouth;
  private readonly rig = new Rig();
  private target = faceOf("neutral", 0);
  private readonly inputs: Inputs = { state: "idle", held: false, level: 0, userLevel: 0, gaze: null, still: false };
  private readonly less = reduced();
  private readonly loop: Loop;
  private readonly gone = new AbortController();
  private size = { width: 1, height: 1 };

  constructor(private readonly spec: Worn, private readonly cues: Cues, random: () => number = Math.random) {
    this.motion = new Motion(random);
    this.mouth = new Mouth(random);
    this.loop = new Loop(this.canvas, (dt) => this.frame(dt), (width, height, ratio) => {
      this.size = { width: Math.max(1, width), height: Math.max(1, height) };
      this.painter?.fit(Math.round(width * ratio), Math.round(height * ratio));
    });
  }

  async mount(host: HTMLElement): Promise<void> {
    const { signal } = this.gone;
    try {
      const core = await loadCore(signal);
      const { manifest: name, source } = sourceOf(this.spec, signal);
      this.manifest = manifestOf(parse(await source.read(name)));
      if (!this.manifest) throw new FigureError(t("notLive2d", { name }));
      this.painter = new Painter(this.canvas);
      const [moc, ...pictures] = await Promise.all([source.read(this.manifest.moc), ...this.manifest.textures.map((path) => source.read(path))]);
      for (const bytes of pictures) {
        const picture = await createImageBitmap(new Blob([bytes]), { premultiplyAlpha: "premultiply" });
        signal.throwIfAborted();
        this.painter.texture(picture);
        picture.close();
      }
      signal.throwIfAborted();
      this.moc = core.Moc.fromArrayBuffer(moc!);
      this.model = this.moc && core.Model.fromMoc(this.moc);
      if (!this.model) throw new FigureError(t("notLive2d", { name }));
      this.model.parameters.ids.forEach((id, at) => this.index.set(id, at));
      this.loop.start(host);
    } catch (error) {
      this.dispose();
      throw told(error);
    }
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
    this.gone.abort();
    this.loop.stop();
    this.model?.release();
    this.moc?._release();
    this.painter?.dispose();
    this.model = this.moc = this.painter = null;
  }

  /** Sets a parameter, as far as the model has it and lets it go. */
  private set(id: string, value: number): void {
    const at = this.index.get(id);
    if (at === undefined || !this.model) return;
    const { values, minimumValues, maximumValues } = this.model.parameters;
    values[at] = clamp(value, minimumValues[at]!, maximumValues[at]!);
  }

  frame(dt: number): void {
    const { model, painter, manifest, inputs, cues } = this;
    if (!model || !painter || !manifest) return;
    inputs.level = clamp(cues.level());
    inputs.userLevel = clamp(cues.userLevel());
    inputs.still = this.less.matches;
    const pose = this.motion.step(dt, inputs);
    const face = this.rig.step(this.target, dt);
    const lips = this.mouth.step(inputs.held ? [] : cues.mouth(), inputs.held ? 0 : inputs.level, dt);
    const alive = inputs.still ? 0 : 1;

    this.set("ParamAngleX", (pose.turn + face.turn * alive) * DEGREES * 1.6);
    this.set("ParamAngleY", -(pose.nod + face.nod * alive) * DEGREES * 1.6);
    this.set("ParamAngleZ", -(pose.tilt + face.tilt * alive) * DEGREES * 1.6);
    this.set("ParamBodyAngleX", pose.turn * DEGREES * 0.5 + pose.sway * 2);
    this.set("ParamBodyAngleZ", pose.sway * 2);
    this.set("ParamBreath", pose.breath);
    this.set("ParamEyeBallX", clamp(pose.lookX + face.lookX, -1, 1));
    this.set("ParamEyeBallY", -clamp(pose.lookY + face.lookY, -1, 1));
    const blink = 1 - pose.blink;
    manifest.lids.forEach((id) => this.set(id, (/R(Open)?$|EyeR/.test(id) ? face.openR : face.openL) * blink));
    this.set("ParamEyeLSmile", face.joyL);
    this.set("ParamEyeRSmile", face.joyR);
    this.set("ParamBrowLY", face.browL + pose.brow);
    this.set("ParamBrowRY", face.browR + pose.brow);
    this.set("ParamBrowLAngle", face.slantL);
    this.set("ParamBrowRAngle", face.slantR);
    this.set("ParamMouthForm", face.smile + (lips.wide - lips.round) * 0.5);
    this.set("ParamCheek", face.blush > 0.4 ? face.blush : 0);
    const open = clamp(lips.open + face.gape * (1 - clamp(lips.open * 3)));
    manifest.lips.forEach((id) => this.set(id, open));
    model.update();

    const info = model.canvasinfo;
    const { width, height } = this.size;
    // The model's canvas into the host; taller than wide it stands on the lower edge, enlarged to the bust.
    const [wide, tall] = [info.CanvasWidth / info.PixelsPerUnit, info.CanvasHeight / info.PixelsPerUnit];
    const zoom = tall > wide * 1.3 ? 1.9 : 1;
    const unit = Math.min(width / wide, height / tall) * zoom;
    const [scaleX, scaleY] = [(2 * unit) / width, (2 * unit) / height];
    // The origin lies anywhere in the model's canvas; its y is counted from above.
    const x = -(wide / 2 - info.CanvasOriginX / info.PixelsPerUnit) * scaleX;
    const above = info.CanvasOriginY / info.PixelsPerUnit;
    painter.draw(model, scaleX, scaleY, x, zoom > 1 ? 1 - above * scaleY : (tall / 2 - above) * scaleY);
    model.drawables.resetDynamicFlags();
  }
}
