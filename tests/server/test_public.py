"""What anybody may ask, in ChatAnon's shapes and from any origin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aizuchi.character import Character
from aizuchi.ports import Style
from aizuchi.server.admission import Token
from aizuchi.server.public import languages
from tests.server.fakes import FakeProvider, make_house, parts
from tests.server.test_app import client

PAGE = "http://localhost:5173"
STRANGER = "https://evil.example"
MEI = Character(
    "mei",
    "Mei 梅",
    "You are Mei.",
    language="zh",
    description={"en": "A tailor", "zh": "裁缝"},
    style=Style({"cloud": "mei-1", "espeak": "cmn"}),
    live2d_model_set="casual",
)


@pytest.mark.parametrize("origin", ["", PAGE, STRANGER, "null"])
async def test_every_origin_is_answered(origin: str):
    """The three routes name every origin welcome, with tokens on the server or without."""
    headers = {"origin": origin} if origin else {}
    for tokens in ([], [Token("secret")]):
        async with make_house(tokens=tokens) as house, client(house) as http:
            for path in ("/", "/health", "/characters"):
                answer = await http.get(path, headers=headers)
                assert answer.status_code == 200, path
                assert answer.headers["access-control-allow-origin"] == "*"
                before = await http.options(path, headers=headers)
                assert before.status_code == 204 and "GET" in before.headers["access-control-allow-methods"]


async def test_the_shapes():
    """ChatAnon's fields stand in each answer, and ours beside them where the origin may talk here."""
    async with make_house() as house, client(house) as http:
        for headers in ({}, {"origin": PAGE}):
            root = (await http.get("/", headers=headers)).json()
            assert {"name", "version", "status", "active_connections", "talk"} <= root.keys()
            assert root["status"] == "running" and root["active_connections"] == 0
            health = (await http.get("/health", headers=headers)).json()
            assert health["status"] == "healthy" and "providers" in health


async def test_a_strangers_page_learns_no_more_than_the_shapes():
    """Where an origin may not talk, nothing of the machine is told."""
    async with make_house() as house, client(house) as http:
        root = (await http.get("/", headers={"origin": STRANGER})).json()
        assert sorted(root) == ["active_connections", "name", "status", "version"]
        assert (await http.get("/health", headers={"origin": STRANGER})).json() == {"status": "healthy"}
        assert (await http.get("/api/characters", headers={"origin": STRANGER})).status_code == 403


async def test_characters_in_chatanons_shape():
    """Each with its name, line, the voice that would speak, and the page's model set or null."""
    tts = [FakeProvider("espeak"), FakeProvider("cloud")]
    plain = replace(MEI, name="bo", display_name="Bo", description={}, style=Style(), live2d_model_set="")
    house = make_house(parts=parts(tts=tts), characters={"mei": MEI, "bo": plain}, default_character="bo")
    async with house, client(house) as http:
        said = (await http.get("/characters", headers={"accept-language": "zh-CN,en;q=0.5"})).json()
        assert said == {
            "characters": [
                {
                    "name": "mei",
                    "display_name": "Mei 梅",
                    "description": "裁缝",
                    "voice_id": "cmn",
                    "live2d_model_set": "casual",
                },
                {
                    "name": "bo",
                    "display_name": "Bo",
                    "description": "",
                    "voice_id": "",
                    "live2d_model_set": None,
                },
            ]
        }
        english = (await http.get("/characters", headers={"accept-language": "en"})).json()
        assert english["characters"][0]["description"] == "A tailor"


async def test_the_page_for_browsers_keeps_its_policy():
    """A browser that opens the address gets the page, which nobody else's script may read."""
    async with make_house() as house, client(house) as http:
        answer = await http.get("/", headers={"accept": "text/html", "origin": PAGE})
        assert answer.headers["content-type"].startswith("text/html")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", ()),
        ("en", ("en",)),
        ("zh-CN,zh;q=0.9,en;q=0.8", ("zh", "en")),
        ("en;q=0.1, ja", ("ja", "en")),
        ("fr;q=0, de;q=x, *", ()),
    ],
)
def test_languages_of_a_header(header: str, found: tuple[str, ...]):
    """Best first; what is no language, or not wanted, is left out."""
    assert languages(header) == found
