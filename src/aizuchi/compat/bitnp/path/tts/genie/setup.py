"""`python tts/genie/setup.py`, as in the original."""

from aizuchi.compat.bitnp.tts.genie.setup import main

if __name__ == "__main__":
    raise SystemExit(main())
