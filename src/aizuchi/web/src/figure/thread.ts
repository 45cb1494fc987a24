/** The thread on which the figure is drawn, where the browser has such a thing. */
import url from "./drawn.worker.ts?worker&url";
import { type Order, READY } from "./orders";

/** One that has not answered by then will not be waited for: the page draws. */
const PATIENCE_MS = 4_000;

/** The worker, once it has said that it can draw; null where there is none to be had. */
export function thread(signal: AbortSignal): Promise<Worker | null> {
  if (!("transferControlToOffscreen" in HTMLCanvasElement.prototype) || typeof Worker !== "function") return Promise.resolve(null);
  return new Promise((done) => {
    let worker: Worker;
    try {
      // A module, since that is what it is while the pages are worked on; browsers without them draw on the page.
      worker = new Worker(url, { type: "module" });
    } catch {
      return done(null);
    }
    const end = (ready: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", fail);
      worker.onmessage = worker.onerror = null;
      if (!ready) worker.terminate();
      done(ready ? worker : null);
    };
    const fail = (event?: Event): void => {
      event?.preventDefault();
      end(false);
    };
    const timer = setTimeout(fail, PATIENCE_MS);
    signal.addEventListener("abort", fail);
    worker.onerror = fail;
    worker.onmessage = ({ data }) => end(data === READY);
  });
}

const NOTHING: Transferable[] = [];

export const tell = (worker: Worker, order: Order, given = NOTHING): void => worker.postMessage(order, given);
