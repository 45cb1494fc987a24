"""What is recorded is whole, is bounded, belongs to a person and never holds up a session."""

import json
import os
import time
import wave
import zipfile
from pathlib import Path

import pytest

from aizuchi.errors import ConfigError
from aizuchi.events import TextDelta
from aizuchi.views import recorder as recorder_module
from aizuchi.views.keeping import delete, export, folder_of, tidy
from aizuchi.views.metrics import Metrics
from aizuchi.views.recorder import Recorder
from aizuchi.views.saved import load
from tests.views.stories import TONE, Tale, spoken_turn, whole


def record(folder: Path, tale: Tale, *, sound: bool = False) -> list[Path]:
    """Tell a whole story to a recorder; returns the files there are, sorted."""
    with Recorder(folder, sound=sound) as recorder:
        stop = recorder(tale)
        whole(tale)
        stop()
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_saved_figures_equal_live_ones(tmp_path: Path):
    """Metrics are derivable from a saved timeline, to the last digit (DH acceptance 6)."""
    tale = Tale()
    live = Metrics(quiet=True)
    tale.timeline.follow(live.read)
    (path,) = record(tmp_path, tale)
    saved = load(path)
    assert (saved.broken, saved.dropped, saved.unknown) == (0, 0, 0)
    assert len(live.turns) == 2
    assert [turn.numbers() for turn in saved.metrics.turns] == [turn.numbers() for turn in live.turns]
    assert [turn.stages for turn in saved.metrics.turns] == [turn.stages for turn in live.turns]


def test_header_and_order(tmp_path: Path):
    """The first line says what this is; entries follow without gaps, in order."""
    (path,) = record(tmp_path, Tale(person="Ann Lee"))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0]["aizuchi_timeline"] == 1
    assert (lines[0]["session"], lines[0]["person"], lines[0]["sound"]) == ("s-1", "Ann Lee", {})
    assert [line["seq"] for line in lines[1:]] == list(range(len(lines) - 1))
    assert (lines[1]["kind"], lines[-1]["kind"]) == ("session_opened", "session_closed")
    assert not any("pcm" in line or "sound_ms" in line for line in lines)


def test_sound_lies_beside_it(tmp_path: Path):
    """Both tracks are WAV files, and a line says where in its track its sound begins."""
    files = record(tmp_path, Tale(), sound=True)
    timeline, reply, user = files
    assert [path.name.partition(".")[2] for path in files] == ["jsonl", "reply.wav", "user.wav"]
    with wave.open(str(reply), "rb") as track:
        assert (track.getframerate(), track.readframes(10_000)) == (24_000, TONE * 3)
    with wave.open(str(user), "rb") as track:
        assert (track.getframerate(), track.getnframes()) == (16_000, 16_000)
    lines = [json.loads(line) for line in timeline.read_text(encoding="utf-8").splitlines()]
    assert lines[0]["sound"] == {"user": user.name, "reply": reply.name}
    assert [line["sound_ms"] for line in lines if line.get("kind") == "speech"] == [0, 40, 80]


