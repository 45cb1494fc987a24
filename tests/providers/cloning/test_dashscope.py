"""Cloned voices at DashScope, against a loopback server to which the official package was put as well."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.providers import dashscope as vendor
from aizuchi.providers.cloning import dashscope, enrollment
from aizuchi.providers.cloning.cloner import Cloner, Upload
from aizuchi.providers.cloning.dashscope import CosyCloner, QwenCloner
from aizuchi.providers.cloning.enrollment import Enrollment
from tests.loopback.enrollment_server import KEY, EnrollmentServer

pytestmark = pytest.mark.network

SAMPLE = Upload(b"RIFF" + bytes(200_000), "audio/wav")
MODEL = "qwen3-tts-vc-realtime-2026-01-15"
BOTH = pytest.mark.parametrize("family", ["qwen", "cosy"])


@pytest_asyncio.fixture
async def server() -> AsyncIterator[EnrollmentServer]:
    async with EnrollmentServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "POLL", 0.01)


def cloner(server: EnrollmentServer, family: str, key: str = KEY) -> Cloner:
    api = Enrollment(server.base_url, {"Authorization": f"Bearer {key}"}, key)
    return QwenCloner(api) if family == "qwen" else CosyCloner(api, "cosyvoice-v3-flash")


def nothing(done: int, total: int) -> None:
    pass


@BOTH
async def test_a_voice_from_its_making_to_its_end(server: EnrollmentServer, family: str):
    """Made for a model, listed over all pages, deleted; the upload is told in bytes."""
    chosen, told = cloner(server, family), list[tuple[int, int]]()
    made = await chosen.create("anon", SAMPLE, model=MODEL, progress=lambda *more: told.append(more))
    assert server.voices[0].sample == SAMPLE.data and server.voices[0].model == MODEL
    assert made.status == "ready" and made.model == MODEL
    assert told[-1][0] == told[-1][1] > len(SAMPLE.data) and len(told) > 2
    for number in range(dashscope.PAGE):
        await chosen.create(f"n{number}", "https://example.com/a.wav", model=MODEL, progress=nothing)
    found = [each async for each in chosen.voices()]
    assert len(found) == dashscope.PAGE + 1 and found[0].id == made.id and found[0].made
    await chosen.delete(made.id)
    assert made.id not in [each.id async for each in chosen.voices()]
    with pytest.raises(ProviderError, match="no voice"):
        await chosen.delete(made.id)


async def test_cosyvoice_works_a_while(server: EnrollmentServer, monkeypatch: pytest.MonkeyPatch):
    """It is asked until the voice can be used; what it refuses, or never finishes, is said."""
    server.polls = 3
    chosen = cloner(server, "cosy")
    assert (await chosen.create("anon", SAMPLE, model="m", progress=nothing)).status == "ready"
    assert [request.json["input"]["action"] for request in server.requests] == [
        "create_voice",
        *["query_voice"] * 4,
    ]
    server.faults = ["", "refuse"]
    with pytest.raises(ProviderError, match="did not accept the sample"):
        await chosen.create("anon", SAMPLE, model="m", progress=nothing)
    monkeypatch.setattr(dashscope, "DEPLOYING", 0.1)
    server.polls = 1_000_000
    assert (await chosen.create("anon", SAMPLE, model="m", progress=nothing)).status == "working"


async def test_a_family_that_wants_an_address(server: EnrollmentServer):
    """Where a file is refused the user hears of the other way, which is then taken as it is."""
    server.urls_only = True
    chosen = cloner(server, "cosy")
    with pytest.raises(ProviderError, match="public address"):
        await chosen.create("anon", SAMPLE, model="m", progress=nothing)
    await chosen.create("anon", "https://example.com/a.wav", model="m", progress=nothing)
    assert server.voices[0].sample == "https://example.com/a.wav"


async def test_a_poor_sample_is_told(server: EnrollmentServer):
    """The vendor may make a voice and have doubts about it."""
    server.faults = ["poor"]
    made = await cloner(server, "qwen").create("anon", SAMPLE, model=MODEL, progress=nothing)
    assert "no_valid_asr_segments" in made.note


@BOTH
@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        ("drop", "cannot reach", True),
        ("garbage", "no answer", True),
        ("list", "no answer", True),
        ("busy", r"Throttling.*slow down, \*\*\*; too many requests", True),
        ("page", "HTTP 502", True),
        ("empty", "without a voice", True),
        ("stall", "no answer within", True),
    ],
)
async def test_what_goes_wrong_is_said(
    server: EnrollmentServer,
    monkeypatch: pytest.MonkeyPatch,
    family: str,
    fault: str,
    message: str,
    retryable: bool,
):
    """In a sentence without the key."""
    monkeypatch.setattr(enrollment, "ANSWER", 0.5 if fault == "stall" else 20.0)
    server.faults = [fault]
    with pytest.raises(ProviderError, match=message) as caught:
        await cloner(server, family).create("anon", SAMPLE, model=MODEL, progress=nothing)
    assert caught.value.retryable == retryable and KEY not in str(caught.value)


@BOTH
async def test_a_wrong_key(server: EnrollmentServer, family: str):
    """It is refused for good, and not shown."""
    with pytest.raises(ProviderError, match="DASHSCOPE_API_KEY") as caught:
        _ = [each async for each in cloner(server, family, "sk-wrong").voices()]
    assert not caught.value.retryable and "sk-wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("family", "name"), [("qwen", "a b"), ("qwen", "a" * 17), ("cosy", "Anon"), ("cosy", "")]
)
async def test_a_name_the_vendor_would_refuse(server: EnrollmentServer, family: str, name: str):
    """It is refused here, before anything is sent."""
    with pytest.raises(ConfigError, match="can't be the name"):
        await cloner(server, family).create(name, SAMPLE, model=MODEL, progress=nothing)
    assert not server.requests


async def test_for_programs_that_block(server: EnrollmentServer):
    """The two functions work where an event loop runs, and raise what the others do."""
    id_ = await _elsewhere(
        dashscope.create_voice, KEY, SAMPLE.data, preferred_name="anon", base_url=server.base_url
    )
    assert server.voices[0].model == dashscope.CLONING
    found = await _elsewhere(dashscope.query_voice_list, KEY, page_size=5, base_url=server.base_url)
    assert [(each["voice"], each["target_model"]) for each in found] == [(id_, dashscope.CLONING)]
    with pytest.raises(ProviderError, match="InvalidApiKey"):
        await _elsewhere(dashscope.query_voice_list, "sk-no", base_url=server.base_url)


async def _elsewhere(work, *args, **more):
    import asyncio

    return await asyncio.to_thread(work, *args, **more)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("wss://dashscope.aliyuncs.com", "https://dashscope.aliyuncs.com/api/v1/services/audio/tts/customization"),
        ("wss://a.b.maas.aliyuncs.com/api-ws/v1/realtime", "https://a.b.maas.aliyuncs.com/api/v1/services/audio/tts/customization"),
        ("https://dashscope.aliyuncs.com/api/v1", "https://dashscope.aliyuncs.com/api/v1/services/audio/tts/customization"),
        ("http://127.0.0.1:9/somewhere/else", "http://127.0.0.1:9/somewhere/else"),
    ],
)  # fmt: skip
def test_one_address_tells_the_other(given: str, made: str):
    """The address for voices is the one of the speech, of the same region."""
    assert vendor.http_of(given) == made


def test_no_address():
    """What is none is said so."""
    for wrong in ("dashscope.aliyuncs.com", "ftp://x", "wss://[x", ""):
        with pytest.raises(ConfigError, match="is not an address"):
            vendor.http_of(wrong)
