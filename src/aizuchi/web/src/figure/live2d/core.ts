/**
 * Live2D's Cubism Core as far as we call it: its documented public interface, written down as types. The library
 * itself is the user's; it puts one name into the window.
 */
import { FigureError } from "../figure";
import { address, ask } from "../files";
import { t } from "../texts";

export interface Drawables {
  readonly count: number;
  readonly ids: readonly string[];
  readonly constantFlags: Uint8Array;
  readonly dynamicFlags: Uint8Array;
  readonly textureIndices: Int32Array;
  /** Since Core 5.3 the model gives them, by `getRenderOrders`. */
  readonly renderOrders?: Int32Array;
  readonly opacities: Float32Array;
  readonly maskCounts: Int32Array;
  readonly masks: readonly Int32Array[];
  readonly vertexPositions: readonly Float32Array[];
  readonly vertexUvs: readonly Float32Array[];
  readonly indices: readonly Uint16Array[];
  readonly multiplyColors?: Float32Array;
  readonly screenColors?: Float32Array;
  resetDynamicFlags(): void;
}

export interface CoreModel {
  readonly parameters: {
    readonly count: number;
    readonly ids: readonly string[];
    readonly values: Float32Array;
    readonly minimumValues: Float32Array;
    readonly maximumValues: Float32Array;
    readonly defaultValues: Float32Array;
  };
  readonly drawables: Drawables;
  readonly canvasinfo: {
    readonly CanvasWidth: number;
    readonly CanvasHeight: number;
    readonly CanvasOriginX: number;
    readonly CanvasOriginY: number;
    readonly PixelsPerUnit: number;
  };
  getRenderOrders?(): Int32Array;
  update(): void;
  release(): void;
}

export interface Moc {
  _release(): void;
}

export interface Core {
  readonly Moc: { fromArrayBuffer(bytes: ArrayBuffer): Moc | null };
  readonly Model: { fromMoc(moc: Moc): CoreModel | null };
}

/** Of `constantFlags` and `dynamicFlags`, as the Core's manual numbers them. */
export const FLAG = { additive: 1, multiply: 2, doubleSided: 4, inverted: 8, visible: 1 } as const;

declare global {
  interface Window {
    Live2DCubismCore?: Core;
  }
}

let loading: Promise<Core> | null = null;

/** The Core, loaded once from where the server's configuration says it is. Rejects in words for a person. */
export function loadCore(signal: AbortSignal): Promise<Core> {
  loading ??= load(signal).catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load(signal: AbortSignal): Promise<Core> {
  const present = (): Core | undefined => window.Live2DCubismCore;
  const before = present();
  if (before) return before;
  const told: unknown = await (await ask(address("/api/web"), signal)).json();
  const where = (told as { cubism_core?: unknown }).cubism_core;
  if (typeof where !== "string" || !where) throw new FigureError(t("core"));
  await new Promise<void>((done, failed) => {
    const script = document.createElement("script");
    script.src = where;
    script.onload = () => done();
    script.onerror = () => failed(new FigureError(t("coreBroken")));
    document.head.append(script);
  });
  // The library's WebAssembly starts a moment after its script.
  for (let tries = 0; tries < 100; tries++) {
    const core = present();
    if (core?.Moc && core.Model) return core;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new FigureError(t("coreBroken"));
}
