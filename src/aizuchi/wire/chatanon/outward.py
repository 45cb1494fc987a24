"""What a client is sent: entries of the timeline in the order of the reference's section 5."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aizuchi.events import (
    Annotated,
    Dropped,
    Entry,
    Event,
    Fault,
    Heard,
    HeardPartial,
    Interrupted,
    Packet,
    Sentence,
    SpeechDone,
    SpeechStarted,
    TurnBegun,
    TurnEnded,
)
from aizuchi.wire.chatanon.manners import LISTENING, Standing
from aizuchi.wire.chatanon.reply import Reply
from aizuchi.wire.chatanon.words import chunk, error, frame, silence

NOTHING: Final = {"batch": "No speech detected in audio", "stream": "No speech detected"}


class Outward:
    """The speaking half of a connection."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._reply: Reply | None = None
        self._newest = 0
        """The utterance that was begun last."""
        self._misheard = False
        """The client was told of an error of the recogniser: the apology that follows is not sent."""

    def send(self, entry: Entry) -> Iterator[str]:
        """The frames of an entry. Nothing of a turn whose beginning was not sent."""
        event = entry.event
        match event:
            case SpeechStarted(utterance=utterance):
                self._newest = utterance
            case HeardPartial(utterance=utterance, text=text):
                if self._standing.hearing and self._reply is None and text and utterance >= self._newest:
                    yield frame("transcription", text=text, is_partial=True)
            case Heard(utterance=utterance, text=text):
                # One that was given up may end after the next has begun.
                if utterance >= self._newest:
                    yield from self._heard(text)
            case TurnBegun():
                yield from self._begun(event, entry)
            case Interrupted(turn=turn, reason=reason):
                yield from self._interrupted(turn, reason, entry)
            case Fault():
                yield from self._fault(event, entry)
            case Dropped(what="user" | "text", reason=reason):
                yield error(reason)
            case _:
                yield from self._replied(event, entry)

    def start_anew(self, at: float) -> Iterator[str]:
        """Another session has taken the place of the one so far; a call goes on in it."""
        standing = self._standing
        if standing.hearing != "call":
            standing.hearing, standing.taking = "", False
        self._newest = 0
        yield from self._cut(at)

    def _cut(self, at: float) -> Iterator[str]:
        """Close a turn that goes on without this client, or not at all."""
        reply, self._reply = self._reply, None
        self._standing.replying = False
        if reply is not None:
            yield from reply.end(at, self._standing.tongue, cut=True)

    # -- hearing

    def _heard(self, text: str) -> Iterator[str]:
        """What was understood is told when it becomes a turn: until then more may be said."""
        hearing = self._standing.hearing
        if not text and hearing in NOTHING and not self._standing.taking:
            self._standing.hearing = ""
            yield error(NOTHING[hearing])

    def _understood(self, text: str) -> Iterator[str]:
        standing = self._standing
        final = frame("transcription", text=text, is_partial=False)
        ended = [] if standing.tongue == "seed" else [frame("asr_end", text=text)]
        yield from [final, *ended] if standing.hearing == "call" else [*ended, final]

    def _listening(self) -> Iterator[str]:
        standing = self._standing
        if standing.hearing == "call":
            if standing.tongue == "head":
                yield frame("asr_start")
            yield frame(LISTENING[standing.names], message="Ready to listen")

    # -- a turn

    def _begun(self, begun: TurnBegun, entry: Entry) -> Iterator[str]:
        standing = self._standing
        misheard, self._misheard = self._misheard, False
        if begun.cause == "backchannel" or (misheard and not begun.text):
            return
        # A command line client takes whatever comes between its turns for its next answer.
        if begun.cause != "user" and not (standing.tongue == "head" or standing.hearing == "call"):
            return
        yield from self._cut(entry.at)
        recorded = standing.hearing == "batch"
        if begun.voice_end is not None and standing.hearing:
            yield from self._understood(begun.text)
        if standing.hearing != "call":
            standing.hearing = ""
        self._reply = Reply(begun.turn, entry.at)
        standing.replying = True
        if standing.tongue != "seed":
            yield frame("thinking", message="Processing...")
            yield frame("llm_start")
        elif not recorded:
            # The seed thinks once; after a recording it has been said already.
            yield frame("thinking", message="Processing...")

    def _replied(self, event: Event, entry: Entry) -> Iterator[str]:
        reply, tongue = self._reply, self._standing.tongue
        if reply is None:
            return
        match event:
            case Sentence(turn=reply.turn):
                reply.waiting.append(event)
            case Annotated(turn=reply.turn):
                yield from reply.annotate(event, tongue)
            case Packet(turn=reply.turn, sentence=index, data=data):
                if not data:
                    return
                if reply.sounded not in (None, index):
                    yield from silence(self._standing.manners.sentence_gap_ms)
                reply.sounded = index
                yield from reply.begin(index, entry.at, tongue)
                yield chunk(data)
            case SpeechDone(turn=reply.turn):
                yield from reply.begin(None, entry.at, tongue)
                yield from reply.end_of_sound(tongue)
            case TurnEnded(turn=reply.turn, outcome=outcome):
                self._reply, self._standing.replying = None, False
                yield from reply.end(entry.at, tongue, cut=outcome != "finished")
                yield from self._listening()
            case _:
                pass

    def _interrupted(self, turn: int | None, reason: str, entry: Entry) -> Iterator[str]:
        if self._reply is not None and turn == self._reply.turn:
            yield from self._cut(entry.at)
            if reason == "barge_in":
                yield from self._listening()

    # -- failures

    def _fault(self, fault: Fault, entry: Entry) -> Iterator[str]:
        """Errors in the protocol's words. A sentence without sound is none: its text is sent."""
        standing, reply = self._standing, self._reply
        if fault.stage in ("asr", "vad"):
            if not standing.hearing:
                return
            self._misheard = fault.stage == "asr"
            if standing.hearing == "call":
                said = "Voice call" if standing.names == "voice_call" else "Agent mode"
                standing.open_mic = True
                yield from self._cut(entry.at)
                yield error(f"{said} error: {fault.message}")
            else:
                yield error(f"ASR error: {fault.message}")
            standing.hearing, standing.taking = "", False
        elif fault.stage == "gateway" and entry.turn is None:
            yield error(fault.message)
        elif fault.stage in ("llm", "gateway") and reply is not None and reply.turn == entry.turn:
            if reply.begun or reply.waiting:
                return  # What there is of the reply is sent, and ends as replies do.
            self._reply, standing.replying = None, False
            yield error(f"LLM error: {fault.message}" if fault.stage == "llm" else fault.message)
            yield from self._listening()
