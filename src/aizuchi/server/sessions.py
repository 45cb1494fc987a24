"""Which sessions there are, and which link belongs to which.

A session outlives its connection: when the last link that speaks or listens is lost, running work is
cancelled, the session is *parked* and its snapshot put into the store, both for `resume_ttl` seconds.
A client that comes back in that time with the session's resume token, or with a token of the same
person, goes on where it was; after a restart of the server the snapshot alone is enough. Whoever comes
later, or can't show that the session is theirs, gets a fresh one and is told so.

    joined ──lost──▶ parked ──resumed──▶ joined ──bye──▶ closed
                       └──── resume_ttl passes ────▶ closed
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from aizuchi.character import Character
from aizuchi.engine.encoding import Encodings
from aizuchi.errors import ProtocolError, UnknownCharacter
from aizuchi.events import Entry, Forget, Interrupted, TurnEnded
from aizuchi.ports import Join, Store, Welcome
from aizuchi.server import sound
from aizuchi.server.admission import Token, fingerprint, same
from aizuchi.server.gate import Gate
from aizuchi.server.guesses import Guesses
from aizuchi.server.ledger import Ledger, Local
from aizuchi.server.parking import Parking, may_restore
from aizuchi.server.siblings import Siblings
from aizuchi.server.sole import Sole

if TYPE_CHECKING:
    from aizuchi.engine.session import Session

log = logging.getLogger(__name__)

EVICTED = 4409
LOST = "lost"
PLACE = "session"
"""The ledger's kind of a place for a session; there is one key, since they are counted together."""
MOVING = 30.0
"""Seconds that a session's snapshot is there for another process, however short `resume_ttl` is."""


class Guest(Protocol):
    """What the registry needs of a link."""

    id: str

    def end(self, code: int, reason: str, error: ProtocolError | None = None, *, flush: bool = False) -> None:
        """Close the connection soon; synchronous, may be called twice. With `flush` what is due leaves."""
        ...


@dataclass(eq=False)
class Live:
    """A session in this process, with or without a connection."""

    session: Session
    resume_token: str = field(repr=False)
    links: dict[str, Guest] = field(default_factory=dict[str, Guest])
    """Those that speak or listen."""
    witnesses: dict[str, Guest] = field(default_factory=dict[str, Guest])
    unfinished: str = ""
    unfinished_generation: int | None = None
    expiry: asyncio.TimerHandle | None = None
    """Runs while parked."""
    free: Callable[[], None] = lambda: None
    """Gives back its places; called once."""
    encodings: Encodings = field(default_factory=sound.encodings)
    """What its links share of the sound."""
    stop: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    """Ends the observers."""
    stays: bool = True
    """It is parked when its last connection is lost; else it ends."""
    changed: bool = False
    """Since its snapshot was last put into the store."""

    @property
    def parked(self) -> bool:
        return self.expiry is not None

    def read(self, entry: Entry) -> None:
        """A timeline reader: keeps what a lost connection cut off."""
        match entry.event:
            case Interrupted(reason="lost", heard=heard, of_generation=generation):
                self.unfinished, self.unfinished_generation = heard, generation
            case TurnEnded() | Forget():
                self.changed = True
            case _:
                pass

    def guests(self) -> list[Guest]:
        return [*self.links.values(), *self.witnesses.values()]


