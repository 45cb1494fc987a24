"""Volcengine's recogniser against a loopback server that speaks its protocol, faults included."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.ports import Final, Hints, Partial
from aizuchi.providers.asr.volcengine import VolcengineRecognizer
from aizuchi.server.tls import own_certificate
from tests.loopback.volcengine_server import ACCESS, APP, LOG_ID, ONE, VolcengineServer, spoken

pytestmark = pytest.mark.network

PAUSE = b""
ANY = Hints()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BYTEDANCE_APP_KEY", "BYTEDANCE_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[VolcengineServer]:
    async with VolcengineServer() as server:
        yield server


def recogniser(server: VolcengineServer, **options: Any) -> VolcengineRecognizer:
    given = {"base_url": server.url, "app_key": APP, "access_key": ACCESS, "connect_timeout": 2.0, **options}
    return VolcengineRecognizer(VolcengineRecognizer.Options.model_validate(given))


async def slices(*sound: bytes, ms: int = 10) -> AsyncGenerator[bytes, None]:
    """As the engine gives it."""
    for pcm in sound:
        if not pcm:
            yield PAUSE
        for at in range(0, len(pcm), ms * 32):
            yield pcm[at : at + ms * 32]
            await asyncio.sleep(0)


async def held(sound: Sequence[bytes], more: asyncio.Event) -> AsyncIterator[bytes]:
    """The sound, then nothing more before `more` is set."""
    async with aclosing(slices(*sound)) as pieces:
        async for pcm in pieces:
            yield pcm
    await more.wait()


async def heard(chosen: VolcengineRecognizer, *sound: bytes, hints: Hints = ANY) -> list[Partial | Final]:
    async with asyncio.timeout(20), aclosing(chosen.transcribe(slices(*sound), hints)) as results:
        return [result async for result in results]


async def test_an_utterance(server: VolcengineServer):
    """Partials while it is spoken, settled sentences joined, one final text; messages as the vendor asks."""
    async with recogniser(server) as chosen:
        assert chosen.streams and not chosen.local
        results = await heard(chosen, spoken(1, 2, 3, *[0] * 8, 4, 5))
    *partials, final = results
    # Which of them are seen depends on who is quicker.
    steps = ["one two", "one two three", "one two three.", "one two three. four", "one two three. four five"]
    assert all(isinstance(partial, Partial) and partial.text in steps for partial in partials)
    assert final == Final("one two three. four five.")
    (asked,) = server.requests
    assert bytes(asked.sound) == spoken(1, 2, 3, *[0] * 8, 4, 5) and asked.ended
    assert asked.packets == [6400] * 6 + [3200]
    assert asked.headers["x-api-resource-id"] == "volc.bigasr.sauc.duration"
    assert asked.headers["x-api-request-id"] == asked.headers["x-api-connect-id"] != ""
    assert asked.config["audio"] == {"format": "pcm", "codec": "raw", "rate": 16000, "bits": 16, "channel": 1}
    assert asked.config["request"]["force_to_speech_time"] == 1000
    await asyncio.wait_for(asked.gone.wait(), 5)


async def test_partials_come_while_the_sound_goes_on(server: VolcengineServer):
    """Nothing waits for the end; each connection has an id of its own."""
    more = asyncio.Event()
    async with recogniser(server, piece_ms=100) as chosen, asyncio.timeout(10):
        async with aclosing(chosen.transcribe(held([spoken(1)], more), ANY)) as results:
            assert await anext(results) == Partial("one")
            assert not server.requests[0].ended
            more.set()
            assert [result async for result in results][-1] == Final("one.")
        await heard(chosen, spoken(2))
    ids = {asked.headers["x-api-request-id"] for asked in server.requests}
    assert len(ids) == 2 == server.handshakes


async def test_a_pause_brings_the_newest_words(server: VolcengineServer):
    """What was held back goes out at once, and there is a partial even if it is the same."""
    more = asyncio.Event()
    sound = [spoken(1), PAUSE, PAUSE]
    async with (
        recogniser(server) as chosen,
        asyncio.timeout(10),
        aclosing(chosen.transcribe(held(sound, more), ANY)) as results,
    ):
        while (result := await anext(results)) != Partial("one"):
            assert result == Partial("")
        assert server.requests[0].packets == [3200]
        more.set()
        assert [result async for result in results][-1] == Final("one.")


async def test_a_pause_later_on(server: VolcengineServer):
    """The same words again, when nothing has changed since."""
    said, more = asyncio.Event(), asyncio.Event()

    async def audio() -> AsyncIterator[bytes]:
        yield spoken(1, 2)
        await said.wait()
        yield PAUSE
        await more.wait()
        yield spoken(3)

    async with (
        recogniser(server) as chosen,
        asyncio.timeout(10),
        aclosing(chosen.transcribe(audio(), ANY)) as results,
    ):
        assert await anext(results) == Partial("one two")
        said.set()
        assert await anext(results) == Partial("one two")
        more.set()
        assert [result async for result in results][-1] == Final("one two three.")


async def test_nothing_said(server: VolcengineServer):
    """No sound, no connection; silence is an empty text."""
    async with recogniser(server) as chosen:
        assert await heard(chosen) == [Final("")]
        assert await heard(chosen, PAUSE) == [Final("")]
        assert server.handshakes == 0
        assert await heard(chosen, spoken(0, 0, 0)) == [Final("")]
        server.faults = ["no_speech"]
        assert await heard(chosen, spoken(0, 0, 0)) == [Final("")]


async def test_two_at_once(server: VolcengineServer):
    """A second request on the same sound, beside the one that goes on listening."""
    more = asyncio.Event()
    async with (
        recogniser(server) as chosen,
        asyncio.timeout(10),
        aclosing(chosen.transcribe(held([spoken(1, 2)], more), ANY)) as results,
    ):
        assert await anext(results) == Partial("one two")
        assert (await heard(chosen, spoken(1, 2)))[-1] == Final("one two.")
        assert server.handshakes == 2 and not server.requests[0].gone.is_set()
        more.set()
        assert [result async for result in results][-1] == Final("one two.")


async def test_cancelling_closes_at_once(server: VolcengineServer):
    """Its connection is cut and its sound is read no further; the other request does not notice."""
    closed: list[str] = []

    async def audio() -> AsyncIterator[bytes]:
        try:
            yield spoken(1, 2)
            await asyncio.get_running_loop().create_future()
        finally:
            closed.append("sound")

    more = asyncio.Event()
    async with (
        recogniser(server) as chosen,
        asyncio.timeout(10),
        aclosing(chosen.transcribe(held([spoken(3, 4)], more), ANY)) as other,
    ):
        assert await anext(other) == Partial("three four")
        async with aclosing(chosen.transcribe(audio(), ANY)) as results:
            await anext(results)
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 1.0
        assert closed == ["sound"]
        await server.requests[1].gone.wait()
        assert not server.requests[1].ended
        more.set()
        assert [result async for result in other][-1] == Final("three four.")


async def test_cancelling_before_anything_came(server: VolcengineServer):
    """Also while nothing has been answered yet."""
    server.faults = ["stall_start"]
    async with recogniser(server) as chosen, asyncio.timeout(10), asyncio.TaskGroup() as group:
        waiting = group.create_task(heard(chosen, spoken(1, 2)))
        asked = await server.nth(1)
        waiting.cancel()
        await asked.gone.wait()
        assert (await heard(chosen, spoken(1)))[-1] == Final("one.")


@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        ("error_start", "55000031", True),
        ("garbage_start", "no answer", True),
        ("error", "55000001", True),
        ("quota", "45000292", False),
        ("close", "closed the connection", True),
        ("garbage", "no answer", True),
        ("text", "no answer", True),
        ("cut_gzip", "cut off", True),
        ("no_gzip", "no gzip", True),
        ("bomb", "more than it may hold", True),
        ("huge", "closed the connection", True),
        ("cut", "bytes of", True),
        ("wrong_json", "no JSON object", True),
        ("early_end", "before the sound was over", True),
    ],
)
async def test_faults(server: VolcengineServer, fault: str, message: str, retryable: bool):
    """Whatever the server does becomes one error without a key in it; the next request is fine."""
    server.faults = [fault]
    more = asyncio.Event()
    async with recogniser(server) as chosen, asyncio.timeout(10):
        with pytest.raises(ProviderError, match=message) as caught:
            async with aclosing(chosen.transcribe(held([spoken(1, 2)], more), ANY)) as results:
                async for _ in results:
                    pass
        assert caught.value.retryable == retryable
        assert ACCESS not in str(caught.value) and APP not in str(caught.value)
        if message.isdigit():
            assert LOG_ID in str(caught.value)
        await server.requests[0].gone.wait()
        assert (await heard(chosen, spoken(1)))[-1] == Final("one.")
    assert server.handshakes == 2


@pytest.mark.parametrize("fault", ["drip", "extra", "positive", "single", "bare"])
async def test_oddities(server: VolcengineServer, fault: str):
    """Bytes one by one, frames nobody asked for, answers in the other forms: the text is the same."""
    server.faults = [fault]
    async with recogniser(server) as chosen:
        results = await heard(chosen, spoken(1, 2, *[0] * 8, 3))
    assert results[-1] == Final("one two. three.")


async def test_a_server_that_says_nothing(server: VolcengineServer, monkeypatch: pytest.MonkeyPatch):
    """At the beginning, in the middle and at the end: each wait has its limit."""
    more = asyncio.Event()
    monkeypatch.setattr("aizuchi.providers.asr.volcengine.SILENCE", 0.3)
    server.faults = ["stall_start", "stall", "stall_end", "flood"]
    async with recogniser(server, connect_timeout=1.0, timeout=0.2) as chosen, asyncio.timeout(10):
        for limit in ("said nothing for 1 s", r"said nothing for 0\.3 s"):
            with pytest.raises(ProviderError, match=limit):
                async with aclosing(chosen.transcribe(held([spoken(1, 2)], more), ANY)) as results:
                    assert [result async for result in results] == []
        for _ in range(2):
            with pytest.raises(ProviderError, match=r"no final text within 0\.2 s"):
                await heard(chosen, spoken(1))
        for asked in server.requests:
            await asked.gone.wait()


async def test_the_vendor_gives_up_waiting(server: VolcengineServer):
    """Sound that does not come is the vendor's error, and worth another try."""
    server.patience = 0.1
    async with recogniser(server) as chosen, asyncio.timeout(10):
        with pytest.raises(ProviderError, match="45000081") as caught:
            async with aclosing(chosen.transcribe(held([spoken(1, 2)], asyncio.Event()), ANY)) as results:
                async for _ in results:
                    pass
        assert caught.value.retryable


