"""Characters by way of the console: looked at, copied, changed, and met by the next conversation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.consoles import console, everything, told

YAML = "# Mine\ndisplay_name: Mei   # the name\nlanguage: zh\nprompt: who.md\nemotions: [happy]\n"


def mei(folder: Path) -> Path:
    place = folder / "home" / "characters" / "mei"
    place.mkdir(parents=True)
    (place / "character.yaml").write_text(YAML, encoding="utf-8")
    (place / "who.md").write_text("You are Mei.\n", encoding="utf-8")
    return place


async def read(http: httpx.AsyncClient, name: str = "mei") -> dict[str, Any]:
    return told(await http.get(f"/api/console/characters/{name}"))


async def test_characters_of_the_data_folder(tmp_path: Path):
    """Without configured folders one's own characters live in the data folder, beside the packaged ones."""
    mei(tmp_path)
    async with console(tmp_path) as (house, http):
        rows = {row["name"]: row for row in told(await http.get("/api/console/characters"))["characters"]}
        assert rows["mei"]["editable"] and not rows["mei"]["packaged"]
        assert rows["aizuchi"]["packaged"] and not rows["aizuchi"]["editable"] and rows["aizuchi"]["default"]
        assert "mei" in house.characters
        said = await read(http)
        assert (said["yaml"], said["prompt"], said["prompt_file"]) == (YAML, "You are Mei.\n", "who.md")
        assert said["preview"]["system"].startswith("You are Mei.") and said["preview"]["emotions"] == [
            "happy"
        ]


async def test_saved_and_met(tmp_path: Path):
    """What is saved is the user's own text, with the old one kept; the next conversation meets it."""
    place = mei(tmp_path)
    async with console(tmp_path) as (house, http), house:
        old = await read(http)
        new = YAML.replace("Mei ", "Mei-Mei ")
        body = {"yaml": new, "prompt": "You are Mei-Mei.", "hash": old["hash"]}
        said = told(await http.put("/api/console/characters/mei", json=body))
        assert said["reloaded"] and said["hash"] != old["hash"]
        assert (place / "character.yaml").read_text(encoding="utf-8") == new
        assert (place / "character.yaml.bak").read_text(encoding="utf-8") == YAML
        assert (place / "who.md.bak").exists()
        assert house.characters["mei"].prompt == "You are Mei-Mei."
        # The registry of sessions meets them, too: that is what a new conversation asks.
        assert house.sessions._characters["mei"].display_name == "Mei-Mei"  # pyright: ignore[reportPrivateUsage]
        stale = await http.put("/api/console/characters/mei", json=body)
        assert stale.status_code == 409
        assert (
            stale.json()["current"]["prompt"] == "You are Mei-Mei." and stale.json()["yours"]["yaml"] == new
        )


async def test_tried_without_being_saved(tmp_path: Path):
    """A preview writes nothing and names what is wrong by file and line."""
    place = mei(tmp_path)
    async with console(tmp_path) as (house, http):
        body = {"name": "mei", "yaml": YAML + "nope: 1\nlanguage: 5\n", "prompt": "x"}
        said = told(await http.post("/api/console/characters/preview", json=body))
        assert said["problems"] and all(str(tmp_path) not in each["text"] for each in said["problems"])
        body["yaml"] = YAML + "nope: 1\n"
        said = told(await http.post("/api/console/characters/preview", json=body))
        assert [(each["file"], each["line"]) for each in said["problems"]] == [("character.yaml", 6)]
        empty = {"name": "mei", "yaml": YAML, "prompt": " "}
        assert told(await http.post("/api/console/characters/preview", json=empty))["problems"]
        good = {"name": "mei", "yaml": YAML, "prompt": "You are new."}
        said = told(await http.post("/api/console/characters/preview", json=good))
        assert said["problems"] == [] and said["system"].startswith("You are new.") and said["figure"]
        bad = await http.put(
            "/api/console/characters/mei",
            json={"yaml": YAML + "nope: 1\n", "prompt": "x", "hash": (await read(http))["hash"]},
        )
        assert bad.status_code == 422 and bad.json()["problems"]
        assert (place / "character.yaml").read_text(encoding="utf-8") == YAML
        assert house.characters["mei"].prompt == "You are Mei."


async def test_a_copy_of_a_packaged_one(tmp_path: Path):
    """The packaged ones are read-only; a copy of one goes into the first folder of the user."""
    async with console(tmp_path) as (house, http):
        old = await read(http, "aizuchi")
        body = {"yaml": old["yaml"], "prompt": "x", "hash": old["hash"]}
        assert (await http.put("/api/console/characters/aizuchi", json=body)).status_code == 403
        made = told(await http.post("/api/console/characters", json={"source": "aizuchi", "name": "mine"}))
        assert made["editable"] and Path(made["folder"]) == tmp_path / "home" / "characters" / "mine"
        assert "mine" in house.characters
        again = await http.post("/api/console/characters", json={"source": "aizuchi", "name": "mine"})
        assert again.status_code == 409


