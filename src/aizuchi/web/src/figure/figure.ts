/** What a figure is. The stage makes one for the character and tells it what happens; the mouth it asks for itself. */
import type { Cues, FigureSpec, State } from "../talk/model";

export interface Figure {
  /** Puts itself into the host and begins to move. Rejects with a message for a person if it cannot. */
  mount(host: HTMLElement): Promise<void>;
  state(state: State, held: boolean): void;
  /** One of the canonical emotions (`aizuchi.emotions`), 0..1. */
  emotion(name: string, intensity: number): void;
  /** Where to look, each -1..1 from the figure's own view of the page; null looks around by itself. */
  gaze(at: { readonly x: number; readonly y: number } | null): void;
  dispose(): void;
}

/** A figure of the character's, or of files that were dropped: the page's policy lets no script read a blob: address. */
export interface Worn extends FigureSpec {
  readonly files?: readonly File[];
}

export type MakeFigure = (spec: Worn, cues: Cues) => Promise<Figure>;

/** Why a figure can't be shown, in the person's language. */
export class FigureError extends Error {
  override readonly name = "FigureError";
}