class Sessions:
    """The registry. Touched from one event loop only.

    `make(id, person, character, restored)` builds a session, `start` runs it until it is closed. `ledger`
    counts the places, `siblings` are other processes of the same server, which may have a session that is
    asked for here.
    """

    def __init__(
        self,
        *,
        make: Callable[[str, str, Character, Mapping[str, Any] | None], Session],
        start: Callable[[Live], None],
        characters: Mapping[str, Character],
        default_character: str,
        store: Store,
        tokens: Sequence[Token] = (),
        resume_ttl: float = 120.0,
        max_sessions: int = 1000,
        ledger: Ledger | None = None,
        gate: Gate | None = None,
        siblings: Siblings | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        self.agents: Mapping[str, Character] = {}
        """Characters that only the server itself asks for, each by its agent's name."""
        self._ledger = ledger or Local()
        self._guesses = Guesses() if guesses is None else guesses
        self._gate = gate or Gate()
        self._siblings = siblings
        self._make = make
        self._start = start
        self._characters = characters
        self._default = default_character
        self._parking = Parking(store, resume_ttl)
        self._tokens = tuple(tokens)
        self._ttl = resume_ttl
        self._max = max_sessions
        self._lives: dict[str, Live] = {}
        self._sole: Sole[Guest] = Sole()
        self.draining = False

    def retune(
        self,
        *,
        characters: Mapping[str, Character],
        default_character: str,
        resume_ttl: float,
        max_sessions: int,
    ) -> None:
        """Other characters and limits for whoever comes from now on."""
        self._characters, self._default = characters, default_character
        self._ttl, self._max = resume_ttl, max_sessions
        self._parking.ttl = resume_ttl

    def meet(self, characters: Mapping[str, Character]) -> None:
        """Other characters for whoever comes from now on."""
        self._characters = characters

    def __len__(self) -> int:
        return len(self._lives)

    def __iter__(self):
        return iter(tuple(self._lives.values()))

    def get(self, session: str) -> Live | None:
        return self._lives.get(session)

    # -- coming

    async def join(
        self, join: Join, guest: Guest, *, header: str = "", address: str = ""
    ) -> tuple[Live, Welcome]:
        """Find or make the session a client asks for and bind its link to it.

        `header` is the secret of the connection's Authorization header, `address` the client's. Raises
        ProtocolError: auth_failed, bad_session, bad_message, overloaded, new_connection, server_shutdown.
        """
        if self.draining:
            raise ProtocolError("the server is shutting down", code="server_shutdown", close=1012)
        now = asyncio.get_running_loop().time()
        token = self._guesses.check(self._tokens, (join.token, header), address, now)
        elsewhere = bool(join.session) and join.session not in self._lives
        # A witness does not carry a session off; it comes to the right process by its address.
        if self._siblings is not None and elsewhere and set(join.roles) != {"witness"}:
            return await self._claimed(self._siblings, join, guest, token)
        return await self._join(join, guest, token)

    async def _claimed(
        self, siblings: Siblings, join: Join, guest: Guest, token: Token | None
    ) -> tuple[Live, Welcome]:
        """Join a session that another process may have: it puts it into the store for us."""
        person = token.who if token is not None else ""
        await siblings.claim(join.session, resume_token=join.resume_token, person=person)
        try:
            return await self._join(join, guest, token)
        finally:
            (siblings.hold if join.session in self._lives else siblings.drop)(join.session)

    async def _join(self, join: Join, guest: Guest, token: Token | None) -> tuple[Live, Welcome]:
        live = self._lives.get(join.session) if join.session else None
        stored = await self._parking.find(join.session) if join.session and live is None else None
        # Another link may have resumed, or the server begun to stop, while the store was asked.
        live = live or (self._lives.get(join.session) if join.session else None)
        if self.draining:
            raise ProtocolError("the server is shutting down", code="server_shutdown", close=1012)
        theirs = (live is not None and self._may_resume(live, join, token)) or (
            live is None and stored is not None and may_restore(stored, join, token)
        )
        if self._tokens and token is None and not theirs and not join.trusted:
            raise ProtocolError("a valid token is needed", code="auth_failed", close=4401)
        if set(join.roles) == {"witness"}:
            if live is None or not theirs:
                raise ProtocolError("there is no such session to follow", code="bad_session", close=4404)
            live.witnesses[guest.id] = guest
            return live, self._greet(live, join, guest, resumed=True)
        if theirs and live is not None:
            entered, resumed = self._taken_over(live, guest), True
        else:
            entered, resumed = await self._enter(join, guest, token, stored if theirs else None)
        if resumed:
            # Else a crash would send them back to where they had been before.
            await self._parking.forget(entered.session.id)
            entered.changed = True
        expired = not resumed and bool(join.session)
        welcome = self._greet(entered, join, guest, resumed=resumed, expired=expired)
        entered.unfinished, entered.unfinished_generation = "", None
        return entered, welcome

    async def _enter(
        self, join: Join, guest: Guest, token: Token | None, stored: Mapping[str, Any] | None
    ) -> tuple[Live, bool]:
        """A session that was not here, and whether it is one of before. Takes a place for it."""
        if stored is None:
            self._wanted(join)
        try:
            if stored is None and join.alone:
                await self._replace(join, guest, token)
            person = token.who if token is not None else ""
            if stored is not None:
                person = str(stored.get("person"))
            return await self._seated(join, guest, token, stored, person)
        except BaseException:
            self._left(guest)
            raise

    async def _seated(
        self, join: Join, guest: Guest, token: Token | None, stored: Mapping[str, Any] | None, person: str
    ) -> tuple[Live, bool]:
        free = await self._place(person if self._tokens else "", new=stored is None)
        try:
            if self.draining:
                raise ProtocolError("the server is shutting down", code="server_shutdown", close=1012)
            live = self._lives.get(join.session) if stored is not None else None
            if live is not None:
                # The same snapshot was taken up by another link while we waited for a place.
                free()
                return self._taken_over(live, guest), True
            if self._sole.lost(guest.id):
                raise _replaced()
            resumed = self._restore(join.session, stored) if stored is not None else None
            entered = resumed or self._fresh(join, token)
        except BaseException:
            free()
            raise
        entered.free, entered.stays = free, join.stays
        self._bind(entered, guest)
        return entered, resumed is not None

    async def _replace(self, join: Join, guest: Guest, token: Token | None) -> None:
        """The newest connection of a token stays; the one before is told, and its session ends."""
        secret = token.secret if token is not None else join.token
        if not secret:
            return
        key = f"{join.protocol} {fingerprint(secret)}"
        before = self._sole.take(key, guest)
        if before is not None:
            self._give_way(before)
        if self._siblings is not None:
            await self._siblings.alone(key, guest.id)

    def replaced(self, key: str, link: str) -> None:
        """A newer connection at another process has a key; ours gives way, also while it is still coming."""
        before = self._sole.lose(key, link)
        if before is not None:
            self._give_way(before)

    def _left(self, guest: Guest) -> None:
        """A connection is over; whoever asked to be the only one leaves its place free."""
        key = self._sole.leave(guest.id)
        if key and self._siblings is not None:
            self._siblings.left(key, guest.id)

    def _give_way(self, before: Guest) -> None:
        gone = _replaced()
        before.end(1008, gone.code, gone)
        for live in self:
            if before.id in live.links:
                self._unbind(live, before, gone.code)
                if not live.links:
                    self.end(live, gone.code)

    def switch(self, live: Live, guest: Guest, name: str) -> Live:
        """A fresh session with another character in this one's place, for the same person and link.

        Raises ProtocolError: nobody is called so, or others take part in this conversation.
        """
        character = self._character(name)
        if live.guests() != [guest]:
            raise ProtocolError("others take part in this conversation")
        session = self._make(secrets.token_urlsafe(16), live.session.person, character, None)
        free, live.free = live.free, lambda: None
        stays = live.stays
        self._unbind(live, guest, "switched")
        self.end(live, "switched")
        fresh = self._admit(session)
        fresh.free, fresh.stays = free, stays
        self._bind(fresh, guest)
        return fresh

    def _may_resume(self, live: Live, join: Join, token: Token | None) -> bool:
        same_person = token is not None and same(token.who, live.session.person)
        return same(live.resume_token, join.resume_token) or same_person

    def _bind(self, live: Live, guest: Guest) -> None:
        if live.expiry is not None:
            live.expiry.cancel()
            live.expiry = None
        live.links[guest.id] = guest

    def _greet(
        self, live: Live, join: Join, guest: Guest, *, resumed: bool = False, expired: bool = False
    ) -> Welcome:
        session = live.session
        owed = resumed and join.roles != ("witness",)
        return Welcome(
            session=session.id,
            link=guest.id,
            character=session.character.name,
            generation=session.generation,
            state=session.state,
            resumed=resumed,
            resume_token=live.resume_token,
            history=session.history_len,
            unfinished=live.unfinished if owed else "",
            unfinished_generation=live.unfinished_generation if owed else None,
            expired=expired,
        )

    def _taken_over(self, live: Live, guest: Guest) -> Live:
        """A second live socket for the same session evicts the first."""
        self._evict(live, tuple(live.links.values()))
        self._bind(live, guest)
        return live

    def _evict(self, live: Live, guests: Sequence[Guest]) -> None:
        talked = bool(live.links)
        for guest in guests:
            guest.end(EVICTED, "another connection has taken over this session")
            self._unbind(live, guest, "evicted")
        if talked:
            live.session.interrupt(LOST)

    async def let_go(self, session: str, resume_token: str, person: str) -> bool:
        """Put a session into the store for another process, whose client has shown these proofs.

        False, and nothing happens, if they do not open it. Its clients here are evicted.
        """
        live = self._lives.get(session)
        if live is None:
            return True
        if not (same(live.resume_token, resume_token) or same(person, live.session.person)):
            return False
        self._evict(live, live.guests())
        self._forget(live)
        try:
            await self._parking.keep(live, at_least=MOVING)
        finally:
            live.session.close("moved")
        return True

    # -- making

    def _character(self, name: str) -> Character:
        """The one a client asks for, or the default one. Raises UnknownCharacter."""
        name = name or self._default
        character = self._characters.get(name)
        if character is None:
            known = ", ".join(sorted(self._characters))
            raise UnknownCharacter(f"there is no character {name[:40]!r}; there is {known}")
        return character

    def _wanted(self, join: Join) -> Character:
        agent = self.agents.get(join.character) if join.trusted else None
        return agent or self._character(join.character)

    def _fresh(self, join: Join, token: Token | None) -> Live:
        character = self._wanted(join)
        id_ = secrets.token_urlsafe(16)
        person = token.who if token is not None else join.person or f"anonymous-{id_}"
        return self._admit(self._make(id_, person, character, None))

    def _restore(self, id_: str, stored: Mapping[str, Any]) -> Live | None:
        """The session a snapshot describes, or None if it can't be read (an older version wrote it)."""
        try:
            character = self._characters.get(str(stored["character"])) or self._characters[self._default]
            session = self._make(id_, str(stored["person"]), character, stored["snapshot"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("a parked session could not be restored: %r", error)
            return None
        live = self._admit(session)
        live.unfinished = str(stored.get("unfinished") or "")
        live.unfinished_generation = stored.get("unfinished_generation")
        return live

    def _admit(self, session: Session) -> Live:
        live = Live(session, resume_token=secrets.token_urlsafe(24))
        live.stop.append(session.timeline.follow(live.read))
        self._lives[session.id] = live
        if self._siblings is not None:
            self._siblings.hold(session.id)
        self._start(live)
        return live

    async def _place(self, person: str, *, new: bool) -> Callable[[], None]:
        """A place for one more session, of all and of its person's; returns what gives it back.

        At the limit a parked session makes way, ours first; its snapshot stays in the store.
        """
        of_token = await self._gate.admit(person, new=new, make_room=lambda: self.end_oldest_parked(person))
        try:
            while not await self._ledger.acquire(PLACE, "", self._max):
                if self.end_oldest_parked():
                    continue
                if self._siblings is None or not await self._siblings.make_room():
                    raise self._gate.turned_away(f"all {self._max} places are taken; try again later")
        except BaseException:
            of_token()
            raise

        def free() -> None:
            of_token()
            self._ledger.release(PLACE, "")

        return free

    def end_oldest_parked(self, person: str | None = None) -> bool:
        """End the session parked longest, of anybody or of one person; False if there is none."""
        oldest = min(
            (
                live
                for live in self._lives.values()
                if live.expiry is not None and person in (None, live.session.person)
            ),
            key=lambda live: live.expiry.when() if live.expiry else 0.0,
            default=None,
        )
        if oldest is None:
            return False
        self.end(oldest, "overloaded")
        return True

    # -- going

    async def lost(self, live: Live, guest: Guest, reason: str) -> None:
        """A link's connection is gone without a goodbye. Parks the session if it was the last."""
        self._left(guest)
        if not self._unbind(live, guest, reason) or live.links or live.session.id not in self._lives:
            return
        live.session.interrupt(LOST)
        if self._ttl <= 0 or not live.stays:
            self.end(live, LOST)
            return
        loop = asyncio.get_running_loop()
        live.expiry = loop.call_later(self._ttl, self.end, live, "expired")
        await self._parking.keep(live)

    def _unbind(self, live: Live, guest: Guest, reason: str) -> bool:
        """Whether it was one of those that speak or listen."""
        spoke = live.links.pop(guest.id, None) is not None
        if spoke or live.witnesses.pop(guest.id, None) is not None:
            live.session.leave(guest.id, reason)
        return spoke

    def end(self, live: Live, reason: str) -> None:
        """Close a session. What the store holds of it stays until its time is over."""
        if self._forget(live):
            live.session.close(reason)

    def _forget(self, live: Live) -> bool:
        """It is no longer one of ours, and its place is free; False if it was not."""
        if live.expiry is not None:
            live.expiry.cancel()
            live.expiry = None
        if self._lives.get(live.session.id) is not live:
            return False
        del self._lives[live.session.id]
        live.free()
        if self._siblings is not None:
            self._siblings.drop(live.session.id)
        return True

    async def safeguard(self, every: float = 1.0) -> None:
        """Keep a snapshot of each conversation in the store while it runs, in case that this process dies.

        Soon after each turn, and again before the store lets go of it. Runs until cancelled. Who comes back
        finds the conversation as it was after its last turn.
        """
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.sleep(every)
            all_again = loop.time() - renewed > self._ttl / 2
            renewed = loop.time() if all_again else renewed
            for live in self:
                if live.links and live.stays and (live.changed or all_again):
                    live.changed = False
                    await self._parking.keep(live, running=True)

    async def bye(self, live: Live, guest: Guest) -> None:
        """The client said goodbye: the session ends, and every other link of it too."""
        self._left(guest)
        for other in live.guests():
            if other is not guest:
                other.end(1000, "the session has ended")
        self.end(live, "bye")
        await self._parking.forget(live.session.id)

    def gone(self, live: Live, *, failed: bool) -> None:
        """The session's task has ended, by `end` or of itself."""
        self._forget(live)
        for guest in live.guests():
            guest.end(1011 if failed else 1000, "the session failed" if failed else "the session has ended")
        for stop in live.stop:
            stop()

    async def drain(self, within: float) -> None:
        """No new sessions; running turns may end within so many seconds; then clients are told.

        Snapshots go into the store, so that a store that outlives the process lets clients resume.
        """
        self.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), asyncio.TaskGroup() as group:
                for live in self:
                    group.create_task(live.session.drain(within))
        error = ProtocolError("the server is shutting down", code="server_shutdown", close=1012)
        for live in self:
            talks = bool(live.links)
            for guest in live.guests():
                guest.end(1012, "the server is shutting down", error, flush=True)
                self._unbind(live, guest, "shutdown")
            if talks and live.stays:
                # Clients see nothing any more: the snapshot can't fall behind what they have seen.
                live.session.interrupt(LOST)
                await self._parking.keep(live)

    def close(self, reason: str) -> None:
        for live in self:
            self.end(live, reason)


def _replaced() -> ProtocolError:
    return ProtocolError(
        "another client has connected with the same token", code="new_connection", close=1008
    )
