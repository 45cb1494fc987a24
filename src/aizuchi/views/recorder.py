"""Keeps conversations on disk, for those who switched it on (`timeline.record`).

Per session one file of JSON Lines: a header, then one line per timeline entry; with sound also two WAV
files beside it, what the user said (16 kHz) and what was answered. The sound in them is dense: a line
whose entry had sound says in `sound_ms` where in its file it begins. One thread writes for all sessions.
The event loop only puts references into a bounded queue; what finds no room is left out, counted in the
file and said in the log.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

from aizuchi.events import Entry, MicNoted, Speech
from aizuchi.timeline_json import entry_to_json
from aizuchi.views.keeping import REPLY_END, TIMELINE_END, USER_END, folder_of, plain, tidy
from aizuchi.views.metrics import Followed
from aizuchi.views.tracks import Track

log = logging.getLogger(__name__)

FORMAT: Final = 1
QUEUE: Final = 8_192
QUEUE_BYTES: Final = 64 << 20
"""Sound that may wait for the disk."""
IDLE: Final = 1.0
"""Seconds after which the writer looks round though nothing came."""
TIDY_EVERY: Final = 60.0
CLOSING: Final = 10.0
"""Seconds that the writer has at the end."""


@dataclass(slots=True, eq=False)
class _Recording:
    """One session's files. The loop touches `dropped` and `over`, the writer everything else."""

    session: str
    person: str
    began: float
    """Wall clock at the session's beginning."""
    dropped: int = 0
    over: bool = False
    said_dropped: int = 0
    stopped: bool = False
    """Nothing more is written: the disk failed, or there is no room."""
    stem: Path | None = None
    lines: TextIO | None = None
    tracks: dict[str, Track] = field(default_factory=dict[str, Track])
    written: int = 0


