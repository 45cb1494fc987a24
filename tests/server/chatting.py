"""A house whose vendors are embedded, to talk with in ChatAnon's protocol."""

from pathlib import Path
from typing import Any

from aizuchi.character import Character
from aizuchi.engine.rules import BargeIn, Hearing, Rules
from aizuchi.ports import Final
from aizuchi.providers.llm.script import ScriptModel
from aizuchi.providers.tts.tone import ToneVoice
from aizuchi.providers.vad.energy import EnergyVad
from aizuchi.server.admission import Token
from aizuchi.server.gate import Capacity
from aizuchi.server.house import House
from aizuchi.server.mounts import mounts
from aizuchi.server.store import MemoryStore
from aizuchi.wire.chatanon import Manners
from tests import fakes
from tests.wire.independent_chatanon import quiet, tone

SCRIPT = """
languages: [en]
rules:
  - {name: fail, when: {en: ["break"]}, say: {en: ["x"]}, error: the script breaks, error_after: 0}
  - {name: memory, when: {en: ["how often"]}, say: {en: ["{turns}."]}}
  - name: long
    when: {en: ["story"]}
    say:
      en:
        - >-
          [happy] Once there was a crow on a high wire who knew the songs of the whole town by heart.
          [sad] It rained for days and days on it and nobody came by to hear even one of them.
otherwise: {name: echo, say: {en: ["[happy] I heard it. [sad] Now I rest."]}}
"""
MS = 12
"""How long the voice takes for a character."""
GAP = 100
VOICE = (quiet(300), tone(500), quiet(1_500))
SAID = "good evening."


def house_of_two(folder: Path, heard: str = SAID, **settings: Any) -> House:
    """A house with two characters; `heard` is what the recogniser makes of any speech."""
    file = folder / "script.yaml"
    file.write_text(SCRIPT, encoding="utf-8")
    script = ScriptModel.Options(file=str(file), tokens_per_second=0, first_token_ms=0, introduce=False)
    voice = ToneVoice.Options(ms_per_character=MS, shortest_ms=20)
    ear = fakes.FakeRecognizer(lambda ms: fakes.Script([(0.02, Final(heard if ms >= 400 else ""))]))
    given: dict[str, Any] = {
        "parts": fakes.parts(vad=EnergyVad(), asr=[ear], llm=[ScriptModel(script)], tts=[ToneVoice(voice)]),
        "characters": {
            "anon": Character("anon", "Anon", "You are in a test."),
            "mutsumi": Character("mutsumi", "Mutsumi", "You are in a test, too."),
        },
        "default_character": "anon",
        "rules": Rules(hearing=Hearing(silence_ms=300), barge_in=BargeIn("pause", 200)),
        "store": MemoryStore(),
        # A busy machine is no reason to refuse anybody here.
        "capacity": Capacity(overload_lag_ms=60_000),
        "tokens": [Token("dev_token_001", "ann"), Token("second", "bob")],
        "mounts": mounts(chatanon=Manners(sentence_gap_ms=GAP)),
    }
    return House(**given | settings)
