"""What the server owns: providers, store, characters, sessions. One per process, built by `build.py`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from aizuchi import __version__
from aizuchi.character import Character
from aizuchi.engine.background import Background
from aizuchi.engine.chain import Chain
from aizuchi.engine.encoding import Encodings
from aizuchi.engine.outbox import Outbox
from aizuchi.engine.rules import Rules
from aizuchi.errors import ConfigError, ProviderError
from aizuchi.events import Measured
from aizuchi.ports import Ask, Delivery, Provider, Store
from aizuchi.server import avatars, sound
from aizuchi.server.admission import Token
from aizuchi.server.gate import Capacity, Gate
from aizuchi.server.guesses import Guesses
from aizuchi.server.hub.hub import Hub
from aizuchi.server.ledger import Ledger
from aizuchi.server.link import guarded
from aizuchi.server.pages import Pages
from aizuchi.server.sessions import Live, Sessions
from aizuchi.server.siblings import Siblings
from aizuchi.server.wheel import Wheel

if TYPE_CHECKING:
    from aizuchi.engine.repertoire import Parts
    from aizuchi.engine.session import Session
    from aizuchi.server.console.ports import Console
    from aizuchi.server.mounts import Mounted

log = logging.getLogger(__name__)

Observer = Callable[["Session"], Callable[[], None] | None]
Duty = Callable[[], Coroutine[Any, Any, None]]
CLOSING = 5.0
"""Seconds that sessions have to end at shutdown before they are cancelled."""
STORE_CLOSING = 30.0


class House:
    """Enter it to load providers and to be able to hold sessions; leave it to end them all.

    `observers` are called for each new session and may follow its timeline; what they return is called
    when the session is over. From the views come `measure(session, turn)`, an ended turn's figures, and
    `summary()`, those of all turns; `sent(session, turn, at)` is told of each frame of sound handed to a
    transport, in seconds of the session's clock. `parcel()` packs the summary for another process, `merge`
    puts those of several together. `ledger` and `siblings` are given where the server is several processes
    and each has a house. `capacity` is what the process takes on, `background` the door for work that is no
    turn. `outbox` makes a link's way out; `pages` is what browsers are shown. `prepare` is awaited before
    the first session may come, `duties` run as long as the house is open, `closers` are awaited when all
    sessions have ended and the store is still there. `console` is what operators may look into and
    change. `mounts` are the protocols that are served over it; `hub` is the bitnp relay.
    """

    def __init__(
        self,
        *,
        parts: Parts,
        characters: Mapping[str, Character],
        default_character: str,
        rules: Rules,
        store: Store,
        tokens: Sequence[Token] = (),
        origins: Sequence[str] = (),
        open_: bool = False,
        pages: Pages | None = None,
        resume_ttl: float = 120.0,
        max_sessions: int = 1000,
        capacity: Capacity | None = None,
        background: Background | None = None,
        observers: Sequence[Observer] = (),
        measure: Callable[[Session, int], Measured | None] | None = None,
        sent: Callable[[Session, int, float], None] | None = None,
        summary: Callable[[], Mapping[str, Any]] | None = None,
        parcel: Callable[[], dict[str, Any]] | None = None,
        merge: Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]] | None = None,
        ledger: Ledger | None = None,
        siblings: Siblings | None = None,
        record_sound: bool = False,
        outbox: Callable[[Delivery, Encodings], Outbox] | None = None,
        new_session: Callable[..., Session] | None = None,
        prepare: Sequence[Duty] = (),
        duties: Sequence[Duty] = (),
        closers: Sequence[Duty] = (),
        console: Console | None = None,
        mounts: Sequence[Mounted] = (),
        guesses: Guesses | None = None,
        hub: Hub | None = None,
    ) -> None:
        if default_character not in characters:
            known = ", ".join(sorted(characters)) or "none"
            raise ConfigError(f"the default character {default_character!r} is unknown; there is {known}")
        self.parts = parts
        self.characters = characters
        self.default_character = default_character
        self.rules = rules
        self.store = store
        self.tokens = tuple(tokens)
        self.origins = tuple(origins)
        self.open = open_
        self.pages = pages or Pages()
        self.observers = tuple(observers)
        self.measure = measure
        self.sent = sent
        self.summary = summary
        self.parcel = parcel
        self.merge = merge
        self.siblings = siblings
        self.outbox = outbox or sound.way_out
        self.wheel = Wheel()
        self.console = console
        self.mounts = tuple(mounts)
        self.hub = Hub() if hub is None else hub
        self._record_sound = record_sound
        self._new_session = new_session
        self.background = background or Background(parts.llm, limits=rules.limits)
        self.guesses = Guesses() if guesses is None else guesses
        self.gate = Gate(capacity, ledger=ledger, stop=self.background.pause)
        self.sessions = Sessions(
            make=self._make,
            start=self._start,
            characters=characters,
            default_character=default_character,
            store=store,
            tokens=tokens,
            resume_ttl=resume_ttl,
            max_sessions=max_sessions,
            ledger=ledger,
            gate=self.gate,
            siblings=siblings,
            guesses=self.guesses,
        )
        self._prepare = tuple(prepare)
        self._duties = (*duties, self.gate.watch)
        if siblings is not None:
            # The others live on when this process dies, and clients come back at once.
            self._duties += (self.sessions.safeguard,)
        self._closers = tuple(closers)
        self._running: list[asyncio.Task[None]] = []
        self._stack = contextlib.AsyncExitStack()
        self._group = asyncio.TaskGroup()
        self.entered = False

    # -- life

    async def __aenter__(self) -> Self:
        """Enter every provider. Raises ConfigError; a provider that merely fails stays for its chain."""
        try:
            for provider in self.providers():
                try:
                    await self._stack.enter_async_context(provider)
                except ProviderError as error:
                    log.warning("%s did not start: %s", provider.name, error)
        except BaseException:
            await self._stack.aclose()
            raise
        await self._group.__aenter__()
        for first in self._prepare:
            await guarded(first(), "something could not be prepared")
        self._running = [self._group.create_task(_do(duty)) for duty in self._duties]
        self.hub.open(self._group.create_task)
        self.entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.entered = False
        self.sessions.draining = True
        self.hub.close()
        self.sessions.close("shutdown")
        for duty in self._running:
            duty.cancel()
        try:
            async with asyncio.timeout(CLOSING):
                await self._group.__aexit__(None, None, None)
        except TimeoutError:
            log.warning("some sessions did not end within %.0f s and were cancelled", CLOSING)
        finally:
            for closer in self._closers:
                await guarded(closer(), "something did not close in order")
            await self._stack.aclose()
            try:
                async with asyncio.timeout(STORE_CLOSING):
                    await self.store.close()
            except OSError as problem:
                log.warning("the store did not close in order: %s", problem)

    def providers(self) -> Iterator[Provider]:
        """Each provider once, in the order of the pipeline."""
        seen: set[int] = set()
        parts = self.parts
        turn = () if parts.turn is None else (parts.turn,)
        for provider in (parts.vad, *parts.asr.providers, *turn, *parts.llm.providers, *parts.tts.providers):
            if id(provider) not in seen:
                seen.add(id(provider))
                yield provider

    # -- sessions

    def _make(
        self, id_: str, person: str, character: Character, restored: Mapping[str, Any] | None
    ) -> Session:
        make = self._new_session
        if make is None:
            from aizuchi.engine.session import Session as make
        return make(
            id=id_,
            person=person,
            character=character,
            parts=self.parts,
            rules=self.rules,
            record_sound=self._record_sound,
            restored=restored,
        )

    def _start(self, live: Live) -> None:
        for observe in self.observers:
            stop = observe(live.session)
            if stop is not None:
                live.stop.append(stop)
        self._group.create_task(self._live(live))

    async def _live(self, live: Live) -> None:
        failed = True
        try:
            failed = await guarded(live.session.run(), "a session failed", session=live.session.id)
        finally:
            self.sessions.gone(live, failed=failed)

    async def drain(self, within: float) -> None:
        """See `Sessions.drain`."""
        await self.sessions.drain(within)

    def retune(
        self,
        *,
        rules: Rules,
        characters: Mapping[str, Character],
        default_character: str,
        origins: Sequence[str],
        resume_ttl: float,
        max_sessions: int,
        capacity: Capacity,
        parts: Parts | None = None,
    ) -> None:
        """Other rules from now on. A conversation keeps those it began with."""
        self.rules, self.default_character = rules, default_character
        self.origins = tuple(origins)
        self.parts = parts or self.parts
        self.gate.retune(capacity)
        self.sessions.retune(
            characters=characters,
            default_character=default_character,
            resume_ttl=resume_ttl,
            max_sessions=max_sessions,
        )
        self.meet(characters)

    def meet(self, characters: Mapping[str, Character]) -> None:
        """Other characters from now on; a running conversation's next turn is the changed one's.

        One that is gone stays in the conversations that have it.
        """
        before, self.characters = self.characters, characters
        self.sessions.meet(characters)
        for live in self.sessions:
            had = live.session.character
            now = characters.get(had.name, had)
            # One that was made otherwise for its conversation, such as an agent's, stays so.
            if now is not had and before.get(had.name) is had:
                live.session.recast(now)

    # -- questions

    def answer(self, session: Session, ask: Ask) -> Mapping[str, Any]:
        """Answer a client's question from what the server knows; `error` says what can't be answered."""
        match ask.what:
            case "characters":
                return {"characters": self.about_characters()}
            case "session":
                return {
                    "session": session.id,
                    "character": session.character.name,
                    "state": session.state,
                    "generation": session.generation,
                    "history": session.history_len,
                }
            case other:
                return {"error": f"{other[:40]!r} is not a question this server answers"}

    def display_names(self) -> dict[str, str]:
        """Name -> display name of each character."""
        return {each.name: each.display_name for each in self.characters.values()}

    def about_characters(self) -> list[dict[str, Any]]:
        return [
            {
                "name": each.name,
                "display_name": each.display_name,
                "language": each.language,
                "description": dict(each.description),
                "subtitles": each.subtitles if each.bilingual else "",
                "default": each.name == self.default_character,
                "figure": avatars.figure(each),
            }
            for each in self.characters.values()
        ]

    def about_sessions(self) -> list[dict[str, Any]]:
        """Each session of this process, with the person whose it is."""
        return [
            {
                "session": live.session.id,
                "person": live.session.person,
                "character": live.session.character.name,
                "state": live.session.state,
                "links": len(live.guests()),
                "parked": live.parked,
                "messages": live.session.history_len,
                "seconds": round(live.session.timeline.now, 1),
            }
            for live in self.sessions
        ]

    @property
    def features(self) -> tuple[str, ...]:
        """What this server can do, as a client is told in the welcome."""
        parts = self.parts
        has = {
            "text": bool(parts.llm.providers),
            "hearing": bool(parts.asr.providers),
            "speech": bool(parts.tts.providers),
            "vision": any(model.sees for model in parts.llm.providers),
            "tools": parts.toolbox is not None,
            "resume": True,
        }
        return tuple(name for name, there in has.items() if there)

    @property
    def ready(self) -> bool:
        """Text turns work."""
        return self.entered and any(provider.ready for provider in self.parts.llm.providers)

    @property
    def _status(self) -> str:
        if self.sessions.draining:
            return "draining"
        if not self.ready:
            return "starting"
        return "overloaded" if self.gate.overloaded else "healthy"

    def health(self) -> dict[str, Any]:
        """What `GET /health` says: a superset of {"status": "healthy"} once text turns work."""
        parts = self.parts
        stages = {"asr": parts.asr.providers, "llm": parts.llm.providers, "tts": parts.tts.providers}
        return {
            "status": self._status,
            "version": __version__,
            "asr": _readiness(parts.asr.providers),
            "tts": _readiness(parts.tts.providers),
            "sessions": len(self.sessions),
            "sockets": self.gate.sockets,
            "hub": self.hub.counts(),
            "refused": self.gate.refused,
            "calls": {
                stage: load for stage in ("asr", "llm", "tts") if (load := _load(getattr(parts, stage)))
            },
            "providers": {
                "vad": [_about(parts.vad)],
                "turn": [] if parts.turn is None else [_about(parts.turn)],
                **{stage: [_about(each) for each in providers] for stage, providers in stages.items()},
            },
            "languages": {
                "hears": _languages(parts.asr.providers),
                "speaks": _languages(parts.tts.providers),
            },
            "characters": sorted(self.characters),
        }


async def _do(duty: Duty) -> None:
    await guarded(duty(), "a duty of the server failed")


def _about(provider: Provider) -> dict[str, Any]:
    return {
        "name": provider.name,
        "about": provider.about,
        "ready": provider.ready,
        "embedded": provider.embedded,
    }


def _load(chain: Chain[Any]) -> dict[str, int] | None:
    """How many calls run and wait, of a stage with a limit."""
    permits = chain.permits
    return None if permits is None else {"running": permits.running, "waiting": permits.waiting}


def _readiness(providers: Sequence[Provider]) -> str:
    if not providers:
        return "none"
    return "ready" if any(provider.ready for provider in providers) else "loading"


def _languages(providers: Sequence[Provider]) -> list[str]:
    """ISO 639-1 codes that some provider handles; "*" where one does not restrict them."""
    if any(provider.languages is None for provider in providers):
        return ["*"]
    return sorted(set[str]().union(*(provider.languages or () for provider in providers)))
