"""What the drawn figure costs a frame: script time in headless Chromium on a processor that is slowed down.

    python bench/web_frames.py [--seconds 10] [--slow 6]

Every callback of requestAnimationFrame is timed where the browser calls it, so that nothing of the figure's
script stays outside; what the browser then does to paint is not script and is not counted. The figure speaks
all the time, from visemes and from loudness in turn, and feels something else every second.
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
"""p95 with the processor slowed down six times."""
_RUN = """
async ({ seconds }) => {
  const times = [];
  const real = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) => real((now) => {
    const began = performance.now();
    callback(now);
    times.push(performance.now() - began);
  });
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
  const moods = ["happy", "crying", "loving", "shocked", "angry", "winking", "sleepy", "cool", "confused"];
  const canvas = host.querySelector("canvas");
  await new Promise((done) => setTimeout(done, 500));
  times.length = 0;
  for (let step = 0; step < seconds; step++) {
    figure.emotion(moods[step % moods.length], 1);
    figure.gaze({ x: Math.sin(step), y: Math.cos(step) });
    await new Promise((done) => setTimeout(done, 1000));
  }
  figure.dispose();
  return { times, pixels: canvas.width * canvas.height };
}
"""


def frames(seconds: int = 10, slow: float = 6.0) -> dict[str, Any]:
    """Script milliseconds a frame: `p50`, `p95`, `most`, of how many `frames` in `seconds`."""
    with tempfile.TemporaryDirectory() as folder:
        browser.build(Path(folder))
        with (
            browser.served(Path(folder)) as url,
            browser.opened(url, webgl=False, viewport={"width": 800, "height": 760}) as page,
        ):
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slow})
            told = page.evaluate(_RUN, {"seconds": seconds})
    times = sorted(told["times"])

    def part(share: float) -> float:
        return round(times[min(len(times) - 1, int(len(times) * share))], 2)

    return {
        "frames": len(times),
        "seconds": seconds,
        "slow": slow,
        "p50": part(0.5),
        "p95": part(0.95),
        "most": round(times[-1], 2),
        "target": TARGET_MS,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--slow", type=float, default=6.0)
    chosen = parser.parse_args()
    print(json.dumps(frames(chosen.seconds, chosen.slow)))