NAMES = ["..", "../x", "a/b", "a\\b", "/etc", ".hidden", "x" * 65, "a\0b", "~", "c:"]
PROMPTS = ["../evil.md", "/elsewhere/evil.md", "character.yaml", "sub/evil.md", ".evil.md", "evil.py"]


@pytest.mark.parametrize("name", NAMES)
async def test_names_lead_nowhere(tmp_path: Path, name: str):
    """A name that is a path makes nothing and reads nothing."""
    mei(tmp_path)
    async with console(tmp_path) as (_, http):
        before = everything(tmp_path)
        made = await http.post("/api/console/characters", json={"source": "mei", "name": name})
        assert made.status_code == 422, made.text
        source = await http.post("/api/console/characters", json={"source": name, "name": "fine"})
        assert source.status_code == 404
        preview = await http.post(
            "/api/console/characters/preview", json={"name": name, "yaml": YAML, "prompt": "x"}
        )
        assert preview.status_code == 404
        quoted = name.replace("/", "%2f").replace("\\", "%5c").replace("\0", "%00").replace("..", "%2e%2e")
        body = {"yaml": YAML, "prompt": "x", "hash": ""}
        assert (await http.put(f"/api/console/characters/{quoted}", json=body)).status_code in (404, 405)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("prompt", PROMPTS)
async def test_a_prompt_leads_nowhere(tmp_path: Path, prompt: str):
    """The prompt is a plain text file of the folder itself; no other file is written or shown."""
    place = mei(tmp_path)
    (tmp_path / "evil.md").write_text("not yours", encoding="utf-8")
    async with console(tmp_path) as (_, http):
        yaml = YAML.replace("who.md", prompt)
        body = {"yaml": yaml, "prompt": "taken over", "hash": (await read(http))["hash"]}
        answer = await http.put("/api/console/characters/mei", json=body)
        assert answer.status_code == 422, answer.text
        assert (tmp_path / "evil.md").read_text(encoding="utf-8") == "not yours"
        (place / "character.yaml").write_text(yaml, encoding="utf-8")
        assert "not yours" not in str(await read(http))


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
async def test_a_link_leads_nowhere(tmp_path: Path):
    """A prompt that is a link out of the folder is neither shown nor written through."""
    place = mei(tmp_path)
    (tmp_path / "secret.md").write_text("not yours", encoding="utf-8")
    (place / "who.md").unlink()
    try:
        (place / "who.md").symlink_to(tmp_path / "secret.md")
    except OSError:
        pytest.skip("links may not be made here")
    async with console(tmp_path) as (_, http):
        said = await read(http)
        assert said["prompt"] == ""
        body = {"yaml": YAML, "prompt": "x", "hash": said["hash"]}
        assert (await http.put("/api/console/characters/mei", json=body)).status_code == 422
        assert (tmp_path / "secret.md").read_text(encoding="utf-8") == "not yours"


async def test_a_character_that_is_a_manifest_alone(tmp_path: Path):
    """It can be looked at and changed; a character.yaml is written only once there is something in it."""
    place = tmp_path / "home" / "characters" / "mei"
    place.mkdir(parents=True)
    (place / "character_manifest.md").write_text("# Role: Mei\n\nYou are Mei.\n", encoding="utf-8")
    async with console(tmp_path) as (house, http):
        said = await read(http)
        assert (said["display_name"], said["yaml"]) == ("Mei", "")
        assert said["prompt_file"] == "character_manifest.md" and said["preview"]["problems"] == []
        body = {"yaml": "", "prompt": "# Mei-Mei\n", "hash": said["hash"]}
        said = told(await http.put("/api/console/characters/mei", json=body))
        assert said["reloaded"] and house.characters["mei"].display_name == "Mei-Mei"
        assert not (place / "character.yaml").exists()
        body |= {"yaml": "language: zh\n", "hash": said["hash"]}
        said = told(await http.put("/api/console/characters/mei", json=body))
        assert (place / "character.yaml").read_text(encoding="utf-8") == "language: zh\n"
        assert house.characters["mei"].language == "zh"


async def test_a_broken_one_is_seen_and_goes_on(tmp_path: Path):
    """A file that somebody broke by hand: its row says so, the character goes on, and so does the console."""
    place = mei(tmp_path)
    async with console(tmp_path) as (house, http):
        (place / "character.yaml").write_text(YAML + "nope: 1\n", encoding="utf-8")
        assert told(await http.post("/api/console/reload"))["reloaded"]
        rows = {row["name"]: row for row in told(await http.get("/api/console/characters"))["characters"]}
        assert rows["mei"]["kept"] and rows["mei"]["problem"].startswith('character.yaml:6: the key "nope"')
        assert rows["mei"]["display_name"] == "Mei" and not rows["aizuchi"]["kept"]
        assert house.characters["mei"].prompt == "You are Mei."
