/** What the model stands in: renderer, light, a camera on the bust; and how all of it is given back. */
import { type VRM, VRMLoaderPlugin, VRMUtils } from "@pixiv/three-vrm";
import {
  Color, DirectionalLight, HemisphereLight, LoadingManager, Object3D, PerspectiveCamera, Scene, TextureLoader, Vector3, WebGLRenderer,
} from "three";
import { type GLTFParser, GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";
import { FigureError } from "../figure";
import { type Bytes } from "../files";
import { t } from "../texts";

/** Reads a model out of bytes. Nothing is fetched: a model that names other files goes without them. */
export async function parseVrm(bytes: Bytes, name: string): Promise<VRM> {
  const manager = new LoadingManager();
  manager.setURLModifier((url) => (url.startsWith("blob:") || url.startsWith("data:") ? url : "data:,"));
  const loader = new GLTFLoader(manager);
  // The page's policy lets images come from blob: addresses, but no fetch, which the usual loader does.
  loader.register((parser: GLTFParser) => {
    (parser as unknown as { textureLoader: TextureLoader }).textureLoader = new TextureLoader(manager);
    return { name: "AIZUCHI_images" };
  });
  loader.register((parser: GLTFParser) => new VRMLoaderPlugin(parser));
  let vrm: VRM | undefined;
  try {
    const model = await loader.parseAsync(bytes, "");
    vrm = model.userData.vrm as VRM | undefined;
    if (!vrm) VRMUtils.deepDispose(model.scene);
  } catch {
    // Not a glTF file at all, or a broken one: the person is told the same.
  }
  if (!vrm) throw new FigureError(t("notVrm", { name }));
  VRMUtils.removeUnnecessaryVertices(vrm.scene);
  VRMUtils.combineSkeletons(vrm.scene);
  VRMUtils.rotateVRM0(vrm);
  vrm.scene.traverse((each) => {
    each.frustumCulled = false;
  });
  return vrm;
}

export class Room {
  readonly renderer: WebGLRenderer;
  readonly scene = new Scene();
  readonly camera = new PerspectiveCamera(22, 1, 0.05, 30);
  /** What the eyes look at; it hangs on the camera. */
  readonly target = new Object3D();
  private focus = new Vector3(0, 1.4, 0);
  private tall = 0.7;

  constructor(canvas: HTMLCanvasElement) {
    try {
      this.renderer = new WebGLRenderer({ canvas, alpha: true, antialias: true, powerPreference: "low-power" });
    } catch {
      throw new FigureError(t("webgl"));
    }
    this.renderer.setClearColor(new Color(0), 0);
    const sun = new DirectionalLight(0xfff4e8, 2.2);
    sun.position.set(0.8, 1.6, 2.2);
    const rim = new DirectionalLight(0xcfd8ff, 0.8);
    rim.position.set(-1.5, 1.2, -1.8);
    this.scene.add(sun, rim, new HemisphereLight(0xffffff, 0x8d86a8, 1.1), this.camera);
    this.camera.add(this.target);
  }

  /** Frames the bust of a model: from the middle of its chest to above its head. */
  frame(vrm: VRM): void {
    this.scene.add(vrm.scene);
    vrm.scene.updateMatrixWorld(true);
    const where = (bone: "head" | "hips"): Vector3 | null => vrm.humanoid.getRawBoneNode(bone)?.getWorldPosition(new Vector3()) ?? null;
    const head = where("head") ?? new Vector3(0, 1.4, 0);
    const hips = where("hips") ?? new Vector3(0, head.y - 0.6, 0);
    const torso = Math.max(0.1, head.y - hips.y);
    this.focus.set(head.x, head.y + torso * 0.02, head.z);
    this.tall = torso * 1.35;
    this.aim();
  }

  fit(width: number, height: number, ratio: number): void {
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(Math.max(1, width), Math.max(1, height), false);
    this.camera.aspect = Math.max(1, width) / Math.max(1, height);
    this.aim();
  }

  private aim(): void {
    // In a narrow host the shoulders decide, in a wide one the height.
    const tall = Math.max(this.tall, (this.tall * 0.8) / this.camera.aspect);
    const far = tall / 2 / Math.tan((this.camera.fov * Math.PI) / 360);
    this.camera.position.set(this.focus.x, this.focus.y, this.focus.z + far);
    this.camera.lookAt(this.focus);
    this.camera.updateProjectionMatrix();
  }

  /** Where the eyes go, -1..1 each, on a plane at the camera. */
  gaze(x: number, y: number): void {
    this.target.position.set(x * 0.9, -y * 0.6, -0.4);
  }

  draw(): void {
    this.renderer.render(this.scene, this.camera);
  }

  dispose(vrm: VRM | null): void {
    if (vrm) {
      this.scene.remove(vrm.scene);
      VRMUtils.deepDispose(vrm.scene);
    }
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }
}
