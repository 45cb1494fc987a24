"""Names to classes: our own table, third parties, and what happens when they are broken."""

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from aizuchi import registry
from aizuchi.errors import ConfigError
from aizuchi.ports import Vad
from aizuchi.registry import KINDS, Broken, Kind, listing, load, nearest, targets

ROOT = Path(__file__).resolve().parents[1]


class PluginVad(Vad):
    """What a third party would write."""

    name = "mine"


def install(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    """Pretend that packages with these VAD entry points are installed."""

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [EntryPoint(name, value, group) for name, value in points if group == "aizuchi.vad"]

    monkeypatch.setattr(registry, "entry_points", entry_points)


def test_table_is_the_entry_points():
    """The built-in table, which serves a tree that was never installed, says what pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {kind: project["entry-points"][f"aizuchi.{kind}"] for kind in KINDS}
    assert declared == registry.BUILTIN


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in registry.BUILTIN[kind]]
)
def test_every_builtin_loads(kind: Kind, name: str):
    """Every provider we name can be loaded, bears its own name and has described options."""
    provider = load(kind, name)
    assert provider.name == name
    for option in provider.Options.model_fields.values():
        assert option.description


def test_unknown_name_gets_the_nearest():
    """A typing error is answered with the name that was meant."""
    with pytest.raises(ConfigError, match='did you mean "energy"'):
        load("vad", "enregy")


def test_works_without_metadata(monkeypatch: pytest.MonkeyPatch):
    """With no distribution metadata at all the built-in names are still there."""
    install(monkeypatch)
    assert targets("vad") == registry.BUILTIN["vad"]


def test_third_party(monkeypatch: pytest.MonkeyPatch):
    """An entry point of another package adds a name."""
    install(monkeypatch, ("mine", f"{__name__}:PluginVad"))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[PluginVad.__module__])
    assert load("vad", "mine") is PluginVad


def test_our_names_stay_ours(monkeypatch: pytest.MonkeyPatch):
    """Another package can't take a name of ours."""
    install(monkeypatch, ("energy", "somebody:Else"))
    assert targets("vad")["energy"] == registry.BUILTIN["vad"]["energy"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module_here:Thing", "No module named 'no_such_module_here'"),
        ("aizuchi.errors:NoSuchThing", "NoSuchThing"),
        ("aizuchi.errors:ConfigError", "not a subclass of aizuchi.ports.Vad"),
    ],
)
def test_broken_plugin_is_reported_and_left_out(monkeypatch: pytest.MonkeyPatch, target: str, reason: str):
    """A plugin that can't be loaded says why where it is chosen, and costs a listing nothing else."""
    install(monkeypatch, ("bad", target))
    with pytest.raises(Broken, match=reason):
        load("vad", "bad")
    listed: dict[str, Any] = {each.name: each for each in listing("vad")}
    assert listed["bad"].provider is None and reason in listed["bad"].reason
    assert listed["energy"].provider is not None


def test_only_what_is_chosen_is_imported():
    """Loading one provider imports no other, and none of the heavy libraries."""
    code = (
        "import sys; from aizuchi.registry import load; load('vad', 'energy');"
        "print([m for m in sys.modules if m.startswith('aizuchi.providers.') and m.count('.') == 3"
        " or m in ('onnxruntime', 'httpx', 'av', 'pocketsphinx')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "['aizuchi.providers.vad.energy']"


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [("opnai", ["openai", "script"], "openai"), ("max-mb", ["max_mb"], "max_mb"), ("PORT", ["port"], "port")],
)
def test_nearest(word: str, known: list[str], found: str):
    """Swapped letters, dashes for underscores and capitals are all forgiven."""
    assert nearest(word, known) == found


def test_nearest_gives_up():
    """A word that resembles nothing gets no suggestion."""
    assert nearest("zzz", ["openai", "script"]) is None
