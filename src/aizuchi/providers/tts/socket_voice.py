"""What the voices behind a vendor's WebSocket share.

A request is two sides at once: an errand writes the text while the generator reads what comes. The protocol
itself is a `Talk`, without any I/O; the voice says how a connection is begun and how a request is silenced.

A connection outlives its request where the vendor allows it. Some have to be started for certain settings
(model, voice, emotion) and then serve only requests with the same ones: such a voice is `bound`, and its
connections are kept by those settings. An interrupt ends the generator at once; that the vendor falls silent,
too, is an errand's business, which has the connection back if the vendor confirms it in time.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import ClassVar, Generic, Literal, Self, TypeVar

from aizuchi.decoding import decode
from aizuchi.errors import ProviderError
from aizuchi.events import Sentence
from aizuchi.ports import Audio, Spoken, Style, Voice, Word
from aizuchi.providers.line import Line
from aizuchi.providers.sockets import Gone, Roused, Socket

SILENCE = 60.0
"""Seconds without any message after which a request is given up, whatever the engine's own limits are."""
LARGEST = 64 << 20
"""Bytes of sound in one request; 24 kHz PCM is 3 MB a minute."""

Item = bytes | Word | Spoken
"""What a message brings: sound in the format that was asked for, or where it is in the text."""


class Stale(Gone):
    """A kept connection was dead when it was used again, before it answered anything."""


class Talk(ABC):
    """One request's side of a vendor's protocol. Sans-I/O."""

    def __init__(self, host: str, format: str = "pcm") -> None:
        self.host = host
        self.format = format
        """Of its sound."""
        self.answered = False
        """Anything came."""
        self.started = False
        """The connection may be given text."""
        self.finished = False
        """All the sound is here."""
        self.reusable = True
        """The connection serves another request once this one has finished."""
        self.silenced = False
        """The vendor has confirmed a cancel."""
        self.sent: str = ""
        """The text so far."""

    @abstractmethod
    def receive(self, message: str | bytes) -> Sequence[Item]:
        """What a message brings. Raises ProviderError for a failure that it tells, and for nonsense."""
        raise NotImplementedError  # abstract


T = TypeVar("T", bound=Talk)


