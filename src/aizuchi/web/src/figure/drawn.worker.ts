/** The drawn figure on a thread of its own, so that whatever the page is busy with does not hold it up, nor it the page. */
import { type Order, READY } from "./orders";
import { Scene } from "./scene";

let scene: Scene | null = null;
let request = 0;
let last = 0;

function tick(now: number): void {
  request = requestAnimationFrame(tick);
  // A long pause is one short step: nothing is caught up with.
  scene?.frame(Math.min(0.1, Math.max(0.001, (now - last) / 1000)));
  last = now;
}

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  if (data instanceof Float32Array) scene?.heard.take(data);
  else if ("canvas" in data) {
    // Both kinds of context draw by the same commands; the types differ in what belongs to a document.
    scene = new Scene(data.look, data.canvas.getContext("2d") as unknown as CanvasRenderingContext2D);
  } else if ("size" in data) scene?.fit(...data.size);
  else if ("emotion" in data) scene?.emotion(...data.emotion);
  else {
    cancelAnimationFrame(request);
    if (!data.seen) return;
    last = performance.now();
    request = requestAnimationFrame(tick);
  }
});

// Said only where it is true: the page keeps its canvas otherwise and draws itself.
if (typeof requestAnimationFrame === "function" && new OffscreenCanvas(1, 1).getContext("2d")) postMessage(READY);