async def test_a_warm_connection_is_used(server: VolcengineServer):
    """It is opened ahead, once; every request uses its own up."""
    async with recogniser(server) as chosen:
        assert await chosen.warm() and await chosen.warm()
        assert server.handshakes == 1
        assert (await heard(chosen, spoken(1)))[-1] == Final("one.")
        assert server.handshakes == 1
        assert (await heard(chosen, spoken(2)))[-1] == Final("two.")
    assert server.handshakes == 2


async def test_a_warm_connection_that_died_costs_nothing(server: VolcengineServer):
    """Closed meanwhile, or given up by the vendor: all the sound goes out again on a new one."""
    async with recogniser(server) as chosen:
        assert await chosen.warm()
        await server.drop()
        assert (await heard(chosen, spoken(1, 2)))[-1] == Final("one two.")
        assert server.handshakes == 2
        assert await chosen.warm()
        server.faults = ["stale"]
        assert (await heard(chosen, spoken(3, 4, 5)))[-1] == Final("three four five.")
    assert server.handshakes == 4


async def test_hints(server: VolcengineServer):
    """Names go along, those of the configuration first, as many as are taken; further fields as they are."""
    names = ("小相", "Aizuchi", "x" * 200, "late")
    async with recogniser(
        server, hotwords=["相槌"], request={"enable_ddc": True, "end_window_size": 300}
    ) as one:
        await heard(one, spoken(1), hints=Hints("ja", names))
    config = server.requests[0].config
    words = json.loads(config["request"]["corpus"]["context"])["hotwords"]
    assert [each["word"] for each in words] == ["相槌", "小相", "Aizuchi"]
    assert config["request"]["enable_ddc"] is True and config["request"]["end_window_size"] == 300
    assert "language" not in config["audio"], "only the other address takes it"


