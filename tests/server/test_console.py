"""Who may use the console, what it shows, and that a trial is a real request."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from aizuchi.events import Fault, LinkOpened, TurnBegun, TurnEnded
from aizuchi.server.console import trying
from aizuchi.server.store import MemoryStore
from aizuchi.timeline import Timeline
from aizuchi.views.metrics import Meter
from aizuchi.views.watching import Watch
from aizuchi.wav import wav_header
from tests.server.consoles import BASE, client, console, house, told
from tests.server.fakes import make_house

TOKENS = "server: {tokens: {ann: s3cret-of-ann, bob: s3cret-of-bob}, operators: [ann]}\n"
GETS = ["", "/live", "/live/stream", "/providers", "/characters", "/characters/aizuchi", "/config"]
CHANGES = [
    ("PATCH", "/config"),
    ("PUT", "/characters/aizuchi"),
    ("POST", "/characters"),
    ("POST", "/characters/preview"),
    ("POST", "/reload"),
    ("POST", "/try/tts/0"),
]
EVERY = [("GET", path) for path in GETS] + CHANGES


def ann(secret: str = "s3cret-of-ann") -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(("method", "path"), EVERY)
async def test_nothing_without_an_operators_token(tmp_path: Path, method: str, path: str):
    """With tokens every route wants one, of an operator, wherever the request comes from."""
    made = house(tmp_path, TOKENS)
    async with client(made) as http:
        for headers, status in (({}, 401), (ann("wrong"), 401), (ann("s3cret-of-bob"), 403)):
            answer = await http.request(method, f"/api/console{path}", headers=headers, json={})
            assert answer.status_code == status, answer.text
            assert "error" in answer.json()


async def test_an_operator_comes_in_from_anywhere(tmp_path: Path):
    """A token of an operator opens the console, also through a proxy and by another name."""
    async with client(house(tmp_path, TOKENS), peer="203.0.113.9", base="https://voice.example") as http:
        answer = await http.get("/api/console", headers=ann() | {"X-Forwarded-For": "1.2.3.4"})
        assert told(answer)["operators"] == ["ann"]
        assert answer.headers["cache-control"] == "no-store"
        strange = await http.get("/api/console", headers=ann() | {"Origin": "https://evil.example"})
        assert strange.status_code == 403


async def test_tokens_without_operators_let_nobody_in(tmp_path: Path):
    """A token to talk is none to look: until operators are named, the answer says how to name them."""
    made = house(tmp_path, "server: {tokens: {ann: s3cret-of-ann}}\n")
    async with client(made) as http:
        answer = await http.get("/api/console", headers=ann())
        assert answer.status_code == 403 and "server.operators" in answer.json()["error"]
        assert "[ann]" in answer.json()["error"]
        chinese = await http.get("/api/console", headers=ann() | {"Accept-Language": "zh-CN"})
        assert "请在 server.operators" in chinese.json()["error"]


async def test_guessing_is_slow(tmp_path: Path):
    """Some wrong tokens a minute; then an address waits, even with the right one, and others do not."""
    made = house(tmp_path, TOKENS)
    async with client(made) as http:
        statuses = [(await http.get("/api/console", headers=ann("x"))).status_code for _ in range(22)]
        assert statuses[0] == 401 and statuses[-1] == 429
        assert (await http.get("/api/console", headers=ann())).status_code == 429


@pytest.mark.parametrize("open_", [False, True])
@pytest.mark.parametrize(
    ("peer", "base", "headers"),
    [
        ("192.168.1.7", BASE, {}),
        ("127.0.0.1", "http://evil.example", {}),
        ("127.0.0.1", "http://192.168.1.2:12393", {}),
        ("127.0.0.1", BASE, {"Origin": "http://evil.example"}),
        ("127.0.0.1", BASE, {"Origin": "http://localhost:3000"}),
        ("127.0.0.1", BASE, {"Origin": "null"}),
        ("127.0.0.1", BASE, {"Sec-Fetch-Site": "cross-site"}),
        ("127.0.0.1", BASE, {"X-Forwarded-For": "203.0.113.9"}),
    ],
    ids=[
        "elsewhere",
        "rebinding",
        "by address",
        "origin",
        "other page",
        "no origin",
        "site",
        "proxy",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/config"), ("PATCH", "/config"), ("GET", "/live")])
async def test_without_tokens_only_this_machine(
    tmp_path: Path, open_: bool, peer: str, base: str, headers: dict[str, str], method: str, path: str
):
    """Without tokens nobody else's machine, name or page reaches the console, even on an open server."""
    made = house(tmp_path, open_=open_)
    async with client(made, peer=peer, base=base) as http:
        answer = await http.request(method, f"/api/console{path}", headers=headers, json={})
        assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("base", [BASE, "http://localhost:12393", "http://[::1]:12393"])