def test_another_rate_is_converted(tmp_path: Path):
    """A voice of another rate goes into the same track, as long as it was."""
    from aizuchi.views.tracks import Track

    track = Track(tmp_path / "x.wav", 24_000)
    track.add(bytes(24_000 * 2), 24_000)
    for _ in range(50):
        track.add(bytes(16_000 // 50 * 2), 16_000)
    track.close()
    with wave.open(str(tmp_path / "x.wav"), "rb") as file:
        assert file.getnframes() / 24_000 == pytest.approx(2.0, abs=0.02)


def test_a_slow_disk_is_said_and_never_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With no writer at work the queue fills up; what is left out is counted in the file."""
    monkeypatch.setattr(recorder_module, "QUEUE", 8)
    tale = Tale()
    recorder = Recorder(tmp_path)
    monkeypatch.setattr(recorder_module.threading.Thread, "start", lambda self: None)
    stop = recorder(tale)
    for number in range(20):
        tale.say(number / 10, TextDelta(str(number)), 1)
    stop()
    monkeypatch.undo()
    recorder._ending.set()  # pyright: ignore[reportPrivateUsage]
    recorder._work()  # pyright: ignore[reportPrivateUsage]
    (path,) = tmp_path.rglob("*.jsonl")
    saved = load(path)
    assert (len(saved.entries), saved.dropped) == (8, 12)


def test_a_broken_disk_ends_the_recording_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """When the folder can't be made, the session goes on and the log says so once."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    tale = Tale()
    with Recorder(blocked / "timelines") as recorder:
        recorder(tale)
        spoken_turn(tale)
    assert len([each for each in caplog.records if "stopped" in each.getMessage()]) == 1


def test_a_recording_that_fills_the_room_stops(tmp_path: Path):
    """One session can't take more than all recordings may."""
    tale = Tale()
    with Recorder(tmp_path, max_bytes=2_000) as recorder:
        recorder(tale)
        whole(tale)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.jsonl"))
    assert size < 2_500


def test_two_sessions_of_one_id_do_not_mix(tmp_path: Path):
    """A resumed session gets a file of its own, even within the same second."""
    now = time.time()
    for _ in range(2):
        with Recorder(tmp_path, clock=lambda: now) as recorder:
            tale = Tale()
            stop = recorder(tale)
            whole(tale)
            stop()
    assert [len(load(path).metrics.turns) for path in tmp_path.rglob("*.jsonl")] == [2, 2]


def test_export_and_delete_are_one_persons(tmp_path: Path):
    """A person gets and ends their own recordings; another's, however alike the name, stay."""
    home, out = tmp_path / "timelines", tmp_path / "ann.zip"
    for person in ("ann", "ann/..", "../ann", "ANN"):
        record(home, Tale(person=person), sound=True)
    assert len({folder_of(person).lower() for person in ("ann", "ann/..", "../ann", "ANN")}) == 4
    names = export("ann", home, out)
    with zipfile.ZipFile(out) as archive:
        assert sorted(archive.namelist()) == sorted(names) and len(names) == 3
    with pytest.raises(ConfigError, match="exists already"):
        export("ann", home, out)
    assert delete("ann", home) == 3
    assert delete("ann", home) == 0
    assert export("ann", home, tmp_path / "none.zip") == [] and not (tmp_path / "none.zip").exists()
    assert len(list(home.rglob("*.jsonl"))) == 3


def test_everything_stays_inside_the_folder(tmp_path: Path):
    """Whatever a person or a session is called, its files lie in the folder."""
    home = tmp_path / "deep" / "timelines"
    for name in ("../../x", "a/b", "CON", "", "你好", "x" * 500, "\0"):
        record(home, Tale(id=name, person=name))
    assert {path.parent.parent for path in tmp_path.rglob("*.jsonl")} == {home}


def test_old_recordings_go_first(tmp_path: Path):
    """Beyond its age a recording goes; beyond the size the oldest go; one being written stays."""
    place = tmp_path / folder_of("ann")
    place.mkdir(parents=True)
    for day, name in enumerate(("a", "b", "c", "d")):
        for end in (".jsonl", ".reply.wav"):
            file = place / (name + end)
            file.write_bytes(bytes(500))
            os.utime(file, (day * 86_400, day * 86_400))
    note = place / "note.txt"
    note.write_text("mine", encoding="utf-8")
    now = 4 * 86_400.0

    def left() -> set[str]:
        return {path.name.partition(".")[0] for path in place.iterdir()} - {"note"}

    assert tidy(tmp_path, max_bytes=10_000, max_age=3.5 * 86_400, now=now, keep=()) == 1
    assert left() == {"b", "c", "d"}
    assert tidy(tmp_path, max_bytes=2_000, max_age=1e9, now=now, keep={place / "b"}) == 1
    assert left() == {"b", "d"}
    # Another process may still write what changed a moment ago.
    assert tidy(tmp_path, max_bytes=0, max_age=0, now=now, keep={place / "b"}, fresh=86_401) == 0
    assert tidy(tmp_path, max_bytes=0, max_age=0, now=now, keep={place / "b"}, fresh=86_400) == 1
    assert left() == {"b"}
    assert note.exists()
    assert tidy(tmp_path / "absent", max_bytes=0, max_age=0, now=now, keep=()) == 0


@pytest.mark.parametrize(
    "text",
    ["", "{}", "hello", "[1]", '{"aizuchi_timeline": "x"}', '{"aizuchi_timeline": 99}', "\0\0", "[" * 99_999],
)
def test_what_is_no_timeline_is_said(tmp_path: Path, text: str):
    """A file of something else ends in one clear sentence."""
    path = tmp_path / "x.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load(path)


def test_a_killed_server_leaves_a_readable_file(tmp_path: Path):
    """A last line that was cut off costs that line only; so do damaged ones."""
    (path,) = record(tmp_path, Tale())
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    entries = len(lines) - 1
    path.write_text("\n".join([*lines[:5], "garbage", '{"seq": []}', *lines[5:]])[:-20], encoding="utf-8")
    saved = load(path)
    assert (len(saved.entries), saved.broken) == (entries - 1, 3)
    later = {"seq": 0, "at": 0, "turn": None, "generation": 0, "kind": "dreamt"}
    path.write_text(lines[0] + "\n" + json.dumps(later) + "\n", encoding="utf-8")
    assert load(path).unknown == 1