class Recorder:
    """Records the sessions it is called with. Enter it (or call `close`) so that the end is written.

    `sound` also keeps sound; sessions must then be made with `record_sound`. `max_bytes` bounds all
    recordings in `folder` together and `max_age` is in seconds; the oldest go first. `shared` says that
    other processes record into the same folder: then what was touched a moment ago is left alone.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sound: bool = False,
        max_bytes: int = 1_000_000_000,
        max_age: float = 30 * 86_400.0,
        clock: Callable[[], float] = time.time,
        shared: bool = False,
    ) -> None:
        self._folder = folder
        self._shared = shared
        self._sound = sound
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._clock = clock
        self._queue: queue.Queue[tuple[_Recording, Entry | None] | None] = queue.Queue(QUEUE)
        self._put_bytes = self._done_bytes = 0
        self._open: list[_Recording] = []
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self, timeout: float = CLOSING) -> bool:
        """Write what waits and end the writer; False if that took longer than `timeout` seconds. Blocks."""
        self._ending.set()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # ------------------------------------------------------------------ the loop's side

    def __call__(self, session: Followed) -> Callable[[], None]:
        """Follow a new session; returns what ends its recording."""
        recording = _Recording(session.id, session.person, self._clock() - session.timeline.now)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
            self._thread.start()
        unfollow = session.timeline.follow(lambda entry: self._put(recording, entry))

        def stop() -> None:
            unfollow()
            recording.over = True
            self._put(recording, None)

        return stop

    def _put(self, recording: _Recording, entry: Entry | None) -> None:
        size = 0
        if entry is not None and isinstance(entry.event, Speech | MicNoted):
            size = len(entry.event.pcm)
        try:
            if self._put_bytes - self._done_bytes + size > QUEUE_BYTES:
                raise queue.Full
            self._queue.put_nowait((recording, entry))
            self._put_bytes += size
        except queue.Full:
            if entry is not None:
                recording.dropped += 1

    # ------------------------------------------------------------------ the writer's side

    def _work(self) -> None:
        next_tidy = 0.0
        while True:
            try:
                item = self._queue.get(timeout=IDLE if not self._ending.is_set() else 0.01)
            except queue.Empty:
                item = None
            if item is not None:
                self._take(*item)
            if self._queue.empty():
                self._settle()
                if self._ending.is_set():
                    break
            if time.monotonic() >= next_tidy:
                next_tidy = time.monotonic() + TIDY_EVERY
                self._tidy()
        for recording in tuple(self._open):
            self._finish(recording)

    def _take(self, recording: _Recording, entry: Entry | None) -> None:
        if entry is None:
            self._finish(recording)
            return
        event = entry.event
        pcm = event.pcm if isinstance(event, Speech | MicNoted) else b""
        self._done_bytes += len(pcm)
        if recording.stopped:
            return
        try:
            lines = recording.lines or self._begin(recording)
            fields = entry_to_json(entry)
            if pcm and self._sound:
                fields["sound_ms"] = self._keep(recording, event, pcm)
            self._say_dropped(recording, lines)
            self._line(recording, lines, fields)
        except OSError as error:
            log.warning("recording of session %s stopped: %s", recording.session, error)
            recording.stopped = True
        except (TypeError, ValueError):
            log.exception("entry %d of session %s could not be recorded", entry.seq, recording.session)

    def _begin(self, recording: _Recording) -> TextIO:
        began = datetime.fromtimestamp(recording.began, UTC)
        folder = self._folder / folder_of(recording.person)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        base = f"{began:%Y%m%dT%H%M%SZ}-{plain(recording.session)}"
        name, number = base, 1
        while (folder / (name + TIMELINE_END)).exists():  # the same session, taken up again
            number += 1
            name = f"{base}-{number}"
        stem = folder / name
        recording.stem = stem
        lines = open(str(stem) + TIMELINE_END, "x", encoding="utf-8", newline="\n")  # noqa: SIM115
        recording.lines = lines
        self._open.append(recording)
        sound = {"user": name + USER_END, "reply": name + REPLY_END} if self._sound else {}
        self._line(
            recording,
            lines,
            {
                "aizuchi_timeline": FORMAT,
                "session": recording.session,
                "person": recording.person,
                "began": began.isoformat(),
                "sound": sound,
            },
        )
        return lines

    def _keep(self, recording: _Recording, event: Speech | MicNoted | Any, pcm: bytes) -> int:
        """Write sound to its track; returns where it begins there, in ms."""
        assert recording.stem is not None
        end, rate = (REPLY_END, event.rate) if isinstance(event, Speech) else (USER_END, 16_000)
        track = recording.tracks.get(end)
        if track is None:
            track = recording.tracks[end] = Track(Path(str(recording.stem) + end), rate)
        at = track.ms
        recording.written += track.add(pcm, rate)
        return at

    def _line(self, recording: _Recording, lines: TextIO, fields: dict[str, Any]) -> None:
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=repr) + "\n"
        text = text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates may come from a client
        lines.write(text)
        recording.written += len(text)
        if recording.written > self._max_bytes:
            recording.stopped = True
            log.warning(
                "recording of session %s stopped: it alone fills the room there is", recording.session
            )

    def _say_dropped(self, recording: _Recording, lines: TextIO) -> None:
        missing = recording.dropped - recording.said_dropped
        if missing:
            recording.said_dropped += missing
            log.warning("the disk is slow: %d entries of session %s missing", missing, recording.session)
            self._line(recording, lines, {"aizuchi_dropped": missing})

    def _settle(self) -> None:
        """Nothing waits: let readers of the files see what is there; close what is over."""
        for recording in tuple(self._open):
            if recording.over:
                self._finish(recording)
            elif recording.lines is not None and not recording.stopped:
                try:
                    recording.lines.flush()
                except OSError as error:
                    log.warning("recording of session %s stopped: %s", recording.session, error)
                    recording.stopped = True

    def _finish(self, recording: _Recording) -> None:
        lines, recording.lines = recording.lines, None
        if recording not in self._open:
            return
        self._open.remove(recording)
        try:
            if lines is not None:
                if not recording.stopped:
                    self._say_dropped(recording, lines)
                lines.close()
            for track in recording.tracks.values():
                track.close()
        except OSError as error:
            log.warning("recording of session %s may lack its end: %s", recording.session, error)
        recording.stopped = True
        self._tidy()

    def _tidy(self) -> None:
        keep = {recording.stem for recording in self._open if recording.stem is not None}
        fresh = 0.0
        if self._shared:
            fresh = 3 * TIDY_EVERY
            for stem in keep:
                with contextlib.suppress(OSError):
                    os.utime(str(stem) + TIMELINE_END)
        tidy(
            self._folder,
            max_bytes=self._max_bytes,
            max_age=self._max_age,
            now=self._clock(),
            keep=keep,
            fresh=fresh,
        )