async def test_this_machine_needs_no_token(tmp_path: Path, base: str):
    """The console's own page on this machine is let in."""
    async with client(house(tmp_path), base=base) as http:
        headers = {"Origin": base, "Sec-Fetch-Site": "same-origin"}
        assert told(await http.get("/api/console", headers=headers))["tokens"] is False


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_a_form_can_not_change_anything(tmp_path: Path, method: str, path: str):
    """What a foreign page can send without being asked about, plain text or a form, changes nothing."""
    made = house(tmp_path)
    before = (tmp_path / "aizuchi.yaml").read_bytes()
    async with client(made) as http:
        del http.headers["X-Aizuchi-Console"]
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            answer = await http.request(
                method, f"/api/console{path}", content=b"{}", headers={"Content-Type": kind}
            )
            assert answer.status_code == 403, answer.text
    assert (tmp_path / "aizuchi.yaml").read_bytes() == before


async def test_a_house_without_files_has_no_console():
    """A house that was given none answers 404."""
    async with client(make_house(store=MemoryStore())) as http:
        assert (await http.get("/api/console")).status_code == 404


async def test_bodies_are_bounded(tmp_path: Path):
    """A body larger than it may be is refused while it comes; what is no object is told so."""
    async with console(tmp_path) as (_, http):
        large = await http.post("/api/console/try/asr/0", content=b"x" * (trying.SOUND + 1))
        assert large.status_code == 413
        for content in (b"[]", b"{", b"\xff", b"[" * 100_000):
            answer = await http.patch("/api/console/config", content=content)
            assert answer.status_code == 422, answer.text


async def test_live(tmp_path: Path):
    """A session shows with its protocol and turns, and what went wrong without what was said."""
    timeline = Timeline(lambda: 0.0)

    class Session:
        id, person = "s1", "ann"

        def __init__(self) -> None:
            self.timeline = timeline

    meter = Meter()
    watch = Watch(meter, now=lambda: 5.0)
    session = Session()
    stops = [meter(session), watch(session)]
    timeline.append(LinkOpened("l", ("mouth",), "dh.v1"), turn=None, generation=0)
    timeline.append(TurnBegun(1, "user", "a secret of mine"), turn=1, generation=1)
    timeline.append(Fault("llm", "llm_failed", "no answer", provider="openai"), turn=1, generation=1)
    timeline.append(TurnEnded(1, "failed"), turn=1, generation=1)
    assert watch.of("s1") == {"protocols": ["dh.v1"], "turns": 1}
    assert [each["code"] for each in watch.troubles] == ["llm_failed"]
    assert watch.turns == [{"at": 5.0, "outcome": "failed"}]
    assert "secret" not in str(watch.troubles)
    for stop in stops:
        stop()
    assert watch.of("s1") == {}
    async with console(tmp_path) as (made, http), made:
        said = told(await http.get("/api/console/live"))
        assert said["status"] == "healthy" and said["sessions"] == [] and said["load"]["overloaded"] is False


