"""Crafts that misbehave in every way we could think of; they run in worker processes of the tests."""

import os
import sys
import threading
import time
from typing import Any

from aizuchi.providers.workshop import Call, Trouble


class Odd:
    """Does what `options["start"]` and `request["do"]` say."""

    threads = 4

    def __init__(self, options: dict[str, Any]) -> None:
        self.threads = options.get("threads", 4)
        match options.get("start", ""):
            case "trouble":
                raise Trouble("the model is missing", retryable=False)
            case "exit":
                os._exit(3)
            case "hang":
                threading.Event().wait()
            case "bug":
                raise ZeroDivisionError
            case "print":
                print("a library's greeting")
            case _:
                pass

    def about(self) -> Any:
        return {"secret": os.environ.get("AIZUCHI_TEST_API_KEY", "")}

    def serve(self, request: dict[str, Any], call: Call) -> None:
        getattr(self, request["do"])(request, call)

    def echo(self, request: dict[str, Any], call: Call) -> None:
        while (data := call.read()) is not None:
            call.send(data)
        call.send("end")

    def count(self, request: dict[str, Any], call: Call) -> None:
        for number in range(request["n"]):
            call.send([number, bytes(request.get("size", 0))])

    def die(self, request: dict[str, Any], call: Call) -> None:
        call.send("last words")
        os._exit(7)

    def print_garbage(self, request: dict[str, Any], call: Call) -> None:
        """What a C library's printf does to the channel if nobody moved it."""
        os.write(1, b"\xff\xff\xff\x7fgarbage")
        print("and from Python", flush=True)
        call.send(sys.stdin.read())

    def break_channel(self, request: dict[str, Any], call: Call) -> None:
        call._write(b"\x04\x00\x00\x00nono")
        threading.Event().wait()

    def too_long(self, request: dict[str, Any], call: Call) -> None:
        call._write(b"\xff\xff\xff\xff")
        threading.Event().wait()

    def shout(self, request: dict[str, Any], call: Call) -> None:
        """More on stderr than a pipe holds."""
        for _ in range(2000):
            print("x" * 200, file=sys.stderr)
        call.send("done")

    def hang(self, request: dict[str, Any], call: Call) -> None:
        call.send("hanging")
        threading.Event().wait()

    def never_read(self, request: dict[str, Any], call: Call) -> None:
        while not call.cancelled:
            time.sleep(0.001)

    def refuse(self, request: dict[str, Any], call: Call) -> None:
        raise Trouble("no such voice", retryable=False)

    def bug(self, request: dict[str, Any], call: Call) -> None:
        raise KeyError(request["secret"])
