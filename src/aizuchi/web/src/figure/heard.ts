/**
 * What the drawn figure must know for a frame, as numbers in one array: written by the page, read where the figure is
 * drawn, which is another thread where the browser has it. The same array always; the browser copies it when it is sent.
 */
import type { Cues, State } from "../talk/model";
import type { Inputs } from "./motion";

const STATES: readonly State[] = ["idle", "listening", "thinking", "speaking"];
/** The names of the mouth's shapes (`mouth.ts`), the one at rest first. Written out, so that the page need not load the shapes. */
export const VISEMES: readonly string[] = ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou"];
const PLACES = new Map(VISEMES.map((name, at) => [name, at]));
const LEVEL = 0, USER = 1, STATE = 2, HELD = 3, STILL = 4, LOOKS = 5, X = 6, Y = 7, TELLS = 8, MOUTH = 9;
export const NUMBERS = MOUTH + VISEMES.length;

const clamp = (x: number): number => (x < 0 ? 0 : x > 1 ? 1 : x);

type Gaze = { readonly x: number; readonly y: number };

/** The page's side. */
export class Telling {
  readonly numbers = new Float32Array(NUMBERS);
  private readonly sent = new Float32Array(NUMBERS).fill(Number.NaN);

  state(state: State, held: boolean): void {
    this.numbers[STATE] = STATES.indexOf(state);
    this.numbers[HELD] = held ? 1 : 0;
  }

  gaze(at: Gaze | null): void {
    this.numbers[LOOKS] = at ? 1 : 0;
    this.numbers[X] = at ? at.x : 0;
    this.numbers[Y] = at ? at.y : 0;
  }

  /** Asks for what sounds now. */
  ask(cues: Cues, still: boolean): void {
    const { numbers } = this;
    numbers[LEVEL] = clamp(cues.level());
    numbers[USER] = clamp(cues.userLevel());
    numbers[STILL] = still ? 1 : 0;
    const mouth = cues.mouth();
    numbers[TELLS] = mouth ? 1 : 0;
    numbers.fill(0, MOUTH);
    if (!mouth) return;
    for (const { viseme, weight } of mouth) {
      const at = MOUTH + (PLACES.get(viseme) ?? 0);
      numbers[at] = numbers[at]! + clamp(weight);
    }
  }

  /** Whether anything differs from when this was last true. */
  changed(): boolean {
    const { numbers, sent } = this;
    let differs = false;
    for (let i = 0; i < NUMBERS; i++) {
      if (numbers[i] !== sent[i]) differs = true;
      sent[i] = numbers[i]!;
    }
    return differs;
  }
}

/** The drawing's side. Its objects are the same always. */
export class Heard {
  readonly inputs: Inputs = { state: "idle", held: false, level: 0, userLevel: 0, gaze: null, still: false };
  private readonly look = { x: 0, y: 0 };
  private readonly weights = VISEMES.map((viseme) => ({ viseme, weight: 0 }));
  private tells = false;

  /** The mouth's shapes of this moment; null where the voice tells none. */
  get mouth(): readonly { readonly viseme: string; readonly weight: number }[] | null {
    return this.tells ? this.weights : null;
  }

  take(numbers: Float32Array): void {
    const { inputs, look, weights } = this;
    inputs.level = numbers[LEVEL]!;
    inputs.userLevel = numbers[USER]!;
    inputs.state = STATES[numbers[STATE]!] ?? "idle";
    inputs.held = numbers[HELD] === 1;
    inputs.still = numbers[STILL] === 1;
    look.x = numbers[X]!;
    look.y = numbers[Y]!;
    inputs.gaze = numbers[LOOKS] === 1 ? look : null;
    this.tells = numbers[TELLS] === 1;
    for (let i = 0; i < weights.length; i++) weights[i]!.weight = numbers[MOUTH + i]!;
  }
}
