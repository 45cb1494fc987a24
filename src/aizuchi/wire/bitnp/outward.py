"""What pages are told: entries of the timeline in the order of the reference's sections 5.1 and 5.2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from aizuchi.events import (
    Cue,
    Dropped,
    Entry,
    Fault,
    Heard,
    Interrupted,
    LectureMoved,
    Packet,
    Sentence,
    Slide,
    SpeechDone,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
)
from aizuchi.lectures import page_of
from aizuchi.wire.bitnp.response import Response
from aizuchi.wire.bitnp.standing import Standing
from aizuchi.wire.bitnp.words import event, say_aloud

HELD: Final = 8
"""Turns that may be under way: one speaks, the others are held."""


class Outward:
    """The speaking half. `expressions` maps emotions to what the pages' figure knows."""

    def __init__(self, standing: Standing, expressions: Mapping[str, str]) -> None:
        self._standing = standing
        self._expressions = expressions
        self._responses: dict[int, Response] = {}
        self._seq = 0

    def send(self, entry: Entry) -> Iterator[str]:
        """The events of an entry. Nothing of a turn whose beginning was not sent."""
        happened = entry.event
        match happened:
            case TurnBegun(turn=turn, cause=cause) if cause != "backchannel":
                yield from self._make_room()
                response = self._responses[turn] = Response(turn, entry.generation, cause == "lecture")
                while len(self._responses) > HELD:
                    self._responses.pop(next(iter(self._responses)))
                # A page is turned first.
                if not response.is_page:
                    yield from self._open(response)
            case Interrupted(turn=turn, reason=reason):
                # The page of 2026 passes it over and plays what it has.
                yield event("interrupt", reason=reason)
                if turn is not None:
                    yield from self._close(self._responses.pop(turn, None))
            case TurnEnded(turn=turn, outcome=outcome):
                response = self._responses.pop(turn, None)
                if response is not None and outcome in ("finished", "failed"):
                    yield from self._rest(response)
                yield from self._close(response)
            case LectureMoved(state=state, page=page, pages=pages):
                self._standing.lecture = state
                yield event("lecture_state", state=state, page_num=page, total=pages)
            case Heard(text=text) if text:
                yield event("user_text", content=text)
            case Fault():
                yield event("error", code=happened.code, message=happened.message)
            case Dropped(what="user" | "viewer" | "text" | "steer", reason=reason):
                yield event("error", code="dropped", message=reason)
            case _:
                response = self._responses.get(-1 if entry.turn is None else entry.turn)
                if response is not None:
                    yield from self._replied(entry, response)

    # -- opening, and closing

    def _open(self, response: Response) -> Iterator[str]:
        if not response.open:
            response.open = True
            response.begun.clear()
            yield event("start_of_response")

    def _close(self, response: Response | None) -> Iterator[str]:
        if response is not None and response.open:
            response.open = False
            yield event("end_of_response", response=response.text)

    def _make_room(self) -> Iterator[str]:
        """Something is said over a turn that is held: what the page still has of it need not be played."""
        for response in self._responses.values():
            if response.open:
                yield event("stop_audio")
                yield from self._close(response)

    # -- a turn

    def _replied(self, entry: Entry, response: Response) -> Iterator[str]:
        happened = entry.event
        match happened:
            case Slide(page=page):
                self._standing.page = response.page = page
                yield event("flip_ppt_page", page_num=page)
                yield from self._open(response)
            case Sentence(index=index):
                response.sentences[index] = happened
                response.waiting.append(index)
            case Cue(sentence=index, kind="viseme"):
                response.visemes.setdefault(index, []).append(happened)
            case Packet():
                yield from self._sound(happened, response)
            case SpeechDone():
                yield from self._rest(response)
            case TurnResumed() if entry.generation != response.generation:
                yield from self._resumed(entry, response)
            case TurnHeld() | TurnResumed():
                pass
            case _:
                pass

    def _resumed(self, entry: Entry, response: Response) -> Iterator[str]:
        """Something else was said meanwhile: the subtitle is the answer's, and perhaps the slide."""
        response.generation = entry.generation
        response.seqs.clear()
        if response.page is not None:
            self._standing.page = response.page
            yield event("flip_ppt_page", page_num=response.page)
        yield from self._open(response)

    def _sound(self, packet: Packet, response: Response) -> Iterator[str]:
        index = packet.sentence
        yield from self._rest(response, upto=index - 1)
        text = ""
        if index not in response.begun:
            yield from self._begin(response, index)
            text = response.sentences[index].shown if index in response.sentences else ""
            if index in response.waiting:
                response.waiting.remove(index)
        seq = response.seqs.get(index)
        if seq is None:
            seq = response.seqs[index] = self._number()
        if packet.last:
            self._standing.sounded(seq, packet.turn, index)
        yield say_aloud(text, packet.data, packet.rate, seq=seq, last=packet.last)

    def _rest(self, response: Response, upto: int | None = None) -> Iterator[str]:
        """Sentences whose sound will not come: they have none, or no voice."""
        while response.waiting and (upto is None or response.waiting[0] <= upto):
            index = response.waiting.pop(0)
            yield from self._open(response)
            yield from self._begin(response, index)
            if shown := response.sentences[index].shown:
                yield say_aloud(shown, b"", 0, seq=self._number(), last=True)

    def _begin(self, response: Response, index: int) -> Iterator[str]:
        """What stands before a sentence: its tags, each once, and its feeling."""
        sentence = response.sentences.get(index)
        response.begun.add(index)
        response.told.add(index)
        if sentence is None:
            return
        for tag in sentence.tags:
            if (page := page_of(tag)) is not None:
                self._standing.page = page
                yield event("flip_ppt_page", page_num=page)
            else:
                yield event("bracket_tag", content=self._expressions.get(tag.lower(), tag))
        if sentence.emotion:
            yield event("emotion", content=sentence.emotion)
        if cues := response.visemes.pop(index, None):
            shapes = [{"t": each.at_ms, "d": each.ms, "id": each.value} for each in cues]
            yield event("viseme", visemes=shapes)

    def _number(self) -> int:
        self._seq += 1
        return self._seq