async def test_the_address_without_partials(server: VolcengineServer):
    """It takes a language, and says everything at the end."""
    url = server.url.replace("bigmodel_async", "bigmodel_nostream")
    async with recogniser(server, base_url=url) as chosen:
        assert not chosen.streams
        assert await heard(chosen, spoken(1, 2), hints=Hints("ja")) == [Final("one two.")]
    async with recogniser(server, base_url=url, language="en-US") as chosen:
        await heard(chosen, spoken(1), hints=Hints("ja"))
    assert [asked.config["audio"]["language"] for asked in server.requests] == ["ja-JP", "en-US"]


async def test_keys(server: VolcengineServer, monkeypatch: pytest.MonkeyPatch):
    """Two from the environment, or the one of the new console."""
    async with recogniser(server, app_key="", access_key="", api_key=f" {ONE}\n") as chosen:
        await heard(chosen, spoken(1))
    monkeypatch.setenv("BYTEDANCE_APP_KEY", APP)
    monkeypatch.setenv("BYTEDANCE_ACCESS_KEY", ACCESS)
    async with recogniser(server, app_key="", access_key="") as chosen:
        await heard(chosen, spoken(1))
    first, second = (asked.headers for asked in server.requests)
    assert first["x-api-key"] == ONE and "x-api-app-key" not in first
    assert second["x-api-app-key"] == APP and "x-api-key" not in second
    assert ACCESS not in repr(chosen.options)


