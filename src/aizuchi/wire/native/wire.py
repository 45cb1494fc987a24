"""The native protocol of one connection: `/digital-human/ws`, subprotocol `dh.v1`. See docs/wire/native.md.

Two halves share the numbering of the envelope: `Inward` hears, `Outward` speaks. What is decided here is
the beginning: who is welcomed, what is sent first, and what the client's wishes mean for delivery.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, cast

from aizuchi import __version__
from aizuchi.errors import ProtocolError
from aizuchi.events import Entry, Input, StateChanged
from aizuchi.ports import Ask, Delivery, Frame, Join, Leave, Limits, Welcome, Wire
from aizuchi.wire.native import down, up
from aizuchi.wire.native.inward import Inward
from aizuchi.wire.native.ledger import Ledger
from aizuchi.wire.native.numbering import Numbering
from aizuchi.wire.native.outward import Outward

LEAD_MS = 200
LEAD_HOLD_MS = 800
"""A client that can pause may have more in its buffer, since a pause costs nothing."""


class NativeWire(Wire):
    """One client of the native protocol, versions v0.1 and v0.2.

    `token_required`: nothing but a valid hello is taken first. Whether its token is right is the server's
    business.
    """

    protocol: ClassVar[str] = up.PROTOCOL
    path: ClassVar[str] = "/digital-human/ws"
    subprotocols: ClassVar[tuple[str, ...]] = (up.PROTOCOL,)
    # One image of 8 MiB in base64 and its message fit.
    LIMITS: ClassVar[Limits] = Limits(max_message=12 << 20)

    def __init__(self, *, token_required: bool) -> None:
        self._numbering = Numbering()
        self._ledger = Ledger()
        self._inward = Inward(self._numbering, self._ledger, token_required=token_required)
        self._outward: Outward | None = None

    @property
    def delivery(self) -> Delivery:
        wishes = self._inward.wishes
        holds = "hold" in wishes.want
        return Delivery(
            codec="none" if wishes.audio == "none" else "pcm_s16le",
            frame_ms=20,
            lead_ms=LEAD_HOLD_MS if holds else LEAD_MS,
            can_hold=holds,
            paced="stream" in wishes.want,
        )

    def receive(self, message: Frame, now: float) -> Iterator[Input | Join | Ask | Leave | Frame]:
        """Decode one message. Lazily: what follows a `Join` is decoded after the welcome."""
        return cast("Iterator[Input | Join | Ask | Leave | Frame]", self._inward.receive(message, now))

    def welcome(self, welcome: Welcome, now: float) -> Iterator[Frame]:
        wishes, numbering = self._inward.wishes, self._numbering
        numbering.session, numbering.generation = welcome.session, welcome.generation
        self._inward.welcome(welcome.state, welcome.limits)
        self._outward = Outward(numbering, self._ledger, wishes, welcome.generation)
        for message in self._greeting(welcome):
            yield numbering.seal(message, now)

    def _greeting(self, welcome: Welcome) -> Iterator[down.Down]:
        yield down.HelloAck(
            protocol=up.PROTOCOL,
            server=f"aizuchi/{__version__}",
            character=welcome.character,
            resumed=welcome.resumed,
            resume_token=welcome.resume_token or None,
            limits=dict(welcome.limits),
            features=list(welcome.features),
        )
        if welcome.expired:
            message = "the session to be resumed is gone; this is a new one"
            yield down.Error(code="resume_expired", message=message, recoverable=False, stage="gateway")
        if not welcome.resumed:
            return
        state = cast(down.StateWord, welcome.state)
        yield down.ResumeAck(state=state, history_len=welcome.history)
        yield down.StateUpdate(state=state, previous=state, reason="resumed")
        if welcome.unfinished or welcome.unfinished_generation is not None:
            # With the present generation, since a client drops lower ones; the lost one is named beside it.
            yield down.AssistantTextEnd(
                text=welcome.unfinished,
                finish_reason="interrupted",
                of_generation=welcome.unfinished_generation,
            )

    def send(self, entry: Entry, now: float) -> Iterator[Frame]:
        """The frames of an entry, made as they leave. Nothing before the welcome."""
        if isinstance(entry.event, StateChanged):
            self._inward.see(entry.event)
        return iter(()) if self._outward is None else self._outward.send(entry, now)

    def refuse(self, error: ProtocolError, now: float) -> Iterator[Frame]:
        if error.close == 1000:  # A goodbye is no error.
            return
        message = down.Error(
            code=error.code,
            message=str(error),
            recoverable=error.close is None,
            stage="gateway",
            retry_after_ms=error.retry_after_ms,
        )
        yield self._numbering.seal(message, now)
