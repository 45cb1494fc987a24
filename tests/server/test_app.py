"""The HTTP side: health, the page, the small interface, and who may ask."""

import re
from typing import Any

import httpx
import pytest

from aizuchi.errors import ConfigError, ProviderError
from aizuchi.server.admission import Token
from aizuchi.server.app import LoopbackOnly, make_app
from aizuchi.server.house import House
from aizuchi.server.mounts import Mount
from tests.server.fakes import FakeProvider, ToyWire, linked, make_house, parts

TOY = [Mount(ToyWire, lambda _house: ToyWire())]


def client(house: House, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client of the application, without a socket."""
    transport = httpx.ASGITransport(make_app(house, TOY), client=(peer, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:12393")


async def test_health_once_text_works():
    """`/health` is 503 until a model is ready, then 200 with a superset of {"status": "healthy"}."""
    model = FakeProvider("model", ready=False)
    house = make_house(parts=parts(llm=[model]))
    async with client(house) as http:
        assert (await http.get("/health")).status_code == 503, "nothing was entered yet"
        async with house:
            answer = await http.get("/health")
            assert (answer.status_code, answer.json()["status"]) == (503, "starting")
            model.loaded = True
            answer = await http.get("/health")
            assert (answer.status_code, answer.json()["status"]) == (200, "healthy")
            await house.drain(1)
            answer = await http.get("/health")
            assert (answer.status_code, answer.json()["status"]) == (503, "draining")


@pytest.mark.parametrize(
    ("recognisers", "word"),
    [
        ([FakeProvider(ready=False)], "loading"),
        ([FakeProvider(ready=False), FakeProvider()], "ready"),
        ([], "none"),
    ],
)
async def test_health_tells_of_the_recogniser(recognisers: list[FakeProvider], word: str):
    """Text turns work before the recogniser has loaded, and health says how far that is."""
    async with make_house(parts=parts(asr=recognisers)) as house, client(house) as http:
        answer = await http.get("/health")
        assert answer.status_code == 200 and answer.json()["asr"] == word


async def test_health_tells_languages_and_providers():
    """Languages heard and spoken are told, a star where nothing restricts them."""
    asr = [FakeProvider("sphinx", languages=frozenset({"en"}))]
    tts = [FakeProvider("espeak", languages=frozenset({"zh", "en"})), FakeProvider("cloud")]
    async with make_house(parts=parts(asr=asr, tts=tts)) as house, client(house) as http:
        said = (await http.get("/health")).json()
        assert said["languages"] == {"hears": ["en"], "speaks": ["*"]}
        assert [each["name"] for each in said["providers"]["tts"]] == ["espeak", "cloud"]
        assert re.match(r"\d", said["version"])


async def test_root_answers_by_accept():
    """A browser gets a page, a program gets JSON; both tell where to talk."""
    async with make_house() as house, client(house) as http:
        page = await http.get("/", headers={"accept": "text/html,*/*"})
        assert page.headers["content-type"].startswith("text/html")
        assert "aizuchi talk --text http://127.0.0.1:12393/" in page.text
        assert "ws://127.0.0.1:12393/digital-human/ws" in page.text
        said = (await http.get("/")).json()
        assert said["talk"] == "ws://127.0.0.1:12393/digital-human/ws" and said["characters"] == [
            "foe",
            "hero",
        ]


async def test_the_page_escapes():
    """A host name from a request never becomes markup."""
    async with make_house() as house, client(house) as http:
        page = await http.get("/", headers={"accept": "text/html", "host": 'a"><script>'})
        assert "<script>" not in page.text


async def test_sessions_are_listed_to_their_person_only():
    """With tokens each person sees their own sessions; without a token nobody sees any."""
    tokens = [Token("alice-secret", "alice"), Token("bob-secret", "bob")]
    hello = {"token": "alice-secret"}
    async with (
        make_house(tokens=tokens) as house,
        client(house) as http,
        linked(house, hello=hello) as (_, session, _),
    ):
        for secret, seen in (("alice-secret", [session.id]), ("bob-secret", [])):
            answer = await http.get("/api/sessions", headers={"authorization": f"Bearer {secret}"})
            assert [each["session"] for each in answer.json()["sessions"]] == seen
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic alice-secret"}):
            answer = await http.get("/api/sessions", headers=headers)
            assert answer.status_code == 401 and "secret" not in answer.text
        assert (await http.get("/api/sessions?token=alice-secret")).status_code == 401


async def test_sessions_tell_no_secret():
    """The list holds what the session is doing, never what would let somebody in."""
    async with make_house() as house, client(house) as http, linked(house) as (_, session, welcome):
        answer = await http.get("/api/sessions")
        (told,) = answer.json()["sessions"]
        assert (told["session"], told["state"], told["links"]) == (session.id, "idle", 1)
        assert welcome["resume_token"] not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"host": "evil.example:12393"},
        {"origin": "http://evil.example:12393", "host": "evil.example:12393"},
    ],
)
async def test_strangers_pages_may_not_ask(headers: dict[str, str]):
    """Neither another page nor a rebound host name reads the interface."""
    async with make_house() as house, client(house) as http:
        for path in ("/api/sessions", "/api/characters", "/api/metrics-summary"):
            assert (await http.get(path, headers=headers)).status_code == 403


async def test_characters_and_summary():
    """The interface lists characters and passes on what the views sum up."""

    def summary() -> dict[str, Any]:
        return {"first_audio_ms": {"p50": 210.0, "p95": 300.0}}

    async with make_house(summary=summary) as house, client(house) as http:
        told = (await http.get("/api/characters")).json()["characters"]
        assert [(each["name"], each["default"]) for each in told] == [("hero", True), ("foe", False)]
        assert (await http.get("/api/metrics-summary")).json() == summary()


async def test_providers_come_and_go_once():
    """A provider that serves two stages is entered once and left once."""
    both = FakeProvider("both")
    async with make_house(parts=parts(asr=[both], tts=[both])):
        assert (both.came, both.went) == (1, 0)
    assert (both.came, both.went) == (1, 1)


async def test_a_provider_that_fails_to_start_does_not_stop_the_house(caplog):
    """A vendor's trouble at start-up is logged, and the rest serves."""
    ill, well = FakeProvider("ill", fault=ProviderError("out of reach")), FakeProvider("well")
    async with make_house(parts=parts(llm=[ill, well])) as house:
        assert house.ready and "out of reach" in caplog.text
    assert (ill.went, well.went) == (0, 1)


async def test_a_configuration_error_stops_it_and_leaves_nothing_open():
    """What only the user can mend is raised, and providers already entered are left again."""
    first, broken = FakeProvider("first"), FakeProvider("broken", fault=ConfigError("no such model"))
    house = make_house(parts=parts(asr=[first], llm=[broken]))
    with pytest.raises(ConfigError, match="no such model"):
        async with house:
            pytest.fail("it should not have been entered")
    assert first.went == 1


def test_the_default_character_must_exist():
    """A default character that is not there is one clear sentence."""
    with pytest.raises(ConfigError, match=r"'nobody' is unknown; there is foe, hero"):
        make_house(default_character="nobody")


async def test_lifespan_enters_the_house():
    """Under another server's command line the application opens and closes the house itself."""
    house = make_house()
    app = make_app(house, TOY)
    async with app.router.lifespan_context(app):
        assert house.entered
    assert not house.entered


@pytest.mark.parametrize(
    ("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.168.1.5", 403), ("0.0.0.0", 403)]
)
async def test_loopback_only(address: str, status: int):
    """Without a token the application refuses what came in by an address others can reach."""
    async with make_house() as house:
        transport = httpx.ASGITransport(LoopbackOnly(make_app(house, TOY)))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{url_host(address)}:80") as http:
            answer = await http.get("/health")
            assert answer.status_code == status
            assert (status == 200) or "server.tokens" in answer.text


def url_host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