async def test_a_wrong_key(server: VolcengineServer):
    """It is refused at the door, for good; warming up does not raise."""
    async with recogniser(server, access_key="wrong-token") as chosen:
        assert not await chosen.warm()
        with pytest.raises(ProviderError, match="BYTEDANCE_ACCESS_KEY") as caught:
            await heard(chosen, spoken(1))
    assert not caught.value.retryable and "wrong-token" not in str(caught.value)
    async with recogniser(server, resource_id="volc.other") as chosen:
        with pytest.raises(ProviderError, match=r"may use volc\.other"):
            await heard(chosen, spoken(1))
        server.refusals = [429, 500]
        for _ in range(2):
            with pytest.raises(ProviderError, match="HTTP") as caught:
                await heard(chosen, spoken(1))
            assert caught.value.retryable


async def test_a_fault_of_the_sound_ends_its_request_and_nothing_else(server: VolcengineServer):
    """Whoever gives the sound may break in any way, also before there is any."""

    async def broken(*sound: bytes) -> AsyncIterator[bytes]:
        for pcm in sound:
            yield pcm
        raise ValueError("a bug")

    async with recogniser(server) as chosen, asyncio.timeout(10):
        for sound in ([], [spoken(1, 2)]):
            with pytest.raises(ProviderError, match="ValueError"):
                async with aclosing(chosen.transcribe(broken(*sound), ANY)) as results:
                    async for _ in results:
                        pass
        assert (await heard(chosen, spoken(1)))[-1] == Final("one.")


async def test_nobody_there():
    """No server is a ProviderError; one that was never entered is one, too."""
    given = {"base_url": "ws://127.0.0.1:9/x", "api_key": "k"}
    nobody = VolcengineRecognizer(VolcengineRecognizer.Options.model_validate(given))
    with pytest.raises(ProviderError, match="not open"):
        await heard(nobody, spoken(1))
    async with nobody:
        with pytest.raises(ProviderError, match="cannot reach"):
            await heard(nobody, spoken(1))


async def test_what_a_person_must_mend(monkeypatch: pytest.MonkeyPatch):
    """No key, half of the keys, no address: said before anything is tried."""
    build = VolcengineRecognizer.Options.model_validate
    with pytest.raises(ConfigError, match="BYTEDANCE_APP_KEY and BYTEDANCE_ACCESS_KEY") as caught:
        async with VolcengineRecognizer(build({})):
            pass
    assert "密钥" in caught.value.zh
    with pytest.raises(ConfigError, match="base_url"):
        VolcengineRecognizer(build({"base_url": "https://example.com"}))
    monkeypatch.setenv("BYTEDANCE_APP_KEY", APP)
    with pytest.raises(ConfigError, match="BYTEDANCE_ACCESS_KEY is missing"):
        VolcengineRecognizer(build({}))


async def test_certificates_are_checked(tmp_path: Path):
    """Unless somebody says otherwise; only where there are any."""
    tls = own_certificate(tmp_path, ["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.cert, tls.key)
    async with VolcengineServer(context) as server:
        async with recogniser(server) as chosen:
            with pytest.raises(ProviderError, match="cannot reach"):
                await heard(chosen, spoken(1))
        assert server.handshakes == 0
        async with recogniser(server, verify_tls=False) as chosen:
            assert (await heard(chosen, spoken(1, 2)))[-1] == Final("one two.")
    async with VolcengineServer() as server, recogniser(server, verify_tls=False) as chosen:
        assert (await heard(chosen, spoken(1)))[-1] == Final("one.")
