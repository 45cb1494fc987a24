"""One conversation: its links, what they send, its beginning and its end.

Everything public is synchronous and quick except `run` and `drain`; a session is touched from one event
loop only. All its tasks live in one TaskGroup that `run` holds. Its rooms: `listening` hears, `turns`
speak, `scribe` writes the timeline.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aizuchi.character import Character
from aizuchi.engine.backchannels import only_backchannel
from aizuchi.engine.bilingual.form import form_of
from aizuchi.engine.briefing import Briefing
from aizuchi.engine.company import Company
from aizuchi.engine.history import History
from aizuchi.engine.lecture_tools import LectureTools
from aizuchi.engine.lecturing import Lecturing
from aizuchi.engine.links import Link, Links
from aizuchi.engine.listening import Listening
from aizuchi.engine.pictures import Pictures
from aizuchi.engine.prompt import Contexts
from aizuchi.engine.repertoire import Parts, Repertoire
from aizuchi.engine.rules import Rules
from aizuchi.engine.scope import Scope
from aizuchi.engine.scribe import Scribe
from aizuchi.engine.toolroom import ToolRoom
from aizuchi.engine.turn import Claim
from aizuchi.engine.turns import Turns
from aizuchi.engine.warming import Warming
from aizuchi.events import (
    OWNER,
    Attach,
    Author,
    Cause,
    Forget,
    Happened,
    Image,
    Input,
    Interrupt,
    LinkClosed,
    LinkOpened,
    Listen,
    ListenMode,
    MicAudio,
    Noted,
    Played,
    Recorded,
    Role,
    SessionClosed,
    SessionOpened,
    State,
    Steer,
    ToolResult,
    Typed,
)
from aizuchi.lectures import Lecture
from aizuchi.ports import Hints, Responder, ToolContext, ToolSpec
from aizuchi.timeline import Timeline

log = logging.getLogger(__name__)


class Session:
    """One character in conversation with one person over any number of links."""

    def __init__(
        self,
        *,
        id: str,
        person: str,
        character: Character,
        parts: Parts,
        rules: Rules | None = None,
        record_sound: bool = False,
        restored: Mapping[str, Any] | None = None,
    ) -> None:
        """`restored` is the `snapshot` of an earlier one. Raises TypeError or ValueError if it is none."""
        saved = restored or {}
        self.id = id
        self.person = person
        self.character = character
        self.rules = rules = rules or Rules()
        self.timeline = Timeline(_now, first_seq=int(saved.get("seq", 0)))
        self.history = History(form=form_of(character))
        self.links = Links()
        self._resumed = restored is not None
        self._closing: str | None = None
        self._scope = Scope()
        self._scribe = scribe = Scribe(id, self.timeline, lambda: parts.degraded)
        self._retriever = parts.retriever
        self._contexts = Contexts(rules.max_context_chars)
        self._pictures = Pictures(rules)
        self._repertoire = Repertoire(parts, character, rules, self.links)
        self._lecturing: Lecturing | None = None
        toolbox = parts.toolbox
        if character.lecture is not None:
            toolbox = LectureTools(lambda: self._lecturing, toolbox)
        self._tools = ToolRoom(toolbox, ToolContext(id, person, character.name), rules, self._scope.spawn)
        self._briefing = briefing = Briefing(
            id,
            person,
            character,
            rules,
            history=self.history,
            contexts=self._contexts,
            tools=self._tools,
            links=self.links,
            retriever=parts.retriever,
            shown=lambda: None if self._lecturing is None else self._lecturing.context,
        )
        self.turns = Turns(
            scribe,
            self.links,
            rules,
            style=character.style,
            language=character.language,
            briefing=briefing,
            tools=self._tools,
            repertoire=self._repertoire,
            spawn=self._scope.spawn,
            pictured=lambda: bool(self._pictures),
        )
        warming = Warming(parts.asr, parts.llm, parts.tts, spawn=self._scope.spawn)
        self.listening = self.turns.ears = Listening(
            scribe,
            self.turns,
            self.links,
            parts.vad,
            parts.asr,
            rules,
            understood=self._understood,
            misheard=self._misheard,
            warm=warming.warm,
            spawn=self._scope.spawn,
            hints=Hints(phrases=(character.display_name,)),
            hum_every=character.hum_every,
            record=record_sound,
            small=lambda text: only_backchannel(text, self.character.backchannels),
            turn=parts.turn,
            language=character.language,
        )
        if character.lecture is not None:
            self._lecturing = self._lectures(character.lecture, parts)
        if restored is not None:
            self._restore(restored)
        if rules.silences.nudge_after or rules.silences.goodbye_after:
            self._scope.spawn(Company(self, parts.tts, rules).run())
        self.timeline.follow(self.history.read)
        self.timeline.follow(warming.read)

    def _lectures(self, lecture: Lecture, parts: Parts) -> Lecturing:
        lecturing = Lecturing(
            lecture,
            self._scribe,
            self.turns,
            self.character,
            parts.tts,
            self.rules,
            parts.animator,
            present=lambda: bool(self.links),
        )
        self.turns.standing = lecturing.claim
        self.timeline.follow(lecturing.read)
        return lecturing

    @property
    def state(self) -> State:
        return self._scribe.state

    @property
    def generation(self) -> int:
        """Rises with each turn and each interrupt."""
        return self._scribe.generation

    @property
    def now(self) -> float:
        """Seconds on the session's clock."""
        return self._scribe.now

    @property
    def history_len(self) -> int:
        return len(self.history)

    # ------------------------------------------------------------------ life

    async def run(self) -> None:
        """Until `close`. Owns every task of the session; when it returns none is left."""
        self._scribe.append(SessionOpened(self.id, self.character.name, self.person, self._resumed))
        await self._scope.run()
        self._scribe.append(SessionClosed(self._closing or "closed"))

    def close(self, reason: str) -> None:
        """End the conversation: silence first, then `run` tidies up and returns."""
        if self._closing is None:
            self.turns.silence("closed", close_mic=True)
            self._closing = reason
            self.turns.closed = True
            self._scope.end()

    async def drain(self, seconds: float) -> None:
        """Take no new turns and wait, so many seconds at most, until the running one has ended."""
        self.turns.draining = True
        self.turns.attempts.drop("interrupted")
        self.turns.shed("the conversation is ending")
        try:
            async with asyncio.timeout(seconds):
                await self.turns.quiet()
        except TimeoutError:
            log.info("session %s: a turn was still running after %.1f s", self.id, seconds)

    def snapshot(self) -> dict[str, Any]:
        """What a resumed session needs, as JSON-able values."""
        return {
            "history": self.history.dump(),
            "contexts": self._contexts.dump(),
            "generation": self.generation,
            "turns": self.turns.count,
            "utterances": self.listening.utterances,
            "habits": self.listening.pauses.habits.dump(),
            "seq": self.timeline.next_seq,
            "character": self.character.name,
            **({} if self._lecturing is None else {"lecture": self._lecturing.dump()}),
        }

    def _restore(self, saved: Mapping[str, Any]) -> None:
        self.history.load(saved.get("history", []))
        self._contexts.load(saved.get("contexts", []))
        self._scribe.generation = int(saved.get("generation", 0)) + 1
        self.turns.count = int(saved.get("turns", 0))
        self.listening.utterances = int(saved.get("utterances", 0))
        self.listening.pauses.habits.load(saved.get("habits", []))
        if self._lecturing is not None:
            self._lecturing.load(saved.get("lecture"))

    def recast(self, character: Character) -> None:
        """The character has changed: from the next turn on it is this one. What runs goes on as it began.

        How it hums, which language the recogniser expects and what it calls the character stay until the next
        conversation.
        """
        self.character = character
        self._repertoire.character = character
        self._briefing.character = character
        self.history.form = form_of(character)
        self.turns.style, self.turns.language = character.style, character.language

    # ------------------------------------------------------------------ links

    def join(
        self,
        link: str,
        roles: tuple[Role, ...],
        *,
        mode: ListenMode | None = None,
        protocol: str = "",
        tools: Sequence[ToolSpec] = (),
        paced: bool = True,
        coast_ms: float = 0.0,
        cancels_echo: bool = False,
        streams: bool = False,
    ) -> None:
        """A client has come. Without an ear among the links replies are text only.

        `paced` is its delivery's: False means that it gets a reply's sound in one piece at the end.
        `streams`: while it is the reference ear, text goes straight into voices that take it.
        `coast_ms`: its lead if it can't pause what it has, since that is played whatever happens here.
        """
        specs = tuple(replace(spec, place="client") for spec in tools)
        mode = mode or self.rules.hearing.mode
        self.links.join(Link(link, roles, mode, specs, coast_ms, cancels_echo, paced, streams))
        self._scribe.append(LinkOpened(link, roles, protocol))
        if self._lecturing is not None and roles != ("witness",):
            # Whoever is to be greeted is greeted first.
            asyncio.get_running_loop().call_soon(self._lecturing.start)

    def leave(self, link: str, reason: str = "") -> None:
        """A client has gone; what only it could give is given up."""
        gone = self.links.leave(link)
        if gone is None:
            return
        self.listening.left(link)
        self._tools.lost({spec.name for spec in gone.tools} - {spec.name for spec in self.links.tools})
        self._scribe.append(LinkClosed(link, reason))
        if (turn := self.turns.stage.active) is not None:
            turn.moved()

    # ------------------------------------------------------------------ inputs

    def feed(self, input: Input) -> None:
        """Take one input of a link. Never raises; what can't be served is said on the timeline."""
        if self._closing is not None:
            return
        if not isinstance(input, Played):
            self.links.gave_input(input.link)
        match input:
            case MicAudio():
                self.listening.sound(input)
            case Recorded():
                self.listening.recorded(input)
            case Typed():
                self._typed(input)
            case Listen():
                self._scribe.append(input)
                self.listening.listen(input)
            case Interrupt(reason=reason):
                self._scribe.append(input)
                self.interrupt(reason)
            case Played():
                self.turns.played(input)
            case Attach(image=image):
                self._attach(image)
            case Noted():
                self._noted(input)
            case ToolResult():
                self._scribe.append(input)
                if not self._tools.answered(input):
                    self._scribe.drop("tool_result", f"no call {input.id!r:.40} waits for a result")
            case Happened() | Forget():
                self._scribe.append(input)
            case Steer(action=action, page=page):
                self._scribe.append(input)
                if self._lecturing is None:
                    self._scribe.drop("steer", "there is no lecture")
                elif not self._lecturing.steer(action, page):
                    self._scribe.drop("steer", f"there is nothing to {action}")
            case _:
                self._scribe.drop(type(input).__name__, "the engine has no use for it")

    def _typed(self, typed: Typed) -> None:
        bare = tuple(replace(image, data=b"") for image in typed.images)
        self._scribe.append(replace(typed, images=bare))
        text, most = typed.text.strip(), self.rules.max_text_chars
        if len(text) > most:
            self._refuse(f"text has {len(text)} characters, at most {most} are taken")
            return
        if not text and not typed.images and not self._pictures:
            self._scribe.drop("text", "it was empty")
            return
        images, refused = self._pictures.take(typed.images)
        for reason in refused:
            self._refuse(reason)
        if not text and not images:
            self._scribe.drop("text", "it was empty")
            return
        end = self.timeline.now
        if typed.author.kind == "viewer":
            self.begin("viewer", text=text, author=typed.author, images=images, user_end=end)
            return
        self.listening.typed()
        if not images and self._lecturing is not None and self._lecturing.obeys(text):
            return
        self.begin("user", text=text, author=typed.author, images=images, user_end=end)

    def _attach(self, image: Image) -> None:
        if refused := self._pictures.attach(image):
            self._refuse(refused)
        else:
            self._scribe.append(Attach(replace(image, data=b"")))

    def _refuse(self, reason: str) -> None:
        """Bad input: said to the client, and nothing else happens."""
        self._scribe.fault("gateway", "bad_message", reason)

    def _noted(self, noted: Noted) -> None:
        context, cut = self._contexts.update(noted.context)
        self._scribe.append(replace(noted, context=context))
        if self._retriever is not None:
            self._retriever.noted(replace(noted, context=context), session=self.id)
        if cut:
            most = self.rules.max_context_chars
            self._scribe.fault("gateway", "context_too_large", f"the context was cut to {most} characters")

    # ------------------------------------------------------------------ turns

    def begin(
        self,
        cause: Cause,
        responder: Responder | None = None,
        *,
        text: str = "",
        author: Author = OWNER,
        images: tuple[Image, ...] = (),
        user_end: float | None = None,
        voice_end: float | None = None,
    ) -> int | None:
        """A turn wants to begin; returns its number, or None if it waits or was shed.

        Without a responder the character answers as usual.
        """
        responder = responder or self._repertoire.usual()
        return self.turns.claim(Claim(cause, responder, text, author, images, user_end, voice_end))

    def greet(self) -> None:
        """The character speaks first, if it has a greeting; only where nothing was said before."""
        greeting = self._repertoire.greeting()
        if (
            greeting is not None
            and self.turns.stage.active is None
            and not self.turns.count
            and not self._resumed
        ):
            self.begin("greeting", greeting)

    def interrupt(self, reason: str) -> None:
        """Silence, at once. A voice that barges in keeps the microphone and held turns; a click ends both."""
        self.turns.interrupt(reason)

    def _understood(self, text: str, user_end: float | None, voice_end: float | None) -> None:
        """The user has said something that wants an answer."""
        images, _ = self._pictures.take()
        if not images and self._lecturing is not None and self._lecturing.obeys(text):
            return
        self.begin("user", text=text, images=images, user_end=user_end, voice_end=voice_end)

    def _misheard(self) -> None:
        """Every recogniser failed over what the user said: say so."""
        self.begin("user", self._repertoire.misheard())

    def drop(self, what: str, reason: str) -> None:
        """Something was not served; the timeline says why."""
        self._scribe.drop(what, reason)


def _now() -> float:
    return asyncio.get_running_loop().time()
