"""Entries of the timeline become messages: the protocol's table A5.

Frames are made one by one as they leave, since each takes the next number and the generation of its entry.
Reply material of a generation that was interrupted is passed over, whoever brings it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Final

from aizuchi.events import (
    Annotated,
    Cue,
    Entry,
    Event,
    Fault,
    Heard,
    HeardPartial,
    Interrupted,
    LectureMoved,
    Measured,
    Packet,
    Queued,
    Sentence,
    Slide,
    Speech,
    SpeechDone,
    StateChanged,
    TextDelta,
    TextDone,
    Thought,
    ToolCall,
    ToolDone,
    TurnBegun,
    TurnEnded,
    TurnHeld,
    TurnResumed,
    WordTime,
)
from aizuchi.ports import Frame
from aizuchi.timeline_json import entry_to_json
from aizuchi.wire.native import down, up
from aizuchi.wire.native.down import Down
from aizuchi.wire.native.ledger import Ledger
from aizuchi.wire.native.numbering import Numbering
from aizuchi.wire.native.reply import Reply, arguments, chunk, clip

REPLY: Final = (
    TextDelta,
    Thought,
    Sentence,
    Annotated,
    Slide,
    TextDone,
    Speech,
    SpeechDone,
    WordTime,
    Cue,
    Packet,
)
MAX_CLIP: Final = 720 << 10
"""Bytes of sound in one `tts_audio`: as base64 under 1 MiB, the most that many clients take by default."""
MAX_REPLIES: Final = 16
STAGES: Final = {"asr": "asr", "vad": "asr", "llm": "llm", "tts": "tts"}


class Outward:
    """The speaking half of one connection, for a client with the given wishes."""

    def __init__(self, numbering: Numbering, ledger: Ledger, wishes: up.Wishes, first: int) -> None:
        self._numbering = numbering
        self._ledger = ledger
        self._audio = wishes.audio
        self._wants = frozenset(wishes.want)
        self._stream = "stream" in self._wants
        self._tools = frozenset(tool.name for tool in wishes.tools)
        self._least = first
        """Reply material of generations below is dead."""
        self._replies: dict[int, Reply] = {}
        self._cut_by: str | None = None

    def send(self, entry: Entry, now: float) -> Iterator[Frame]:
        """The frames for one entry; nothing where the protocol has no word for it."""
        event = entry.event
        if isinstance(event, REPLY) and entry.generation < self._least:
            return
        if isinstance(event, Packet):
            yield from self._packet(event, entry, now)
        elif isinstance(event, Interrupted):
            # The end of the dead reply's text goes directly before the state that acknowledges.
            yield from self._log(entry, now)
            yield from self._interrupted(event, entry, now)
            return
        else:
            for message in self._messages(event, entry):
                yield self._seal(message, entry, now)
                if isinstance(message, down.TtsAudio):
                    self._clip_sent(message, entry)
        yield from self._log(entry, now)

    def _seal(self, message: Down, entry: Entry, now: float) -> str:
        generation = max(entry.generation, self._least)
        return self._numbering.seal(message, now, generation=generation, turn=entry.turn)

    # -- the table

    def _messages(self, event: Event, entry: Entry) -> Iterator[Down]:
        match event:
            case StateChanged():
                yield self._state(event)
            case HeardPartial(utterance=utterance, text=text) if self._stream:
                yield down.AsrPartial(text=text, utterance_id=_utterance(utterance))
            case Heard():
                yield down.AsrFinal(
                    text=event.text, utterance_id=_utterance(event.utterance), confidence=event.confidence
                )
            case TurnBegun(turn=turn):
                self._reply(turn, entry)
            case TextDelta(text=text) if self._stream:
                reply = self._reply(entry.turn, entry)
                yield down.AssistantTextDelta(delta=text, index=reply.deltas)
                reply.deltas += 1
            case TextDone():
                self._reply(entry.turn, entry).ended = True
                yield self._text(event)
            case Thought(text=text) if "thoughts" in self._wants:
                yield down.ThoughtDelta(delta=text)
            case Sentence():
                # What is spoken, as it is written: in a bilingual reply not what is shown.
                text = event.subtitles.get(event.language) or event.shown
                self._reply(event.turn, entry).sentences[event.index] = text.strip()
                yield from self._sentence(event.index, event.emotion, event.subtitles)
            case Annotated():
                yield from self._sentence(event.sentence, event.emotion, event.subtitles)
            case SpeechDone(turn=turn, ms=ms) if self._audio != "none":
                reply = self._reply(turn, entry)
                yield from self._timings(reply)
                if self._stream:
                    self._ledger.ended(turn)
                    yield down.TtsAudioEnd(duration_ms=ms)
                elif reply.clip:
                    yield clip(reply, last=True)
            case Cue(turn=turn, sentence=index, kind="viseme") if "visemes" in self._wants:
                weight = None if event.weight == 1 else event.weight
                viseme = down.Viseme(t=event.at_ms, d=event.ms, id=event.value, weight=weight)
                self._reply(turn, entry).visemes.setdefault(index, []).append(viseme)
            case WordTime(turn=turn, sentence=index) if "words" in self._wants:
                word = down.TimedWord(t=event.at_ms, d=event.ms, text=event.text)
                self._reply(turn, entry).words.setdefault(index, []).append(word)
            case Queued(position=position, ahead=ahead, eta_ms=eta_ms):
                yield down.QueueUpdate(position=position, ahead=ahead, eta_ms=eta_ms)
            case Fault():
                yield down.Error(
                    code=event.code,
                    message=event.message,
                    recoverable=event.recoverable,
                    stage=STAGES.get(event.stage, "gateway"),  # pyright: ignore[reportArgumentType]
                    retry_after_ms=event.retry_after_ms,
                )
            case Measured(of_generation=generation, outcome=outcome, figures=figures):
                own = {name: value for name, value in figures.items() if name not in _RESERVED}
                yield down.Metrics(of_generation=generation, outcome=outcome, **own)  # pyright: ignore[reportArgumentType]
            case ToolCall():
                yield from self._tool_called(event)
            case ToolDone(error=error) if "tools" in self._wants:
                yield down.ToolStatus(
                    call_id=event.id,
                    name=event.name,
                    state="failed" if error else "done",
                    result=error or event.result,
                )
            case TurnEnded():
                yield from self._turn_ended(event, entry)
            case Slide(page=page, url=url, title=title) if "lecture" in self._wants:
                yield down.Slide(page=page, url=url or None, title=title or None)
            case LectureMoved(state=state, page=page, place=place, pages=pages) if "lecture" in self._wants:
                yield down.LectureUpdate(state=state, page=page, place=place, pages=pages)
            case TurnHeld(at_ms=at_ms) if "hold" in self._wants:
                yield down.PlaybackPause(at_ms=at_ms)
            case TurnResumed(turn=turn, at_ms=at_ms):
                self._reply(turn, entry).generation = entry.generation
                if "hold" in self._wants:
                    yield down.PlaybackResume(at_ms=at_ms)
            case _:
                pass

    def _state(self, event: StateChanged) -> Down:
        reason, cut_by, self._cut_by = event.reason, self._cut_by, None
        if reason == cut_by and reason not in down.ENGINE_REASONS:
            reason = "interrupt"
        return down.StateUpdate(
            state=event.state, previous=event.previous, reason=reason or None, degraded=event.degraded or None
        )

    def _text(self, event: TextDone) -> Down:
        if not self._stream:
            return down.AssistantText(text=event.text)
        return down.AssistantTextEnd(
            text=event.text, finish_reason=event.finish, fallback=event.fallback or None
        )

    def _sentence(self, index: int, emotion: str, subtitles: Mapping[str, str]) -> Iterator[Down]:
        if emotion and "emotion" in self._wants:
            yield down.EmotionTag(emotion=emotion, sentence_index=index)
        if "subtitles" in self._wants:
            for language, text in subtitles.items():
                yield down.AssistantSubtitle(sentence_index=index, language=language, text=text)

    def _timings(self, reply: Reply, upto: int | None = None) -> Iterator[Down]:
        """Mouth shapes and words that are known by now, of the sentences up to one, or of all."""
        for index in sorted(reply.visemes):
            if upto is None or index <= upto:
                yield down.VisemeTimeline(sentence_index=index, visemes=reply.visemes.pop(index))
        for index in sorted(reply.words):
            if upto is None or index <= upto:
                yield down.WordTimeline(sentence_index=index, words=reply.words.pop(index))

    def _tool_called(self, event: ToolCall) -> Iterator[Down]:
        mine = event.place == "client" and event.name in self._tools
        if mine or "tools" in self._wants:
            yield down.ToolStatus(
                call_id=event.id,
                name=event.name,
                state="requested" if mine else "running",
                arguments=arguments(event.args),
                place="client" if mine else None,
            )

    def _turn_ended(self, event: TurnEnded, entry: Entry) -> Iterator[Down]:
        reply = self._replies.pop(event.turn, None)
        if reply is None:
            return
        cut = event.outcome in ("interrupted", "superseded")
        if not reply.ended and (
            reply.deltas or (not self._stream and event.text and event.outcome == "failed")
        ):
            yield self._broken(event, reply, entry, cut=cut)
        if reply.clip and not cut:
            yield clip(reply, last=True)
        if cut and self._wants & {"words", "metrics"}:
            yield down.Heard(of_generation=reply.generation, text=event.heard)

    def _broken(self, event: TurnEnded, reply: Reply, entry: Entry, *, cut: bool) -> Down:
        """A reply that ended without the end of its text: its turn failed, or died while it was held."""
        if not self._stream:
            return down.AssistantText(text=event.text)
        return down.AssistantTextEnd(
            text=event.heard if cut else event.text,
            finish_reason="interrupted" if cut else "error",
            of_generation=None if entry.generation == reply.generation else reply.generation,
        )

    # -- the interrupt

    def _interrupted(self, event: Interrupted, entry: Entry, now: float) -> Iterator[Frame]:
        self._least = max(self._least, entry.generation)
        self._cut_by = event.reason
        reply = self._replies.get(event.turn) if event.turn is not None else None
        if reply is None:
            return
        reply.visemes.clear()
        reply.words.clear()
        reply.clip.clear()
        if reply.deltas and event.of_generation is not None:
            # Also when its text was complete: the client learns how much of it was heard.
            reply.ended = True
            end = down.AssistantTextEnd(text=event.heard, finish_reason="interrupted")
            yield self._numbering.seal(end, now, generation=event.of_generation, turn=event.turn)

    # -- sound

    def _packet(self, packet: Packet, entry: Entry, now: float) -> Iterator[Frame]:
        if self._audio == "none":
            return
        reply = self._reply(packet.turn, entry)
        for message in self._timings(reply, packet.sentence):
            yield self._seal(message, entry, now)
        if not self._stream:
            yield from self._collect(packet, reply, entry, now)
            return
        if self._audio == "binary":
            heading = (packet.sentence, packet.rate, packet.codec, entry.generation)
            if reply.heading != heading:
                reply.heading = heading
                yield self._seal(chunk(packet, reply), entry, now)
            frame: Frame = self._numbering.frame(packet.data, entry.generation, last=packet.last)
        else:
            data = base64.b64encode(packet.data).decode()
            frame = self._seal(chunk(packet, reply, data), entry, now)
        self._ledger.sent(self._numbering.last_down, entry.generation, packet.turn, packet.at_ms + packet.ms)
        yield frame

    def _collect(self, packet: Packet, reply: Reply, entry: Entry, now: float) -> Iterator[Frame]:
        full = len(reply.clip) + len(packet.data) > MAX_CLIP
        if reply.clip and (full or reply.clip_rate != packet.rate):
            full_clip = clip(reply, last=False)
            yield self._seal(full_clip, entry, now)
            self._clip_sent(full_clip, entry)
        reply.clip_rate = packet.rate
        reply.clip_end_ms = packet.at_ms + packet.ms
        reply.clip += packet.data

    def _clip_sent(self, sent: down.TtsAudio, entry: Entry) -> None:
        reply = self._reply(entry.turn, entry)
        self._ledger.sent(sent.seq, sent.generation_id, reply.turn, reply.clip_end_ms)
        if sent.last:
            self._ledger.ended(reply.turn)

    # -- small things

    def _log(self, entry: Entry, now: float) -> Iterator[Frame]:
        """The entry itself, for those who follow; of a sentence's frames the first and the last."""
        event = entry.event
        if "timeline" not in self._wants or isinstance(event, Measured):
            return
        if not isinstance(event, Packet) or event.first or event.last:
            yield self._seal(down.TimelineMessage(entries=[entry_to_json(entry)]), entry, now)

    def _reply(self, turn: int | None, entry: Entry) -> Reply:
        number = -1 if turn is None else turn
        reply = self._replies.get(number)
        if reply is None:
            reply = self._replies[number] = Reply(number, entry.generation)
            if len(self._replies) > MAX_REPLIES:
                self._replies.pop(next(iter(self._replies)))
        return reply


_RESERVED: Final = frozenset(down.Metrics.model_fields)


def _utterance(number: int) -> str:
    return f"utterance-{number}"
