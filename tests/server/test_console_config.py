"""The configuration by way of the console: shown without secrets, changed with comments kept, applied."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from aizuchi.engine.rules import Rules
from tests.server.consoles import console, drafts, file, told

KEY = "sk-planted0123456789abcdefXYZ"
PLANTED = f"""\
server:
  tokens: {{ann: {KEY}-1}}
  operators: [ann]
llm:
  - use: openai
    api_key: {KEY}-2
    headers: {{X-Other: {KEY}-3}}
    base_url: "http://ann:{KEY}-4@127.0.0.1:9/v1"
    proxy: "http://me:{KEY}-5@127.0.0.1:9"
    extra_body: {{api_key: {KEY}-6, note: "Bearer {KEY}-7", top_k: 3}}
    model: ${{PLANTED:-{KEY}-8}}
  - script
"""
QUIET = "vad: energy\ntts: tone\ndata: home\n"


async def seen(http: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    return told(await http.get("/api/console/config", params=query))


def row(said: dict[str, Any], path: str) -> dict[str, Any]:
    return next(each for each in said["fields"] if each["path"] == path)


async def change(http: httpx.AsyncClient, changes: dict[str, Any], **more: str) -> httpx.Response:
    body = {"hash": (await seen(http))["hash"], "changes": changes}
    return await http.patch("/api/console/config", json=body | more)


async def test_no_secret_leaves(tmp_path: Path):
    """A key planted in any place is in no answer; its field says whether it is set."""
    async with console(tmp_path, PLANTED, quick=QUIET) as (_, http):
        http.headers["Authorization"] = f"Bearer {KEY}-1"
        answer = await http.get("/api/console/config")
        said = told(answer)
        assert "planted" not in answer.text
        assert row(said, "llm.0.api_key")["value"] == "set"
        assert row(said, "server.tokens")["value"] == "set"
        assert row(said, "llm.0.base_url")["editable"] is False, "what is not shown whole is not written back"
        other = await change(http, {"hearing.silence_ms": 500})
        assert other.status_code == 200 and "planted" not in other.text
        stale = await change(http, {"hearing.silence_ms": 400}, hash="old")
        assert stale.status_code == 409 and "planted" not in stale.text
        for path in ("/live", "/providers", "/characters", "", "/characters/aizuchi"):
            assert "planted" not in (await http.get(f"/api/console{path}")).text
        for n in range(1, 9):
            assert f"{KEY}-{n}" in file(tmp_path), "the file keeps them"


async def test_every_key_is_described(tmp_path: Path):
    """Each key has a meaning in both languages, a type, a value and a default."""
    async with console(tmp_path) as (_, http):
        english, chinese = await seen(http, lang="en"), await seen(http, lang="zh")
        assert len(english["fields"]) > 100
        for one, other in zip(english["fields"], chinese["fields"], strict=True):
            assert one["path"] == other["path"] and one["about"] and other["about"]
        port = row(english, "server.port")
        assert (port["type"], port["default"], port["source"], port["max"]) == (
            "int",
            12393,
            "default",
            65535,
        )
        assert row(english, "llm")["value"] == ["script"] and row(english, "llm")["type"] == "chain"
        assert row(english, "hearing.mode")["options"] == ["push", "auto", "continuous"]


async def test_a_change_touches_its_line_only(tmp_path: Path):
    """Comments, order, anchors and ${NAME} elsewhere stay to the letter, and the old file is kept."""
    text = """\
# --- people
server:   # where
  port: ${PORT:-1234}  # fixed by the firewall
  origins:
    - https://a.example   # ours
    # theirs
    - https://b.example
