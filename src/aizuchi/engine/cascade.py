"""The usual responder: a language model's text, cut into sentences, spoken as it comes.

Two tasks in the turn's own scope, joined by a queue of sentences, both putting what they make into one
bounded queue from which `reply` yields. Closing the turn's scope ends both and with them the vendor
streams they hold.

    think:  LLM -> sentences ──┬── TextDelta, Thought, Sentence, ToolCall, ... ──┐
                               └─▶ queue ─▶ speak: TTS -> Speech, Cue, WordTime ─┴─▶ reply
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import chain, count

from aizuchi.character import Character
from aizuchi.engine.chain import Chain, fault
from aizuchi.engine.cutter import Cutter
from aizuchi.engine.permits import Call
from aizuchi.engine.phrasebook import APOLOGY, OCCUPIED, Phrase, phrase
from aizuchi.engine.priority import priority
from aizuchi.engine.rules import Rules
from aizuchi.engine.speaking import REST, Ahead, Item, Speaker
from aizuchi.engine.streaming_voice import StreamingSpeaker
from aizuchi.errors import Busy, ProviderError
from aizuchi.events import (
    Annotated,
    Answered,
    ReplyEvent,
    Sentence,
    SpeechDone,
    TextDone,
    Thought,
    ToolCall,
    ToolDone,
)
from aizuchi.ports import (
    Animator,
    LanguageModel,
    Message,
    Prompt,
    Reasoning,
    Request,
    Responder,
    Token,
    Usage,
    Voice,
)

QUEUE = 64


class Say(Responder):
    """Speaks a fixed text: a greeting, an apology, a reminder. A `Phrase` may have subtitles."""

    def __init__(
        self, text: str | Phrase, character: Character, tts: Chain[Voice], rules: Rules, *, fallback: str = ""
    ) -> None:
        self._text = text
        self._character = character
        self._tts = tts
        self._rules = rules
        self._fallback = fallback

    async def reply(self, request: Request) -> AsyncIterator[ReplyEvent]:
        work = _Work(self._character, self._tts, self._rules, request, None)
        request.spawn(work.speak())
        request.spawn(self._write(work))
        while (event := await work.out.get()) is not None:
            yield event

    async def _write(self, work: _Work) -> None:
        await work.text(self._text)
        await work.done(fallback=self._fallback)


class Murmur(Responder):
    """Makes a small sound that stands in no text: a listener's hum."""

    def __init__(self, text: str, character: Character, tts: Chain[Voice], rules: Rules) -> None:
        self._text = text
        self._character = character
        self._tts = tts
        self._rules = rules

    async def reply(self, request: Request) -> AsyncIterator[ReplyEvent]:
        work = _Work(self._character, self._tts, self._rules, request, None)
        request.spawn(work.speak())
        work.aside(self._text)
        work.close()
        while (event := await work.out.get()) is not None:
            yield event


class Cascade(Responder):
    """LLM -> sentences -> TTS, with tool rounds and fallbacks."""

    def __init__(
        self,
        character: Character,
        llm: Chain[LanguageModel],
        tts: Chain[Voice],
        rules: Rules,
        animator: Callable[[], Animator] | None = None,
    ) -> None:
        self._character = character
        self._llm = llm
        self._tts = tts
        self._rules = rules
        self._animator = animator

    async def reply(self, request: Request) -> AsyncIterator[ReplyEvent]:
        animator = self._animator() if self._animator is not None else None
        streams = self._rules.tts_strategy == "stream"
        work = _Work(self._character, self._tts, self._rules, request, animator, streams=streams)
        request.spawn(work.speak())
        request.spawn(self._think(work, request))
        fillers = self._character.fillers.get(self._character.language, ())
        # Nobody waits for what the character says of its own accord.
        awaited = request.cause not in ("proactive", "greeting")
        if fillers and self._character.filler_after and request.speaks and awaited:
            request.spawn(self._fill(work, request, fillers[request.turn % len(fillers)]))
        while (event := await work.out.get()) is not None:
            yield event

    async def _think(self, work: _Work, request: Request) -> None:
        prompt, finish, fallback = request.prompt, "stop", ""
        try:
            for round_ in range(self._rules.tool_rounds + 1):
                if round_ == self._rules.tool_rounds:
                    prompt = replace(prompt, may_call=False)
                answer = await self._round(work, request, prompt, again=round_ > 0)
                finish, fallback = answer.finish, answer.fallback or fallback
                if not answer.calls or not prompt.may_call:
                    break
                results = await self._tools(work, request, prompt, answer)
                prompt = replace(prompt, messages=(*prompt.messages, *results))
        except ProviderError as error:
            request.note(fault("llm", error))
            await work.flush()
            finish = "error"
            if not work.cutter.text.strip():
                fallback = "canned"
                apology = (
                    phrase(self._character, {}, OCCUPIED)
                    if isinstance(error, Busy)
                    else phrase(self._character, self._character.apology, APOLOGY)
                )
                await work.text(apology)
        await work.done(finish=finish, fallback=fallback)

    async def _fill(self, work: _Work, request: Request, filler: str) -> None:
        """Model or tool is slow: something is said meanwhile, once in a turn."""
        await request.begun()
        await asyncio.sleep(self._character.filler_after)
        if not work.voiced:
            work.aside(filler)

    async def _round(self, work: _Work, request: Request, prompt: Prompt, *, again: bool) -> _Answer:
        answer = _Answer()
        limits = self._rules.limits
        stream = self._llm.stream(
            lambda model: model.think(prompt),
            first=limits.llm_first,
            gap=limits.llm_gap,
            note=request.note,
            measure=_usage,
            call=Call(priority(request.cause), urgent=again),
        )
        async with aclosing(stream) as items:
            async for model, item in items:
                if model is not self._llm.providers[0]:
                    answer.fallback = f"provider:{model.name}"
                match item:
                    case Token(text=text):
                        answer.text += text
                        await work.put(work.cutter.feed(text))
                    case Reasoning(text=text):
                        await work.put([Thought(text)])
                    case ToolCall():
                        answer.calls.append(item)
                    case Usage(finish=finish):
                        answer.finish = "length" if finish == "length" else "stop"
                    case _:
                        raise ProviderError(f"{model.name} gave {type(item).__name__}")
        await work.flush()
        return answer

    async def _tools(self, work: _Work, request: Request, prompt: Prompt, answer: _Answer) -> list[Message]:
        """Run the calls of one round together; their results come in the order of the calls."""
        places = {spec.name: spec.place for spec in request.prompt.tools}
        used = {call.id for message in prompt.messages for call in message.calls}
        calls = [
            replace(call, id=_unused(call.id, used), place=places.get(call.name, "server"))
            for call in answer.calls
        ]
        await work.put(calls)

        async def run(call: ToolCall) -> ToolDone:
            outcome = await request.call(call)
            done = ToolDone(call.id, call.name, outcome.result, outcome.error)
            await work.put([done])
            return done

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(call)) for call in calls]
        messages = [Message("assistant", answer.text, calls=tuple(calls))]
        for task in tasks:
            done = task.result()
            text = done.result if not done.error else f"error: {done.error}"
            messages.append(Message("tool", text, call_id=done.id, name=done.name))
        return messages


