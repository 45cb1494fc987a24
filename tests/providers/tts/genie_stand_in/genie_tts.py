"""Stands in for the package: asks for its data as that does, then serves until it is told to die."""

import asyncio
import os
import sys
import threading
import time

print("stand-in for genie_tts", flush=True)
if not os.path.exists(os.environ.get("GENIE_DATA_DIR", "./GenieData")):
    input("Would you like to download it automatically? (y/N): ")
    raise FileNotFoundError("Required directory or file 'HUBERT_MODEL_DIR' was not found")
if os.environ.get("STAND_IN") == "dies":
    print("RuntimeError: the stand-in dies", flush=True)
    sys.exit(3)


def _die_with(flag: str) -> None:
    while not os.path.exists(flag):
        time.sleep(0.02)
    os.remove(flag)
    os._exit(7)


def start_server(host: str = "127.0.0.1", port: int = 8000) -> None:
    from tests.loopback.genie_server import serve

    if os.environ.get("STAND_IN") == "sleeps":
        time.sleep(600)
    if flag := os.environ.get("STAND_IN_FLAG"):
        threading.Thread(target=_die_with, args=(flag,), daemon=True).start()
    asyncio.run(serve(port))
