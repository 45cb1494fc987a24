/** A frame at a time while the page is seen, and the canvas as large as its host. */
export class Loop {
  private request = 0;
  private last = 0;
  private readonly observer: ResizeObserver;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly frame: (dt: number) => void,
    private readonly fit: (width: number, height: number, ratio: number) => void,
    private readonly seen: (seen: boolean) => void = () => {},
  ) {
    canvas.setAttribute("aria-hidden", "true");
    Object.assign(canvas.style, { display: "block", width: "100%", height: "100%" });
    this.observer = new ResizeObserver(this.measure);
  }

  start(host: HTMLElement): void {
    host.append(this.canvas);
    this.observer.observe(host);
    this.measure();
    document.addEventListener("visibilitychange", this.wake);
    this.wake();
  }

  stop(): void {
    cancelAnimationFrame(this.request);
    document.removeEventListener("visibilitychange", this.wake);
    this.observer.disconnect();
    this.canvas.remove();
  }

  private readonly measure = (): void => {
    this.fit(this.canvas.clientWidth, this.canvas.clientHeight, Math.min(devicePixelRatio || 1, 2));
  };

  private readonly wake = (): void => {
    cancelAnimationFrame(this.request);
    this.seen(!document.hidden);
    if (document.hidden) return;
    this.last = performance.now();
    this.request = requestAnimationFrame(this.tick);
  };

  private readonly tick = (now: number): void => {
    this.request = requestAnimationFrame(this.tick);
    // A long pause is one short step: nothing is caught up with.
    this.frame(Math.min(0.1, Math.max(0.001, (now - this.last) / 1000)));
    this.last = now;
  };
}

/** What every figure is told, kept for the next frame. */
export const reduced = (): MediaQueryList => matchMedia("(prefers-reduced-motion: reduce)");
