"""The child's side of a worker process: `python -m aizuchi.providers.workshop MODULE:CLASS`.

What holds Python's lock for long, may crash, or bears a licence that must not touch the server runs here,
in a process of its own. `worker.py` is the parent's side. Between the two run frames over the child's
stdin and stdout: four bytes of little-endian length, then one msgpack array `[kind, call, body]`.

    parent -> child                        child -> parent
    OPEN   call, request                   READY  0, [threads, what the craft says of itself]
    DATA   call, bytes                     ITEM   call, anything
    END    call                            DONE   call            } exactly one of the two
    CANCEL call                            FAIL   call, [message, retryable]  } ends a call
    MORE   call, n                         MORE   call, n

`OPEN` of call 0 carries the craft's options and is answered by `READY` or `FAIL`. Neither side sends more
than `WINDOW` DATA or ITEM frames of a call before the other has said by `MORE` that it took some, so both
can always read what comes and neither can flood the other. A cancelled call is still ended by DONE or FAIL.

A craft is a class: `__init__(options)` loads what it needs and raises `Trouble`; `serve(request, call)` runs
one call in a thread and raises `Trouble`; `threads` says how many calls it can serve at once. The child ends
when its stdin does, so that the parent's death leaves nothing behind.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO, ClassVar, NoReturn, Protocol

import msgspec

OPEN, DATA, END, CANCEL, MORE, READY, ITEM, DONE, FAIL = range(9)
WINDOW = 64
"""Frames of a call that may be on their way in one direction."""
MAX_FRAME = 16 << 20

Frame = tuple[int, int, Any]
_decode = msgspec.msgpack.Decoder(Frame).decode


class Trouble(Exception):
    """A craft can't: the message reaches the user, `retryable` says whether another try may help."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class Cancelled(Exception):
    """Nobody wants the answer any more; raised by a call's methods, to be let through."""


class Craft(Protocol):
    threads: ClassVar[int]

    def __init__(self, options: Mapping[str, Any]) -> None: ...

    def about(self) -> Any:
        """Sent with READY; anything msgpack knows."""

    def serve(self, request: Any, call: Call) -> None: ...


def pack(kind: int, call: int, body: Any = None) -> bytes:
    payload = msgspec.msgpack.encode((kind, call, body))
    return len(payload).to_bytes(4, "little") + payload


def unpack(payload: bytes) -> Frame:
    """Raises msgspec.MsgspecError for anything but a frame."""
    return _decode(payload)


class Call:
    """One request and its stream of answers, as the craft's thread sees it."""

    def __init__(self, number: int, write: Callable[[bytes], None]) -> None:
        self.number = number
        self._write = write
        self._changed = threading.Condition()
        self._input: deque[bytes] = deque()
        self._ended = False
        self._cancelled = False
        self._room = WINDOW
        self._taken = 0

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def read(self) -> bytes | None:
        """The next piece of input, as the parent sent it; None at its end. Waits. Raises Cancelled."""
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or self._input or self._ended)
            if self._cancelled:
                raise Cancelled
            if not self._input:
                return None
            data = self._input.popleft()
            self._taken += 1
            grant, self._taken = (self._taken, 0) if self._taken >= WINDOW // 2 else (0, self._taken)
        if grant:
            self._write(pack(MORE, self.number, grant))
        return data

    def send(self, item: Any) -> None:
        """Answer with one item; waits while the parent is not taking any. Raises Cancelled."""
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or self._room)
            if self._cancelled:
                raise Cancelled
            self._room -= 1
        self._write(pack(ITEM, self.number, item))

    def try_send(self, item: Any) -> bool:
        """Like `send`, but False instead of waiting."""
        with self._changed:
            if self._cancelled or not self._room:
                return False
            self._room -= 1
        self._write(pack(ITEM, self.number, item))
        return True

    # Called by the reader of stdin.

    def receive(self, kind: int, body: Any) -> None:
        with self._changed:
            if kind == DATA:
                self._input.append(body)
            elif kind == END:
                self._ended = True
            elif kind == CANCEL:
                self._cancelled = True
                self._input.clear()
            elif kind == MORE:
                self._room += body
            self._changed.notify_all()


class Workshop:
    """Reads frames until stdin ends and gives each call a thread."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        self._calls: dict[int, Call] = {}

    def write(self, frame: bytes) -> None:
        with self._lock:
            try:
                self._sink.write(frame)
                self._sink.flush()
            except OSError:  # the parent is gone
                os._exit(0)

    def read(self) -> Frame | None:
        head = self._source.read(4)
        if len(head) < 4:
            return None
        payload = self._source.read(int.from_bytes(head, "little"))
        return unpack(payload)

    def run(self, make: Callable[[Mapping[str, Any]], Craft]) -> None:
        first = self.read()
        if first is None:
            return
        try:
            craft = make(first[2])
        except Trouble as trouble:
            self.write(pack(FAIL, 0, [str(trouble), trouble.retryable]))
            return
        with ThreadPoolExecutor(craft.threads) as threads:
            self.write(pack(READY, 0, [craft.threads, craft.about()]))
            while (frame := self.read()) is not None:
                kind, number, body = frame
                if kind == OPEN:
                    call = self._calls[number] = Call(number, self.write)
                    future = threads.submit(craft.serve, body, call)
                    future.add_done_callback(partial(self._close, call))
                elif number in self._calls:
                    self._calls[number].receive(kind, body)
            os._exit(0)  # without waiting for threads: whoever would read their answers is gone

    def _close(self, call: Call, future: Future[None]) -> None:
        """Tell the parent how a call went, whatever it raised."""
        self._calls.pop(call.number, None)
        error = future.exception()
        match error:
            case None | Cancelled() | CancelledError():
                self.write(pack(DONE, call.number))
            case Trouble():
                self.write(pack(FAIL, call.number, [str(error), error.retryable]))
            case _:
                print(f"call failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                self.write(pack(FAIL, call.number, [f"{type(error).__name__} in the worker process", True]))


def take_channel() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for frames, and give the libraries others that can do no harm.

    What a library prints, from C too, then lands on stderr, and one that asks a question reads nothing.
    """
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(source, os.O_BINARY)
        msvcrt.setmode(sink, os.O_BINARY)
    return os.fdopen(source, "rb"), os.fdopen(sink, "wb")


def main(name: str) -> NoReturn:
    # Ctrl-C and service managers reach the whole group, and running replies still need their voice: the
    # parent decides, and if it is gone the end of stdin says so.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, signal.SIG_IGN)
    workshop = Workshop(*take_channel())

    def make(options: Mapping[str, Any]) -> Craft:
        module, _, attribute = name.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)(options)
        except (ImportError, OSError) as error:
            raise Trouble(f"{type(error).__name__}: {error}", retryable=False) from error

    workshop.run(make)
    sys.exit(0)


if __name__ == "__main__":
    # The craft imports this module by its name; without this line it would get a second copy, whose
    # `Trouble` is another class.
    sys.modules["aizuchi.providers.workshop"] = sys.modules["__main__"]
    main(sys.argv[1])
