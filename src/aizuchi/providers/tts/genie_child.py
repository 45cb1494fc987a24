"""Runs Genie TTS's own HTTP server: `PYTHON genie_child.py HOST PORT`, in the Python that has it.

Nothing of ours is imported, since that Python is another one. The package asks on stdin when its data is
missing, so it gets an empty one; ours is a pipe whose end tells that whoever started us has gone.
"""

import os
import sys
import threading


def _leave_with(parent: int) -> None:
    while os.read(parent, 4096):
        pass
    os._exit(0)


def main() -> None:
    parent = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    import genie_tts  # type: ignore[import-not-found]

    genie_tts.start_server(host=sys.argv[1], port=int(sys.argv[2]))


if __name__ == "__main__":
    # The folder of this file is on the path, and holds modules that are none of Genie's business.
    sys.path.pop(0)
    main()
