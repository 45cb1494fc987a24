"""`python run_agent.py`, as in the original; it takes its flags."""

from aizuchi.compat.bitnp.run_agent import main

if __name__ == "__main__":
    raise SystemExit(main())
