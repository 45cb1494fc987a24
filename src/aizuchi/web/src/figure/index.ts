/** The figure of a character. The drawn one is here at once; the others come when somebody wears them. */
import { Drawn } from "./drawn";
import type { MakeFigure } from "./figure";

export type { Figure, MakeFigure, Worn } from "./figure";
export { worn } from "./files";

export const makeFigure: MakeFigure = async (spec, cues) => {
  switch (spec.kind) {
    case "vrm":
      return new (await import("./vrm/vrm")).VrmFigure(spec, cues);
    case "live2d":
      return new (await import("./live2d/live2d")).Live2dFigure(spec, cues);
    default:
      return new Drawn(spec, cues);
  }
};
