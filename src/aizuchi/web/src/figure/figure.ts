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

export type MakeFigure = (spec: FigureSpec, cues: Cues) => Promise<Figure>;