class SocketVoice(Voice, Generic[T]):
    """A voice whose vendor is reached by a WebSocket; `rate` is that of bare PCM, in Hz."""

    bound: ClassVar[bool] = False
    """Connections are started for settings, and kept by them."""
    cancelling: ClassVar[float] = 1.0
    """Seconds that the vendor may take to confirm a cancel; then the connection is cut."""

    def __init__(self, options: Voice.Options, line: Line, *, rate: int) -> None:
        super().__init__(options)
        self._line = line
        self._rate = rate

    # -- what a vendor's voice says

    @abstractmethod
    def _talk(self, settings: str) -> T:
        """The protocol's side of one request."""
        raise NotImplementedError  # abstract

    @abstractmethod
    def _settings(self, style: Style, language: str, emotion: str, *, whole: bool) -> str:
        """What a request needs to be started with; `whole` says that its text is one sentence."""
        raise NotImplementedError  # abstract

    @abstractmethod
    async def _start(self, socket: Socket, talk: T, settings: str) -> None:
        """Bring a connection that is new, or bound to nothing, to where text may be sent. Bounded by us."""
        raise NotImplementedError  # abstract

    @abstractmethod
    async def _send(self, socket: Socket, talk: T, text: AsyncIterator[str]) -> None:
        """Send all the text. May raise Gone, which the reading side hears of, too."""
        raise NotImplementedError  # abstract

    async def _cancel(self, socket: Socket, talk: T) -> bool:
        """Ask the vendor to be silent; False if a connection can only be cut."""
        return False

    def _speakable(self, text: str) -> bool:
        return bool(text.strip())

    # -- a provider's life

    async def __aenter__(self) -> Self:
        await self._line.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._line.close()

    async def warm(self) -> bool:
        """Keep one connection ready; says whether there is one."""
        return await self._line.sockets.warm()

    # -- requests

    async def say(self, sentence: Sentence, style: Style) -> AsyncGenerator[Audio | Word, None]:
        """Speak one sentence. A kept connection that proves dead is replaced.

        Raises ProviderError: the server can't be reached, refused the request, sent nonsense or broke off.
        """
        if not self._speakable(sentence.spoken):
            return
        settings = self._settings(style, sentence.language, sentence.emotion, whole=True)
        stale = True
        while stale:
            stale = False
            try:
                async with aclosing(self._request(settings, _once(sentence.spoken))) as items:
                    async for item in items:
                        if not isinstance(item, Spoken):
                            yield item
            except Stale:
                stale = True

    async def speak(
        self, text: AsyncIterator[str], style: Style, language: str
    ) -> AsyncGenerator[Audio | Word | Spoken, None]:
        """Text while it is written, read by a task of the provider's own, which ends with the generator.

        Raises ProviderError as `say` does.
        """
        async with aclosing(self._request(self._settings(style, language, "", whole=False), text)) as items:
            async for item in items:
                yield item

    async def _request(
        self, settings: str, text: AsyncIterator[str]
    ) -> AsyncGenerator[Audio | Word | Spoken, None]:
        line = self._line
        if not line.errands.open:
            raise ProviderError(f"{line.name} is not open", retryable=False)
        socket, talk, used = await self._begin(settings)
        end: Literal["interrupted", "broken", "whole"] = "interrupted"
        sender = line.errands.start(line.name, self._sent(socket, talk, text), failed=socket.cut)
        try:
            async with aclosing(self._sound(socket, talk)) as items:
                async for item in items:
                    yield item
            end = "whole"
        except ProviderError as error:
            end = "broken"
            if sender.failure is not None:
                raise sender.failure from None
            if used and isinstance(error, Gone) and not talk.answered:
                raise Stale(str(error)) from None
            raise
        finally:
            # Not another reader of the text may be left when this generator is closed.
            await sender.end()
            if end == "interrupted" and line.errands.open:
                line.errands.start(line.name, self._silence(socket, talk, settings), failed=socket.cut)
            else:
                self._give_back(socket, end == "whole" and talk.reusable, settings)

    async def _begin(self, settings: str) -> tuple[Socket, T, bool]:
        """A connection on which the request may begin, and whether it has served such ones before.

        A kept one that proves dead is replaced.
        """
        sockets, talk = self._line.sockets, self._talk(settings)
        while True:
            socket, fresh = await sockets.take(settings if self.bound else "")
            if socket.purpose:
                await socket.skip()
                return socket, talk, True
            begun = False
            try:
                async with asyncio.timeout(self._line.patience):
                    await self._start(socket, talk, settings)
                begun = True
                return socket, talk, False
            except TimeoutError:
                raise ProviderError(f"{self._line.host} did not begin the task in time") from None
            except Gone:
                if fresh:
                    raise
                talk = self._talk(settings)
            finally:
                if not begun:
                    sockets.give_back(socket, reusable=False)

    async def _sent(self, socket: Socket, talk: T, text: AsyncIterator[str]) -> None:
        try:
            await self._send(socket, talk, text)
        except Gone:
            return  # the reading side hears of it, and perhaps why
        if talk.finished:  # all that was asked for is here already, and the vendor has nothing left to say
            socket.rouse()

    async def _silence(self, socket: Socket, talk: T, settings: str) -> None:
        """Have the connection back if the vendor can be silenced in time; else it is cut."""
        reusable = False
        try:
            async with asyncio.timeout(self.cancelling):
                reusable = await self._cancel(socket, talk)
        except (ProviderError, TimeoutError):
            pass
        finally:
            self._give_back(socket, reusable, settings)

    def _give_back(self, socket: Socket, reusable: bool, settings: str) -> None:
        self._line.sockets.give_back(socket, reusable=reusable, purpose=settings if self.bound else "")

    # -- what comes

    async def _sound(self, socket: Socket, talk: T) -> AsyncGenerator[Audio | Word | Spoken, None]:
        """What the server says, to the request's end."""
        told = 0
        if talk.format == "pcm":
            odd = b""
            async with aclosing(_items(socket, talk)) as items:
                async for item in items:
                    if not isinstance(item, bytes):
                        told = item.upto if isinstance(item, Spoken) else told
                        yield item
                        continue
                    pcm = odd + item
                    odd = pcm[len(pcm) & ~1 :]
                    if pcm := pcm[: len(pcm) & ~1]:
                        yield Audio(pcm, self._rate)
        else:  # where the decoder is in the text, nobody knows
            words: list[Word] = []
            async with (
                aclosing(_items(socket, talk)) as items,
                aclosing(decode(_only_bytes(items, words), talk.format, rate=self._rate)) as slices,
            ):
                async for audio in slices:
                    while words:
                        yield words.pop(0)
                    yield audio
            for word in words:
                yield word
        if told < len(talk.sent):
            yield Spoken(len(talk.sent))


async def _items(socket: Socket, talk: Talk) -> AsyncGenerator[Item, None]:
    size = 0
    while not talk.finished:
        try:
            message = await socket.receive(SILENCE)
        except Roused:
            continue
        for item in talk.receive(message):
            if isinstance(item, bytes):
                size += len(item)
                if size > LARGEST:
                    raise ProviderError(f"{talk.host} does not stop sending sound", retryable=False)
            yield item


async def _only_bytes(items: AsyncIterator[Item], words: list[Word]) -> AsyncGenerator[bytes, None]:
    async for item in items:
        if isinstance(item, bytes):
            yield item
        elif isinstance(item, Word):
            words.append(item)


async def _once(text: str) -> AsyncGenerator[str, None]:
    yield text
