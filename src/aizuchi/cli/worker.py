"""What `aizuchi serve --workers N` runs N times; nobody calls it by hand.

python -P -m aizuchi.cli.worker '{"slot": 0, "control": 5, "doors": 7, "config": ..., ...}'
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any


def main(text: str) -> int:
    """Serve as one worker until told to end; 2 where the user must mend something."""
    from aizuchi.server.worker import Worker, deaf_to_signals

    deaf_to_signals()
    from aizuchi import build
    from aizuchi.cli.serve import announce
    from aizuchi.config import load
    from aizuchi.errors import ConfigError
    from aizuchi.server.listening import loop_factory
    from aizuchi.server.logs import configure
    from aizuchi.server.tls import Tls

    task: dict[str, Any] = json.loads(text)
    worker = Worker(task)
    try:
        loaded = load(Path(task["config"]) if task["config"] else None, lang=task["lang"])
        configure(loaded.settings.log.level, loaded.settings.log.format)
        house = build.house(
            loaded,
            open_=task["open"],
            ledger=worker.ledger,
            siblings=worker.siblings,
            share=(task["slot"], worker.count),
        )
    except ConfigError as error:
        worker.failed(error)
        return 2
    given = task["tls"]
    tls = None if given is None else Tls(Path(given["cert"]), Path(given["key"]), own=given["own"])

    def lines() -> list[str]:
        urls, host, called = task["urls"], task["host"], task["called"]
        return announce(loaded, house, urls, host, tls, count=worker.count, called=called)

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(worker.run(house, tls=tls, drain=loaded.settings.server.drain, lines=lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