async def test_providers_in_their_order(tmp_path: Path):
    """Each stage's providers come in the order in which they are tried, with how they are."""
    async with console(tmp_path) as (made, http), made:
        rows = told(await http.get("/api/console/providers"))["providers"]
        names = [(row["stage"], row["index"], row["name"]) for row in rows]
        assert names == [
            ("vad", 0, "energy"),
            ("asr", 0, "pocketsphinx"),
            ("llm", 0, "script"),
            ("tts", 0, "tone"),
            ("tts", 1, "espeak"),
        ]
        assert all(row["embedded"] and not row["paused"] and row["allowed"] for row in rows)
        from aizuchi.errors import ProviderError

        for _ in range(3):
            made.parts.tts.failed(made.parts.tts.providers[0], ProviderError("no"))
        rows = told(await http.get("/api/console/providers"))["providers"]
        assert rows[3]["paused"] > 20


async def test_a_voice_is_tried(tmp_path: Path):
    """A sentence comes back as a WAV, and the use is counted."""
    async with console(tmp_path) as (made, http), made:
        counted: list[Any] = []
        assert made.console is not None
        made.console.count = counted.append  # type: ignore[misc]
        said = told(await http.post("/api/console/try/tts/0", json={"text": "Good day"}))
        wav = base64.b64decode(said["wav"])
        assert said["ok"] and wav[:4] == b"RIFF" and len(wav) > 1_000 and said["rate"] == 24_000
        assert [(each.provider, each.characters) for each in counted] == [("tone", 8)]


async def test_a_model_and_a_detector_are_tried(tmp_path: Path):
    """A question is answered; silence scores low, and an upload may be a WAV of any rate."""
    async with console(tmp_path) as (made, http), made:
        said = told(await http.post("/api/console/try/llm/0", json={"text": "hello"}))
        assert said["ok"] and said["text"] and 0 <= said["first_ms"] <= said["total_ms"]
        assert told(await http.post("/api/console/try/vad/0", json={}))["sound"] is False
        wav = wav_header(48_000, 96_000) + b"\x00\x40" * 48_000
        loud = await http.post("/api/console/try/vad/0", content=wav, headers={"Content-Type": "audio/wav"})
        assert told(loud)["sound"] is True


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        ("asr/0", {}, 422),
        ("tts/7", {}, 404),
        ("turn/0", {}, 404),
        ("nothing/0", {}, 404),
        ("tts/0", {"text": "x" * 501}, 422),
    ],
)
async def test_trials_that_can_not_be(tmp_path: Path, path: str, given: dict[str, Any], status: int):
    """No sound for a recogniser, no such provider, too long a text."""
    async with console(tmp_path) as (made, http), made:
        assert (await http.post(f"/api/console/try/{path}", json=given)).status_code == status


async def test_a_broken_upload(tmp_path: Path):
    """What calls itself a WAV and is none is told so."""
    async with console(tmp_path) as (made, http), made:
        answer = await http.post("/api/console/try/asr/0", content=b"RIFFxxxxJUNK" + bytes(100))
        assert answer.status_code == 422 and "RIFF" in answer.json()["error"]


async def test_one_trial_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A second one of the same operator is refused while the first runs, and a slow one ends."""
    import asyncio

    from aizuchi.server import trials

    begun = asyncio.Event()

    async def slow(*_: object, **__: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(trials, "think", slow)
    monkeypatch.setattr(trials, "TRY", 0.2)
    async with console(tmp_path) as (made, http), made, asyncio.TaskGroup() as group:
        first = group.create_task(http.post("/api/console/try/llm/0", json={"text": "a"}))
        await begun.wait()
        assert (await http.post("/api/console/try/tts/0", json={})).status_code == 409
        said = told(await first)
        assert said["ok"] is False and "0.2 s" in said["error"]
        assert told(await http.post("/api/console/try/tts/0", json={}))["ok"]