defaults: &d {shortest_ms: 300}
""".replace("defaults: &d {shortest_ms: 300}\n", "turn_end: &d {shortest_ms: 300}   # anchor\n")
    async with console(tmp_path, text) as (house, http):
        before = file(tmp_path)
        changes = {"server.origins": ["https://b.example", "https://c.example"], "hearing.silence_ms": 700}
        said = told(await change(http, changes))
        after = file(tmp_path)
        assert "  port: ${PORT:-1234}  # fixed by the firewall\n" in after
        assert "    # theirs\n    - https://b.example\n" in after and "https://c.example" in after
        assert "turn_end: &d {shortest_ms: 300}   # anchor\n" in after
        assert "llm: script   # no model\n" in after
        kept = [line for line in before.splitlines() if "a.example" not in line]
        assert [line for line in after.splitlines() if line in kept] == kept
        assert (tmp_path / "aizuchi.yaml.bak").read_text(encoding="utf-8") == before
        applied = {each["path"]: each["applied"] for each in said["results"]}
        assert applied == {"server.origins": "now", "hearing.silence_ms": "new_sessions"}
        assert house.rules.hearing.silence_ms == 700 and "https://c.example" in house.origins
        assert not drafts(tmp_path)
        back = told(await change(http, {"hearing.silence_ms": None}))
        assert row(back, "hearing.silence_ms")["value"] == 600 and house.rules.hearing.silence_ms == 600
        assert "#silence_ms: 600" in file(tmp_path)


async def test_what_is_applied_at_once(tmp_path: Path):
    """Limits, caps, breakers, tools and operators reach the running house; ports wait and say so."""
    async with console(tmp_path) as (house, http):
        changes = {
            "server.max_sessions": 7,
            "admission.sockets": 9,
            "limits.breaker_failures": 1,
            "usage.caps": {"tone": {"characters": 0}},
            "tools.use": [],
            "server.port": 4000,
        }
        said = told(await change(http, changes))
        applied = {each["path"]: each["applied"] for each in said["results"]}
        assert applied["server.port"] == "restart" and row(said, "server.port")["pending"]
        assert applied["server.max_sessions"] == "now" and applied["tools.use"] == "new_sessions"
        assert house.gate.capacity.sockets == 9 and house.parts.toolbox is None
        assert not house.parts.tts.allowed(house.parts.tts.providers[0])
        answer = await http.post("/api/console/try/tts/0", json={})
        assert answer.status_code == 409, "a cap holds for trials, too"


async def test_a_new_session_has_the_new_rules(tmp_path: Path):
    """A conversation that is there keeps its rules; one that comes after the change has the new ones."""
    async with console(tmp_path) as (house, http), house:
        made: list[Rules] = []
        house._new_session = lambda **given: made.append(given["rules"])  # type: ignore[assignment,misc,return-value]
        hero = house.characters["aizuchi"]
        house._make("s1", "", hero, None)  # pyright: ignore[reportPrivateUsage]
        told(await change(http, {"hearing.silence_ms": 900}))
        house._make("s2", "", hero, None)  # pyright: ignore[reportPrivateUsage]
        assert [rules.hearing.silence_ms for rules in made] == [600, 900]


async def test_what_is_wrong_is_said_for_each_field(tmp_path: Path):
    """Nothing is written, and each field has its sentence in the language asked for."""
    async with console(tmp_path) as (house, http):
        before = file(tmp_path)
        changes = {
            "server.port": 99_999,
            "hearing.silence_ms": "long",
            "character": "nobody",
            "tts": ["nope"],
            "no.such": 1,
        }
        answer = await change(http, {k: v for k, v in changes.items() if k != "no.such"})
        errors = {each["path"]: each["text"] for each in answer.json()["errors"]}
        assert answer.status_code == 422
        assert set(errors) == {"server.port", "hearing.silence_ms", "tts"}
        assert "65535" in errors["server.port"]
        alone = await change(http, {"character": "nobody"})
        assert [each["path"] for each in alone.json()["errors"]] == ["character"]
        unknown = await change(http, {"no.such": 1, "server.tokens": {"ann": "x"}, "llm": [1]})
        assert {each["path"] for each in unknown.json()["errors"]} == {"no.such", "server.tokens", "llm"}
        http.headers["Accept-Language"] = "zh"
        chinese = (await change(http, {"server.port": -1})).json()["errors"][0]["text"]
        assert "不得小于" in chinese
        assert file(tmp_path) == before and house.rules.hearing.silence_ms == 600
        assert not drafts(tmp_path)


async def test_a_file_that_somebody_else_changed(tmp_path: Path):
    """409 tells both what is there now and what was wanted; with the new hash the change goes on."""
    async with console(tmp_path) as (_, http):
        old = (await seen(http))["hash"]
        (tmp_path / "aizuchi.yaml").write_text(
            file(tmp_path) + "hearing: {silence_ms: 800}\n", encoding="utf-8"
        )
        body = {"hash": old, "changes": {"hearing.silence_ms": 500}}
        answer = await http.patch("/api/console/config", json=body)
        assert answer.status_code == 409
        said = answer.json()
        assert said["yours"] == {"hearing.silence_ms": 500}
        assert row(said["current"], "hearing.silence_ms")["value"] == 800
        body["hash"] = said["current"]["hash"]
        told(await http.patch("/api/console/config", json=body))
        assert "silence_ms: 500" in file(tmp_path)


async def test_the_first_file(tmp_path: Path):
    """Without a file, saving makes the one that `aizuchi init` would, with the providers that run."""
    async with console(tmp_path, quick="") as (house, http):
        said = await seen(http)
        assert said["hash"] == "" and said["file"] == str((tmp_path / "aizuchi.yaml").resolve())
        told(await change(http, {"hearing.silence_ms": 650}))
        text = file(tmp_path)
        assert "  silence_ms: 650\n" in text and "#port: 12393" in text and "use: script" in text
        assert house.rules.hearing.silence_ms == 650
        if sys.platform != "win32":
            assert stat.S_IMODE((tmp_path / "aizuchi.yaml").stat().st_mode) == 0o600


async def test_what_the_environment_sets_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A key from the environment is shown as such, and a change of it refused with the variable's name."""
    monkeypatch.setenv("AIZUCHI_HEARING__SILENCE_MS", "444")
    async with console(tmp_path) as (_, http):
        shown = row(await seen(http), "hearing.silence_ms")
        assert (shown["value"], shown["source"], shown["editable"]) == (444, "environment", False)
        answer = await change(http, {"hearing.silence_ms": 500})
        assert answer.status_code == 422
        assert "AIZUCHI_HEARING__SILENCE_MS" in answer.json()["errors"][0]["text"]
        assert told(await change(http, {"hearing.pause_ms": 90}))


