"""The agents and pages of the relay's bench: one process that reads at the speed of the system.

A page does not decode what it gets. All events of a run have one length, so their count is the bytes
received by that length, and the place of each event in the stream is known: its number and the moment at
which it was sent are read there, of every event when they are paced, else of the last one of each read. A
number at a wrong place counts as lost. Plain sockets and epoll: a delivery costs this process a microsecond
or two, so that the server is what is measured. Runs end before the first ping (20 s), which would shift the
places.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from figures import spread

READ: Final = 256 << 10
"""Bytes of one read."""
STEP: Final = 0.02
QUIET: Final = 3.0
"""Seconds without a delivery after which what is missing is lost."""
HEAD: Final = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
NUMBER: Final = b'"n":"'


@dataclass
class Job:
    """`kind`: flat (as fast as the server takes it) or paced (`rate` events a second and agent)."""

    kind: str
    url: str = ""
    agents: int = 1
    pages: int = 1
    """For each agent."""
    dead: int = 0
    """Pages of the first agent that never read; not among `pages`."""
    size: int = 1000
    """Bytes of an event's data."""
    rate: float = 0.0
    seconds: float = 5.0


def connect(job: Job, path: str) -> socket.socket:
    """A socket after the handshake and the welcome."""
    host, _, port = job.url.removeprefix("ws://").rstrip("/").partition(":")
    made = socket.create_connection((host, int(port)), timeout=20)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.sendall(HEAD.format(path=path, host=f"{host}:{port}").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += made.recv(1)
    if b" 101 " not in answer.partition(b"\r\n")[0]:
        raise SystemExit(f"refused: {answer[:80]!r}")
    whole(made)
    made.setblocking(False)
    return made


def whole(source: socket.socket) -> bytes:
    """One short frame, whole."""

    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += source.recv(count - len(data))
        return data

    head = exactly(2)
    size = head[1] & 127
    if size >= 126:
        more = exactly(2 if size == 126 else 8)
        return head + more + exactly(int.from_bytes(more))
    return head + exactly(size)


class Agent:
    def __init__(self, job: Job, name: str) -> None:
        self.socket = connect(job, f"/ws/agent/{name}")
        self.sent = 0
        """Events, handed to the system or waiting in `waiting`."""
        self.acks = self.bytes = 0
        self.waiting: deque[memoryview] = deque()
        empty = len(json.dumps({"type": "bench", "n": "0" * 8, "at": "0" * 20, "pad": ""}))
        self._pad = "A" * max(0, job.size - empty)

    def event(self) -> bytes:
        """The next one as a frame, masked with zeros."""
        at = time.perf_counter_ns()
        data = f'{{"type": "bench", "n": "{self.sent:08}", "at": "{at:020}", "pad": "{self._pad}"}}'
        self.sent += 1
        payload = f'{{"type": "event", "data": {data}}}'.encode()
        size = len(payload)
        long = b"\xfe" + size.to_bytes(2) if size < 1 << 16 else b"\xff" + size.to_bytes(8)
        return b"\x81" + (long if size > 125 else bytes((size | 128,))) + bytes(4) + payload

    def push(self) -> None:
        """Hand over what waits, a megabyte at most: pages want to be read meanwhile."""
        left = 1 << 20
        while self.waiting and left > 0:
            first = self.waiting[0]
            try:
                taken = self.socket.send(first)
            except BlockingIOError:
                return
            left -= taken
            if taken == len(first):
                self.waiting.popleft()
            else:
                self.waiting[0] = first[taken:]


class Page:
    def __init__(self, job: Job, name: str) -> None:
        self.socket = connect(job, f"/ws/frontend/{name}")
        self.bytes = 0
        self.wrong = 0
        self.over = False
        self.length = 0
        """Of an event's frame; known after the first one."""
        self.number = self.at = 0
        """Where in a frame these stand."""
        self._head = b""

    @property
    def got(self) -> int:
        return self.bytes // self.length if self.length else 0

    def learn(self, data: bytes) -> None:
        """Measure the first frame once it is whole enough."""
        self._head += data
        head = self._head
        if len(head) < 300 or NUMBER not in head.replace(b'": "', b'":"'):
            return
        size, skip = head[1], 2
        if size == 126:
            size, skip = int.from_bytes(head[2:4]), 4
        elif size == 127:
            size, skip = int.from_bytes(head[2:10]), 10
        self.length = size + skip
        gap = 1 if b'"n": "' in head else 0
        self.number = head.index(b'"n":') + 5 + gap
        self.at = head.index(b'"at":') + 6 + gap


def run(job: Job) -> dict[str, Any]:
    names = [f"bench{number}" for number in range(job.agents)]
    agents = [Agent(job, name) for name in names]
    pages = [[Page(job, name) for _ in range(job.pages)] for name in names]
    dead = [connect(job, f"/ws/frontend/{names[0]}") for _ in range(job.dead)]
    print(json.dumps({"ready": os.getpid()}), flush=True)
    loop = _Loop(job, agents, pages)
    loop.go()
    expected = sum(agent.sent * len(theirs) for agent, theirs in zip(agents, pages, strict=True))
    got = sum(page.got for theirs in pages for page in theirs)
    took = max(1e-9, loop.last - loop.began)
    return {
        "events": sum(agent.sent for agent in agents),
        "acknowledged": sum(agent.acks for agent in agents),
        "expected": expected,
        "delivered": got,
        "lost": expected - got + sum(page.wrong for theirs in pages for page in theirs),
        "cut": sum(page.over for theirs in pages for page in theirs),
        "deliveries_per_s": round(got / took),
        "mb_per_s": round(sum(page.bytes for theirs in pages for page in theirs) / took / 1e6, 1),
        "latency_ms": spread(each / 1e6 for each in loop.latencies),
        "client_cpu_percent": round(loop.cpu / took * 100),
        "dead": len(dead),
    }


class _Loop:
    def __init__(self, job: Job, agents: list[Agent], pages: list[list[Page]]) -> None:
        self.job = job
        self.agents = agents
        self.latencies: list[int] = []
        self.began = self.last = self.cpu = 0.0
        self._paced = job.kind == "paced"
        self._buffer = bytearray(READ)
        self._view = memoryview(self._buffer)
        self._pages = {page.socket.fileno(): page for theirs in pages for page in theirs}
        self._by_socket = {agent.socket.fileno(): agent for agent in agents}
        self._all = [page for theirs in pages for page in theirs]
        self._expected = [(agent, theirs) for agent, theirs in zip(agents, pages, strict=True)]
        self._batch = max(1, (64 << 10) // job.size)
        self._ack = 0

    def go(self) -> None:
        poll = select.epoll()
        for each in self._pages:
            poll.register(each, select.EPOLLIN)
        writing = select.EPOLLIN | select.EPOLLOUT
        for each in self._by_socket:
            poll.register(each, select.EPOLLIN if self._paced else writing)
        self.began = self.last = now = time.perf_counter()
        used, end = time.process_time(), self.began + self.job.seconds
        sending = True
        while True:
            now = time.perf_counter()
            if sending and now >= end:
                sending = False
                for each in self._by_socket:
                    poll.modify(each, select.EPOLLIN)
            if sending and self._paced:
                self._pace(now)
            if not sending:
                for agent in self.agents:
                    agent.push()
                if self._complete() or now - self.last > QUIET:
                    break
            wait = min(STEP, self._next(now)) if sending and self._paced else STEP
            for number, what in poll.poll(wait):
                page = self._pages.get(number)
                if page is not None:
                    if not self._read(page):
                        poll.unregister(number)
                    continue
                agent = self._by_socket[number]
                if what & select.EPOLLIN:
                    self._acknowledged(agent)
                if what & select.EPOLLOUT and sending:
                    if not agent.waiting:
                        agent.waiting.append(memoryview(b"".join(agent.event() for _ in range(self._batch))))
                    agent.push()
        self.cpu = time.process_time() - used

    def _next(self, now: float) -> float:
        agents = self.agents
        return max(0.0, min(self._due(agent, place) for place, agent in enumerate(agents)) - now)

    def _due(self, agent: Agent, place: int) -> float:
        """When an agent's next event is due; agents are spread over the interval."""
        return self.began + (agent.sent + place / len(self.agents)) / self.job.rate

    def _pace(self, now: float) -> None:
        for place, agent in enumerate(self.agents):
            while self._due(agent, place) <= now:
                agent.waiting.append(memoryview(agent.event()))
            agent.push()

    def _complete(self) -> bool:
        return all(page.over or page.got >= agent.sent for agent, theirs in self._expected for page in theirs)

    def _acknowledged(self, agent: Agent) -> None:
        try:
            data = agent.socket.recv(READ)
        except BlockingIOError:
            return
        if not self._ack and data:
            self._ack = data[1] + 2
        agent.bytes += len(data)
        agent.acks = agent.bytes // self._ack if self._ack else 0

    def _read(self, page: Page) -> bool:
        try:
            count = page.socket.recv_into(self._buffer)
        except BlockingIOError:
            return True
        except OSError:
            count = 0
        if not count:
            page.over = True
            return False
        now = time.perf_counter_ns()
        before, page.bytes = page.bytes, page.bytes + count
        if not page.length:
            page.learn(self._view[:count].tobytes())
            if not page.length:
                return True
        length = page.length
        done = (page.bytes - page.at - 20) // length
        first = max(0, (before - page.number + length - 1) // length)
        if not self._paced:
            first = max(first, done)
        for place in range(first, done + 1):
            start = place * length - before
            number = self._view[start + page.number : start + page.number + 8].tobytes()
            if number != b"%08d" % place:
                page.wrong += 1
                continue
            at = int(self._view[start + page.at : start + page.at + 20].tobytes())
            self.latencies.append(now - at)
        self.last = now / 1e9
        return True


if __name__ == "__main__":
    print(json.dumps(run(Job(**json.load(sys.stdin)))), flush=True)
