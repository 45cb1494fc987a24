/**
 * The drawn figure as the page has it: it gathers what the figure must know and hands it to whoever draws. That is a
 * worker with the canvas's picture in its hands where the browser can, and the same code on this thread where not.
 */
import type { Cues, FigureSpec, State } from "../talk/model";
import type { Figure } from "./figure";
import { Telling } from "./heard";
import { Loop, reduced } from "./loop";
import { tell, thread } from "./thread";

/** Who draws. */
interface Hand {
  /** Once a frame; `changed` if the numbers are others than before. */
  frame(numbers: Float32Array, changed: boolean, dt: number): void;
  fit(width: number, height: number, ratio: number): void;
  emotion(name: string, intensity: number): void;
  seen(seen: boolean): void;
  stop(): void;
}

export class Drawn implements Figure {
  canvas = document.createElement("canvas");
  private readonly telling = new Telling();
  private readonly less = reduced();
  private readonly gone = new AbortController();
  private feeling: readonly [string, number] = ["neutral", 0];
  private hand: Hand | null = null;
  private loop: Loop | null = null;

  constructor(private readonly spec: FigureSpec, private readonly cues: Cues) {
    this.telling.state("idle", false);
  }

  async mount(host: HTMLElement): Promise<void> {
    const worker = await thread(this.gone.signal);
    if (this.gone.signal.aborted) return;
    if (worker) this.begin(host, this.distant(worker, host));
    else await this.here(host);
  }

  state(state: State, held: boolean): void {
    this.telling.state(state, held);
  }

  emotion(name: string, intensity: number): void {
    this.feeling = [name, intensity];
    this.hand?.emotion(name, intensity);
  }

  gaze(at: { readonly x: number; readonly y: number } | null): void {
    this.telling.gaze(at);
  }

  dispose(): void {
    this.gone.abort();
    this.loop?.stop();
    this.hand?.stop();
    this.loop = this.hand = null;
  }

  private begin(host: HTMLElement, hand: Hand): void {
    this.canvas.dataset.figure = "drawn";
    this.hand = hand;
    hand.emotion(...this.feeling);
    this.loop = new Loop(this.canvas, (dt) => this.frame(dt), (...size) => hand.fit(...size), (seen) => hand.seen(seen));
    this.loop.start(host);
  }

  private frame(dt: number): void {
    const { telling } = this;
    telling.ask(this.cues, this.less.matches);
    this.hand?.frame(telling.numbers, telling.changed(), dt);
  }

  /** Draws on a thread of its own. */
  private distant(worker: Worker, host: HTMLElement): Hand {
    const canvas = this.canvas.transferControlToOffscreen();
    tell(worker, { canvas, look: this.spec.look }, [canvas]);
    worker.onerror = (event) => {
      event.preventDefault();
      // A canvas that was given away does not come back.
      this.loop?.stop();
      worker.terminate();
      this.canvas = document.createElement("canvas");
      void this.here(host);
    };
    return {
      frame: (numbers, changed) => {
        if (changed) tell(worker, numbers);
      },
      fit: (...size) => tell(worker, { size }),
      emotion: (...emotion) => tell(worker, { emotion }),
      seen: (seen) => tell(worker, { seen }),
      stop: () => worker.terminate(),
    };
  }

  /** Draws on the page's thread; the code for it is fetched only then. */
  private async here(host: HTMLElement): Promise<void> {
    const { Scene } = await import("./scene");
    if (this.gone.signal.aborted) return;
    const scene = new Scene(this.spec.look, this.canvas.getContext("2d")!);
    this.begin(host, {
      frame: (numbers, _changed, dt) => {
        scene.heard.take(numbers);
        scene.frame(dt);
      },
      fit: (...size) => scene.fit(...size),
      emotion: (...emotion) => scene.emotion(...emotion),
      seen: () => {},
      stop: () => {},
    });
  }
}
