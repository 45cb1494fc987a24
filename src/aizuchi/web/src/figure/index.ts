/** The figure of a character. The drawn one is here at once; the others come when somebody wears them. */
import { Drawn } from "./drawn";
import type { Figure, MakeFigure } from "./figure";

export type { Figure, MakeFigure } from "./figure";

export const makeFigure: MakeFigure = async (spec, cues): Promise<Figure> => new Drawn(spec, cues);
