"""The models of figures: who is told of them, what is given away and what never."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import httpx
import pytest

from aizuchi.character import Avatar
from aizuchi.server import avatars
from aizuchi.server.admission import Token
from aizuchi.server.app import make_app
from aizuchi.server.house import House
from aizuchi.server.mounts import Mount
from tests.server.fakes import FOE, HERO, ToyWire, make_house


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A character's folder with a prompt, a VRM and a Live2D model; a secret lies beside it."""
    bo = tmp_path / "bo"
    (bo / "model" / "textures").mkdir(parents=True)
    for name in ("prompt.md", "character.yaml", "notes.json", "bo.vrm", "other.vrm"):
        (bo / name).write_bytes(b"glTF " + name.encode())
    for name in ("bo.model3.json", "bo.moc3", "textures/0.png", "readme.txt", ".hidden.json"):
        (bo / "model" / name).write_bytes(name.encode())
    (tmp_path / "secret.json").write_text("secret")
    (bo / "model" / "link.json").symlink_to(tmp_path / "secret.json")
    return bo.resolve()


def house_of(folder: Path, kind: Literal["drawn", "vrm", "live2d"], name: str, **more: object) -> House:
    avatar = Avatar(kind, folder / name if name else None)
    return make_house(characters={"hero": replace(HERO, avatar=avatar), "foe": FOE}, **more)


def client(house: House) -> httpx.AsyncClient:
    app = make_app(house, [Mount(ToyWire, lambda _house: ToyWire())])
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:12393")


async def test_characters_tell_their_figures(folder: Path):
    """`/api/characters` says which figure each wears and where its model is."""
    hero = replace(HERO, avatar=Avatar("vrm", folder / "bo.vrm"))
    foe = replace(FOE, avatar=Avatar(look={"hair": "#112233"}))
    async with make_house(characters={"hero": hero, "foe": foe}) as house, client(house) as http:
        told = (await http.get("/api/characters")).json()["characters"]
        assert [each["figure"] for each in told] == [
            {"kind": "vrm", "url": "/api/avatar/hero/bo.vrm"},
            {"kind": "drawn", "look": {"hair": "#112233"}},
        ]
        assert (await http.get(told[0]["figure"]["url"])).content == b"glTF bo.vrm"


async def test_a_name_with_odd_letters(folder: Path):
    """A model's name may hold what an address must write otherwise."""
    (folder / "b#o ?博.vrm").write_bytes(b"glTF odd")
    async with house_of(folder, "vrm", "b#o ?博.vrm") as house, client(house) as http:
        url = avatars.figure(house.characters["hero"])["url"]
        assert (await http.get(url)).content == b"glTF odd"


async def test_a_file_is_asked_for_again(folder: Path):
    """The ETag answers 304 while the file is the same, and the whole file when it was changed."""
    async with house_of(folder, "vrm", "bo.vrm") as house, client(house) as http:
        first = await http.get("/api/avatar/hero/bo.vrm")
        assert first.headers["content-type"] == "model/gltf-binary"
        assert first.headers["cache-control"] == "private, no-cache"
        assert first.headers["x-content-type-options"] == "nosniff"
        known = {"If-None-Match": first.headers["etag"]}
        again = await http.get("/api/avatar/hero/bo.vrm", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        (folder / "bo.vrm").write_bytes(b"glTF another one")
        changed = await http.get("/api/avatar/hero/bo.vrm", headers=known)
        assert (changed.status_code, changed.content) == (200, b"glTF another one")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("bo.model3.json", 200),
        ("bo.moc3", 200),
        ("textures/0.png", 200),
        ("readme.txt", 404),
        (".hidden.json", 404),
        ("link.json", 404),
        ("gone.json", 404),
        ("textures", 404),
        ("%2e%2e/notes.json", 404),
        ("..%2fnotes.json", 404),
        ("textures/..%2f..%2fnotes.json", 404),
        ("..%5cnotes.json", 404),
        ("%2fetc%2fpasswd", 404),
        ("bo.moc3%00", 404),
        ("a" * 300 + ".json", 404),
        ("", 404),
    ],
)
async def test_what_a_live2d_model_gives_away(folder: Path, path: str, status: int):
    """Files of a model's own folder and of a model's types, and nothing round about."""
    async with house_of(folder, "live2d", "model/bo.model3.json") as house, client(house) as http:
        answer = await http.get(f"/api/avatar/hero/{path}")
        assert answer.status_code == status
        assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["prompt.md", "character.yaml", "notes.json", "other.vrm", "model/bo.moc3"])
async def test_a_vrm_model_is_one_file(folder: Path, path: str):
    """The folder of a VRM model is the character's own: nothing else of it is given away."""
    async with house_of(folder, "vrm", "bo.vrm") as house, client(house) as http:
        assert (await http.get(f"/api/avatar/hero/{path}")).status_code == 404


@pytest.mark.parametrize("name", ["foe", "nobody", "%2e%2e%2fhero"])
async def test_a_character_without_a_model(folder: Path, name: str):
    """A drawn figure has no files, a character nobody knows has none either."""
    async with house_of(folder, "vrm", "bo.vrm") as house, client(house) as http:
        assert (await http.get(f"/api/avatar/{name}/bo.vrm")).status_code == 404


async def test_a_file_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """What the page would refuse is refused here, before it is sent."""
    monkeypatch.setattr(avatars, "MAX_BYTES", 4)
    async with house_of(folder, "vrm", "bo.vrm") as house, client(house) as http:
        assert (await http.get("/api/avatar/hero/bo.vrm")).status_code == 413


async def test_who_may_have_a_model(folder: Path):
    """With tokens a model needs one, and never goes to a page of somebody else."""
    async with (
        house_of(folder, "vrm", "bo.vrm", tokens=[Token("t0ken", "me")]) as house,
        client(house) as http,
    ):
        assert (await http.get("/api/avatar/hero/bo.vrm")).status_code == 401
        right = {"Authorization": "Bearer t0ken"}
        assert (await http.get("/api/avatar/hero/bo.vrm", headers=right)).status_code == 200
        stranger = right | {"Origin": "https://evil.example"}
        assert (await http.get("/api/avatar/hero/bo.vrm", headers=stranger)).status_code == 403
