"""One connection: messages in to the session, entries out to the client.

Two tasks. The *reader* takes a message, lets the wire decode it, and feeds the session. The *writer*
sends one frame at a time: it waits until the transport has room, and only then asks what may leave now.
Between that question and the hand-over nothing else can run, so an interrupt that came meanwhile has
already emptied the outbox, and after its acknowledgement nothing of the dead turn can follow.

Timeline entries arrive through `_follow`, synchronously and whatever the writer is doing. Answers to the
asking client alone (pong, refusal, welcome) go through a small queue of their own that the writer
empties first; they are encoded in the order in which they leave, since a wire numbers its messages.

This is a border: whatever a wire or a session raises ends this one link, is logged here with its
traceback, and the client gets close code 1011.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from aizuchi.engine.outbox import REPLY, Outbox
from aizuchi.errors import ProtocolError
from aizuchi.events import Entry, Input, Interrupted, MicAudio, Packet, Recorded, TurnEnded
from aizuchi.ports import Ask, Frame, Join, Leave, Wire
from aizuchi.server.admission import Allowance, Pace
from aizuchi.server.pipe import Gone, Pipe

if TYPE_CHECKING:
    from aizuchi.server.house import House
    from aizuchi.server.sessions import Live

log = logging.getLogger(__name__)

WAITING_ANSWERS = 64
"""Answers that may wait for a client that does not read; then we stop reading from it, too."""
MOST_WAITING = 30_000
"""Entries and frames that may wait for one client: ten minutes of sound."""


async def guarded(running: Coroutine[Any, Any, None], what: str, **about: str) -> bool:
    """Run something that belongs to one client; log whatever it raises. Returns whether it failed."""
    try:
        await running
    except Exception:
        log.exception("%s", what, extra=about)
        return True
    return False


class Link:
    """One client's connection, from the accepted socket to its end.

    `header` is the secret of its Authorization header, `address` where it comes from. `clock` gives
    monotonic seconds for pacing and must be the event loop's own time base, `wall` wall-clock seconds for the
    wire's stamps.
    """

    def __init__(
        self,
        house: House,
        wire: Wire,
        pipe: Pipe,
        *,
        header: str = "",
        address: str = "",
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.id = "link-" + secrets.token_hex(4)
        self._house = house
        self._wire = wire
        self._pipe = pipe
        self._header = header
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._wall = wall
        self._gate = house.gate
        self._pace = Pace(wire.LIMITS, self._clock(), per_minute=house.gate.capacity.messages_per_minute)
        self._sound: Allowance | None = None
        self._live: Live | None = None
        self._join_as: Join | None = None
        self._outbox: Outbox | None = None
        self._unfollow: Callable[[], None] = lambda: None
        self._measures = False
        self._answers: deque[Frame] = deque()
        self._frames: Iterator[Frame] = iter(())
        self._sending: Entry | None = None
        self._wake = asyncio.Event()
        self._alarm = house.wheel.alarm(self._wake.set)
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._written = False
        """The writer has ended."""
        self._reason = "lost"
        self._closing: tuple[int, str] | None = None
        self._last_words: ProtocolError | None = None
        self._flush = False

    # -- life

    async def run(self) -> None:
        """Serve the connection until it is over. Never raises for what client, wire or session do."""
        try:
            failed = await guarded(self._converse(), "a link failed", link=self.id)
            if failed:
                try:
                    await self._pipe.close(1011, "internal error")
                except Gone:
                    log.debug("%s was gone before it could be told", self.id)
        finally:
            self._unfollow()
            if self._live is not None:
                await self._house.sessions.lost(self._live, self, self._reason)

    async def _converse(self) -> None:
        late = self._loop.call_later(self._wire.LIMITS.handshake_timeout, self._late)
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write())
                try:
                    await self._read()
                finally:
                    writer.cancel()
        finally:
            late.cancel()
            self._alarm.set(None)

    def _late(self) -> None:
        if self._live is None:
            seconds = self._wire.LIMITS.handshake_timeout
            late = ProtocolError(f"no valid hello within {seconds:g} seconds", code="too_late", close=1008)
            self.end(1008, str(late), late)

    def end(self, code: int, reason: str, error: ProtocolError | None = None, *, flush: bool = False) -> None:
        """Close the connection soon, after telling it `error` in its own words. May be called twice.

        With `flush` what is due now still leaves first; else nothing but answers already given.
        """
        if self._closing is None:
            self._closing, self._last_words, self._flush = (code, reason), error, flush
            self._reason = reason
            self._unfollow()
            self._wake.set()
            self._emptied.set()

    # -- in

    async def _read(self) -> None:
        while True:
            try:
                message = await self._pipe.receive()
            except Gone as gone:
                if gone.reason:
                    self._reason = gone.reason
                return
            if self._closing is not None:
                continue
            match self._pace.judge(self._clock()):
                case "pass":
                    await self._take(message)
                case "warn":
                    self._slow_down()
                case "close":
                    self.end(1008, "too many messages")
                case "drop":
                    pass
            # Not to read on is the one answer that a client which never reads understands.
            await self._emptied.wait()

    async def _take(self, message: Frame) -> None:
        try:
            for event in self._wire.receive(message, self._wall()):
                await self._handle(event)
                if self._closing is not None:
                    return
        except ProtocolError as error:
            self._refuse(error)

    async def _handle(self, event: Input | Join | Ask | Leave | Frame) -> None:
        match event:
            case str() | bytes():
                self._answer(iter((event,)))
            case Join():
                await self._join(event)
            case _ if self._live is None:
                raise ProtocolError("say hello first", code="auth_failed", close=4401)
            case Ask(what="character", args=args):
                result = self._switch(self._live, str(args.get("name", "")))
                self._answer(self._wire.answer(event, result, self._wall()))
            case Ask():
                result = self._house.answer(self._live.session, event)
                self._answer(self._wire.answer(event, result, self._wall()))
            case Leave():
                live, self._live = self._live, None
                self._reason = "bye"
                self.end(1000, "goodbye", flush=True)
                live.session.leave(self.id, "bye")
                await self._house.sessions.bye(live, self)
            case MicAudio() | Recorded() if self._sound is not None and not self._may_sound(
                self._sound, event
            ):
                pass
            case _:
                self._live.session.feed(replace(event, link=self.id))

    def _slow_down(self) -> None:
        """Messages come too fast, or were too many in the last minute."""
        wait = self._pace.opens_in_ms
        most = self._gate.capacity.messages_per_minute
        why = (
            "too many messages; slow down" if wait is None else f"at most {most} messages a minute are taken"
        )
        self._refuse(ProtocolError(why, code="rate_limited", retry_after_ms=wait))

    def _may_sound(self, allowance: Allowance, sound: MicAudio | Recorded) -> bool:
        """Whether so much sound is still allowed; if not, client and timeline are told once."""
        verdict = allowance.take(len(sound.pcm) / 2 / sound.rate, self._clock())
        if verdict == "warn" and self._live is not None:
            per_minute = self._gate.capacity.audio_seconds_per_minute
            why = f"more than {per_minute:g} seconds of sound a minute are not heard"
            self._live.session.drop("sound", why)
            self._refuse(ProtocolError(why, code="rate_limited", retry_after_ms=allowance.opens_in_ms))
        return verdict == "pass"

    async def _join(self, join: Join) -> None:
        if self._live is not None:
            raise ProtocolError("this connection has joined already", code="bad_message")
        live, welcome = await self._house.sessions.join(
            join, self, header=self._header, address=self._address
        )
        self._live, self._join_as = live, join
        if self._closing is not None:
            return
        session = live.session
        self._sound = self._gate.sound(session.person if self._house.tokens else session.id)
        self._measures = join.measures
        welcome = replace(welcome, limits=self._limits(), features=self._house.features)
        self._answer(self._wire.welcome(welcome, self._wall()))
        self._take_seat(live, join)
        if join.greeted and not welcome.resumed:
            session.greet()

    def _take_seat(self, live: Live, join: Join) -> None:
        """From here on the session is heard, and hears us."""
        session = live.session
        self._outbox = self._house.outbox(self._wire.delivery, live.encodings)
        self._unfollow = session.timeline.follow(self._follow)
        session.join(
            self.id,
            join.roles,
            mode=join.mode,
            protocol=join.protocol,
            tools=join.tools,
            paced=self._wire.delivery.paced,
            cancels_echo=join.cancels_echo,
            coast_ms=0.0 if self._wire.delivery.can_hold else self._wire.delivery.lead_ms,
            streams=join.streams,
        )

    def _switch(self, live: Live, name: str) -> Mapping[str, Any]:
        """Go on with another character, that is, in a fresh session; what the old one still had to say is
        dropped. The answer names the character, or says in `error` why it is still the old one."""
        try:
            fresh = self._house.sessions.switch(live, self, name)
        except ProtocolError as error:
            return {"error": str(error)}
        assert self._join_as is not None
        self._unfollow()
        self._frames, self._sending = iter(()), None
        self._live = fresh
        self._take_seat(fresh, self._join_as)
        return {"character": fresh.session.character.name, "session": fresh.session.id}

    def _limits(self) -> dict[str, Any]:
        rules = self._house.rules
        return {
            "chunk_ms": 200,
            "max_message": self._wire.LIMITS.max_message,
            "max_text": rules.max_text_chars,
            "max_images": rules.max_images,
            "max_image_bytes": rules.max_image_bytes,
            "max_context_chars": rules.max_context_chars,
            "queue": rules.waiting_turns,
        }

    def _refuse(self, error: ProtocolError) -> None:
        code = self._wire.close_code(error)
        if code is not None:
            self.end(code, str(error), error)
        else:
            self._answer(self._wire.refuse(error, self._wall()))

    def _answer(self, frames: Iterator[Frame]) -> None:
        if self._written:
            return
        self._answers.extend(frames)
        if len(self._answers) > WAITING_ANSWERS:
            self._emptied.clear()
        self._wake.set()

    # -- out

    def _follow(self, entry: Entry) -> None:
        """The timeline's reader: quick, never raises."""
        outbox = self._outbox
        if outbox is None:
            return
        outbox.put(entry, self._clock())
        if outbox.waiting > MOST_WAITING:
            self.end(1008, "this client takes less than it is given")
            return
        sending = self._sending
        if (
            isinstance(entry.event, Interrupted)
            and sending is not None
            and sending.generation < entry.generation
            and isinstance(sending.event, REPLY)
        ):
            # Half of a dead entry has left; the other half does not.
            self._frames, self._sending = iter(()), None
        self._wake.set()

    async def _write(self) -> None:
        try:
            while True:
                await self._pipe.room()
                frame, wait_until = self._next()
                if frame is not None:
                    await self._pipe.send(frame)
                    self._note_sound()
                elif self._closing is not None:
                    await self._pipe.close(*self._closing)
                    return
                else:
                    await self._idle(wait_until)
        except Gone as gone:
            # The reader learns of it from the pipe; this only keeps the better reason.
            self._reason = gone.reason or self._reason
            self._pipe.abort()
        finally:
            # Nothing leaves any more: what is still answered waits for nobody, and nobody waits for it.
            self._written = True
            self._emptied.set()

    def _note_sound(self) -> None:
        """Tell whoever measures interrupts when sound of a turn was last handed over."""
        if self._house.sent is None or self._live is None or self._sending is None:
            return
        packet = self._sending.event
        if isinstance(packet, Packet) and packet.data:
            session = self._live.session
            self._house.sent(session, packet.turn, session.timeline.now)

    def _next(self) -> tuple[Frame | None, float | None]:
        """The one frame that leaves now, or when to ask again (None: when woken)."""
        self._wake.clear()
        while True:
            if self._answers:
                frame = self._answers.popleft()
                if len(self._answers) <= WAITING_ANSWERS:
                    self._emptied.set()
                return frame, None
            outbox = self._outbox if self._closing is None or self._flush else None
            if outbox is not None:
                frame = next(self._frames, None)
                if frame is not None:
                    return frame, None
                self._sending = outbox.take(self._clock())
                if self._sending is not None:
                    self._frames = self._encode(self._sending)
                    continue
            if self._last_words is not None:
                error, self._last_words = self._last_words, None
                self._answers.extend(self._wire.refuse(error, self._wall()))
                continue
            if self._closing is not None:
                return None, None
            frames, next_tick = self._wire.tick(self._wall())
            self._answers.extend(frames)
            if not self._answers:
                return None, self._deadline(next_tick)

    def _deadline(self, next_tick: float | None) -> float | None:
        now = self._clock()
        due = self._outbox.deadline(now) if self._outbox is not None else None
        tick = None if next_tick is None else now + max(0.0, next_tick - self._wall())
        return min((each for each in (due, tick) if each is not None), default=None)

    def _encode(self, entry: Entry) -> Iterator[Frame]:
        """An entry's frames, made one by one as they leave; an ended turn's figures follow it."""
        frames = self._wire.send(entry, self._wall())
        event = entry.event
        if not (isinstance(event, TurnEnded) and self._measures and self._house.measure and self._live):
            return frames
        measured = self._house.measure(self._live.session, event.turn)
        if measured is None:
            return frames
        return chain(frames, self._wire.send(replace(entry, event=measured), self._wall()))

    async def _idle(self, until: float | None) -> None:
        self._alarm.set(until)
        await self._wake.wait()
