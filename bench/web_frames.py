"""What the drawn figure costs a frame: script time in headless Chromium on a processor that is slowed down.

    python bench/web_frames.py [--seconds 10] [--slow 6] [--here]

Every callback of requestAnimationFrame is timed where the browser calls it, so that nothing of the figure's
script stays outside; what the browser then does to paint is not script and is not counted. Times are the
clock's: on a busy machine they include waiting for a core. The figure speaks all the time, from visemes and
from loudness in turn, and feels something else every second.

The figure draws in a worker: callbacks on the page's thread and those in the worker are told apart. With
`--here` the browser is made to lack what hands a canvas to a worker, and everything is on the page's thread.

The first seconds run at full speed and are not counted: a person's browser has compiled the code after some
seconds too, while on a slowed processor the measurement would be over before that. Slowing is the browser's
own (`Emulation.setCPUThrottlingRate`), which may leave workers alone: the same sum is done in the worker
before and during it, and `worker_slowed` tells how much longer it took. Where it was not slowed the worker's
times are also given multiplied by `slow`, under names that say so: an estimate, not a measurement.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.figure import browser

TARGET_MS = 4.0
"""p95 on the page's thread with the processor slowed down six times."""
WARM_S = 4
_LACKING = "delete HTMLCanvasElement.prototype.transferControlToOffscreen"
_TIMED = """
() => {
  globalThis.times = [];
  const real = globalThis.requestAnimationFrame.bind(globalThis);
  globalThis.requestAnimationFrame = (callback) => real((now) => {
    const began = performance.now();
    callback(now);
    globalThis.times.push(performance.now() - began);
  });
}
"""
_BEGIN = """
async () => {
  const host = document.createElement("div");
  host.style.cssText = "width:640px;height:720px";
  document.body.append(host);
  const shapes = ["aa", "E", "PP", "oh", "SS", "ou", "ih", "FF"];
  const at = () => performance.now() / 1000;
  const cues = {
    level: () => 0.35 + 0.3 * Math.sin(at() * 21),
    userLevel: () => 0,
    mouth: () => (at() % 4 < 2 ? [{ viseme: shapes[Math.floor(at() * 9) % 8], weight: 0.9 }] : null),
  };
  const figure = await window.makeFigure({ kind: "drawn" }, cues);
  await figure.mount(host);
  figure.state("speaking", false);
  window.figure = figure;
}
"""
_LIVE = """
async ({ seconds }) => {
  const moods = ["happy", "crying", "loving", "shocked", "angry", "winking", "sleepy", "cool", "confused"];
  for (let step = 0; step < seconds; step++) {
    window.figure.emotion(moods[step % moods.length], 1);
    window.figure.gaze({ x: Math.sin(step), y: Math.cos(step) });
    await new Promise((done) => setTimeout(done, 1000));
  }
}
"""
_SUM = """
() => {
  let least = Infinity;
  for (let turn = 0; turn < 5; turn++) {
    const began = performance.now();
    let sum = 0;
    for (let i = 0; i < 4e6; i++) sum = (sum * 31 + i) | 0;
    least = Math.min(least, performance.now() - began + (sum === 1 ? 1e-9 : 0));
  }
  return least;
}
"""
_CLEAR = "() => void (globalThis.times.length = 0)"
_TIMES = "() => globalThis.times"


def frames(seconds: int = 10, slow: float = 6.0, here: bool = False) -> dict[str, Any]:
    """Script milliseconds a frame: `p50`, `p95`, `most` on the page's thread, `worker_...` on the other."""
    with tempfile.TemporaryDirectory() as folder:
        browser.build(Path(folder))
        with (
            browser.served(Path(folder)) as url,
            browser.opened(url, webgl=False, viewport={"width": 800, "height": 760}) as page,
        ):
            if here:
                page.evaluate(_LACKING)
            page.evaluate(_TIMED)
            page.evaluate(_BEGIN)
            worker = page.workers[0] if page.workers else None
            if worker:
                worker.evaluate(_TIMED)
            page.evaluate(_LIVE, {"seconds": WARM_S})
            fast_sum = worker.evaluate(_SUM) if worker else 0.0
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slow})
            page.evaluate(_CLEAR)
            if worker:
                worker.evaluate(_CLEAR)
            began = page.evaluate("() => performance.now()")
            page.evaluate(_LIVE, {"seconds": seconds})
            took = (page.evaluate("() => performance.now()") - began) / 1000
            times = page.evaluate(_TIMES)
            drawn = worker.evaluate(_TIMES) if worker else []
            slow_sum = worker.evaluate(_SUM) if worker else 0.0
            page.evaluate("() => window.figure.dispose()")
    told: dict[str, Any] = {"seconds": seconds, "slow": slow, "warm_s": WARM_S, "target": TARGET_MS}
    told |= {"frames": len(times), "fps": round(len(times) / took, 1), **_spread(times)}
    told["worker"] = bool(worker)
    if worker:
        slowed = slow_sum / max(fast_sum, 1e-3)
        told |= {"worker_frames": len(drawn), "worker_fps": round(len(drawn) / took, 1)}
        told["worker_slowed"] = round(slowed, 1)
        told |= {f"worker_{name}": value for name, value in _spread(drawn).items()}
        # Nearer to full speed than to `slow`: the browser has left the worker alone.
        if slowed < (1 + slow) / 2:
            times_slow = _spread([each * slow for each in drawn])
            told |= {f"worker_{name}_multiplied_by_slow": value for name, value in times_slow.items()}
    return told


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times) or [0.0]

    def part(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)

    return {"p50": part(0.5), "p95": part(0.95), "most": round(ordered[-1], 2)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--slow", type=float, default=6.0)
    parser.add_argument(
        "--here",
        action="store_true",
        help="draw on the page's thread",
    )
    chosen = parser.parse_args()
    print(json.dumps(frames(chosen.seconds, chosen.slow, chosen.here)))