async def test_expressions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`${NAME}` is shown beside its value and may be written; a secret's default is not shown."""
    monkeypatch.setenv("MINE_MS", "555")
    async with console(tmp_path, "hearing: {silence_ms: '${MINE_MS}'}\n") as (_, http):
        shown = row(await seen(http), "hearing.silence_ms")
        assert (shown["value"], shown["expression"]) == (555, "${MINE_MS}")
        told(await change(http, {"hearing.pause_ms": "${MINE_PAUSE:-95}"}))
        assert "${MINE_MS}" in file(tmp_path) and "${MINE_PAUSE:-95}" in file(tmp_path)
        assert row(await seen(http), "hearing.pause_ms")["value"] == 95


async def test_providers_keep_their_options(tmp_path: Path):
    """Another order of a stage takes the options along; an option of a bare name makes a mapping of it."""
    text = "llm: [{use: openai, model: big, base_url: 'http://127.0.0.1:9/v1'}, script]\n"
    async with console(tmp_path, text, quick=QUIET) as (_, http):
        told(await change(http, {"llm": ["script", "openai"], "llm.0.model": "small"}))
        said = await seen(http)
        assert (
            row(said, "llm")["value"] == ["script", "openai"] and row(said, "llm.1.model")["value"] == "small"
        )
        assert row(said, "llm.1.base_url")["value"] == "http://127.0.0.1:9/v1"
        assert row(said, "llm")["pending"]


async def test_a_broken_file_is_told(tmp_path: Path):
    """Somebody's slip in the file does not take the console away; it says where it is."""
    async with console(tmp_path) as (_, http):
        (tmp_path / "aizuchi.yaml").write_text("server: [\n", encoding="utf-8")
        said = await seen(http)
        assert "not valid YAML" in said["problem"] and said["fields"]
        answer = told(await http.post("/api/console/reload"))
        assert answer["reloaded"] is False and answer["problem"]