@dataclass(slots=True)
class _Answer:
    """One round of the model."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    finish: str = "stop"
    fallback: str = ""


class _Work:
    """The queues between writing, speaking and yielding of one turn."""

    def __init__(
        self,
        character: Character,
        tts: Chain[Voice],
        rules: Rules,
        request: Request,
        animator: Animator | None,
        *,
        streams: bool = False,
    ) -> None:
        self.out: asyncio.Queue[ReplyEvent | None] = asyncio.Queue(QUEUE)
        self.cutter = Cutter(request.turn, character, rules)
        self._sentences: asyncio.Queue[Item] = asyncio.Queue(QUEUE)
        self._streams = streams
        kind = StreamingSpeaker if self._streams else Speaker
        self._speaker = kind(tts, rules, request, self.out.put, animator)
        self._written = asyncio.Event()
        self._turn = request.turn
        self.voiced = False
        """There is something to speak, or there will be nothing more."""

    async def put(self, events: Sequence[ReplyEvent]) -> None:
        for event in events:
            if isinstance(event, Sentence):
                self.voiced = self.voiced or bool(event.spoken.strip())
            elif isinstance(event, Annotated):
                self._speaker.annotate(event)
            await self.out.put(event)
            if isinstance(event, Sentence):
                await self._sentences.put(event)
        if self._streams and (ahead := self.cutter.ahead):
            await self._sentences.put(Ahead(ahead))

    def aside(self, spoken: str) -> None:
        """Speak something beside the text. At once or, if the queues are full, not at all."""
        if not self.out.full() and not self._sentences.full():
            self.voiced = True
            sentence = self.cutter.aside(spoken)
            self.out.put_nowait(sentence)
            self._sentences.put_nowait(sentence)

    def close(self) -> None:
        """Nothing but asides: there is no text whose end could be told."""
        self._sentences.put_nowait(None)
        self._written.set()

    async def text(self, text: str | Phrase) -> None:
        """Something fixed: a greeting, an apology."""
        events = self.cutter.fixed(text)
        self._speaker.fixed.update(each.index for each in events if isinstance(each, Sentence))
        await self.put(events)
        await self.flush()

    async def flush(self) -> None:
        await self.put(self.cutter.finish())
        if self._streams:
            await self._sentences.put(REST)

    async def done(self, *, finish: str = "stop", fallback: str = "") -> None:
        """All text is there. Said as soon as it is known whether there is a voice for it."""
        self.voiced = True
        await self._sentences.put(None)
        await self._speaker.known.wait()
        word = "length" if finish == "length" else "error" if finish == "error" else "stop"
        await self.out.put(TextDone(self.cutter.text, word, fallback or self._speaker.fallback))
        self._written.set()

    async def speak(self) -> None:
        ms = await self._speaker.run(self._sentences)
        await self._written.wait()
        if ms:
            await self.out.put(SpeechDone(self._turn, ms))
        await self.out.put(None)


def _unused(id_: str, used: set[str]) -> str:
    """An id that no other call of the conversation has: some servers number each answer's calls anew."""
    names = chain([id_] if id_ else [], (f"{id_ or 'call'}_{number}" for number in count(2)))
    fresh = next(name for name in names if name not in used)
    used.add(fresh)
    return fresh


def _usage(item: object) -> Answered | None:
    if isinstance(item, Usage):
        return Answered("llm", "", "done", tokens_in=item.tokens_in, tokens_out=item.tokens_out)
    return None
