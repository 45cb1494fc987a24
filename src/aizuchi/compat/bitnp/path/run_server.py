"""`python run_server.py`, as in the original; it takes its flags."""

from aizuchi.compat.bitnp.run_server import main

if __name__ == "__main__":
    raise SystemExit(main())
