"""What a character says again and again is synthesised before it is first needed.

After the start, phrase by phrase, for the first voice of the chain and only if asking it costs nothing:
others are asked at first use (`speaking`). It never stands in a reply's way: it waits while anybody is being
answered, and a reply that begins ends the phrase under way, which is begun again later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator

from aizuchi.character import Character
from aizuchi.engine.chain import Chain
from aizuchi.engine.company import FAREWELL
from aizuchi.engine.cutter import Cutter
from aizuchi.engine.permits import Call
from aizuchi.engine.phrasebook import (
    APOLOGY,
    HUMS,
    NOT_UNDERSTOOD,
    OCCUPIED,
    greeting,
    nudges,
    phrase,
)
from aizuchi.engine.phrases import Item
from aizuchi.engine.rules import Rules
from aizuchi.engine.session import Session
from aizuchi.engine.speaking import figures
from aizuchi.engine.streams import closing
from aizuchi.errors import ProviderError
from aizuchi.events import Entry, Event, Queued, Sentence, TurnBegun, TurnEnded
from aizuchi.ports import Audio, Voice

LIMIT = 30.0
"""Seconds that one phrase may take, the loading of a model included."""

log = logging.getLogger(__name__)


class Rehearsal:
    """Call it with each new session; run `keep_up` as a task of the server.

    `note` gets what is to be billed.
    """

    def __init__(
        self,
        tts: Chain[Voice],
        characters: Iterable[Character],
        rules: Rules,
        *,
        note: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        self._tts = tts
        self._characters = tuple(characters)
        self._changed_cast = asyncio.Event()
        self._rules = rules
        self._note = note
        self._answering: set[tuple[int, int | None]] = set()
        """(session, turn)"""
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._scope: asyncio.Timeout | None = None

    def __call__(self, session: Session) -> Callable[[], None]:
        mine = id(session)

        def read(entry: Entry) -> None:
            match entry.event:
                case TurnBegun(turn=turn):
                    self._answering.add((mine, turn))
                case TurnEnded(turn=turn):
                    self._answering.discard((mine, turn))
                case _:
                    return
            self._changed()

        stop = session.timeline.follow(read)

        def over() -> None:
            stop()
            self._answering = {each for each in self._answering if each[0] != mine}
            self._changed()

        return over

    def meet(self, characters: Iterable[Character]) -> None:
        """Others from now on; what they say that is not known yet is rehearsed."""
        self._characters = tuple(characters)
        self._changed_cast.set()

    async def keep_up(self) -> None:
        """Until cancelled: `run`, and again after each `meet`."""
        while True:
            self._changed_cast.clear()
            await self.run()
            await self._changed_cast.wait()

    async def run(self) -> None:
        """Until every phrase is there, or can't be had, or others are to be met."""
        voice = next(iter(self._tts.providers), None)
        if self._tts.phrases is None or voice is None or not voice.local:
            return
        for character in self._characters:
            for sentence in fixed(character, self._rules):
                while self._tts.phrases.lacks(voice, sentence, character.style):
                    if self._changed_cast.is_set():
                        return
                    await self._quiet.wait()
                    if await self._say(voice, sentence, character):
                        break

    async def _say(self, voice: Voice, sentence: Sentence, character: Character) -> bool:
        """False: it had to make way."""
        assert self._tts.phrases is not None
        items: list[Item] = []
        try:
            async with asyncio.timeout(LIMIT) as self._scope:
                stream = self._tts.stream(
                    lambda voice: voice.say(sentence, character.style),
                    first=None,
                    gap=None,
                    note=lambda event: None if isinstance(event, Queued) else self._note(event),
                    measure=figures(sentence),
                    counts=lambda item: isinstance(item, Audio),
                    call=Call("background", revoke=self._make_way, patience=LIMIT),
                    use=lambda each: each is voice,
                )
                async with closing(stream) as said:
                    async for _, item in said:
                        items.append(item)
        except TimeoutError:
            return self._quiet.is_set()
        except ProviderError as error:
            log.debug("not rehearsed: %s", error)
            return True
        finally:
            self._scope = None
        self._tts.phrases.keep(voice, sentence, character.style, items)
        return True

    def _changed(self) -> None:
        if self._answering:
            self._quiet.clear()
            self._make_way()
        else:
            self._quiet.set()

    def _make_way(self) -> None:
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())


def fixed(character: Character, rules: Rules) -> Iterator[Sentence]:
    """The sentences of everything that a character says in the same words each time."""
    language, silences = character.language, rules.silences
    texts = [
        greeting(character),
        phrase(character, character.apology, APOLOGY),
        phrase(character, {}, OCCUPIED),
        phrase(character, character.not_understood, NOT_UNDERSTOOD),
    ]
    if silences.nudge_after:
        texts += nudges(character)
    if silences.goodbye_after:
        texts.append(phrase(character, character.farewell, FAREWELL))
    for text in texts:
        cutter = Cutter(0, character, rules)
        yield from (each for each in cutter.fixed(text) if isinstance(each, Sentence) and each.spoken.strip())
    asides: tuple[str, ...] = ()
    if character.filler_after:
        asides += character.fillers.get(language, ())
    if character.hum_every:
        asides += character.hums.get(language, ()) or (phrase(character, {}, HUMS).text,)
    for text in asides:
        yield Cutter(0, character, rules).aside(text)
