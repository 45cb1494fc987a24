"""`python -m aizuchi` is the same as the command `aizuchi`."""

from aizuchi.cli import main

# Worker processes started by spawn import this module again under another name; they must not start a server.
if __name__ == "__main__":
    raise SystemExit(main())
