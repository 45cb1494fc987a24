"""A folder as ChatAnon's server has one, in the words of its own template; every key in it is made up."""

from __future__ import annotations

from pathlib import Path

CONFIG = """\
# ChatAnon's own layout
server:
  host: "127.0.0.1"
  port: 8765
  debug: false
endpoints:
  asr: "{asr}"
  tts: "{tts}"
  llm: "{llm}"
ssl:
  verify_tts: {verify}
timeouts:
  websocket_connect: 30.0
  websocket_receive: 0.01
resources:
  asr_resource_id: "volc.bigasr.sauc.duration"
  tts_resource_id: "seed-icl-2.0"
models:
  llm_model: "doubao-seed-1-8-251228"
  tts_model: "speech-2.8-hd"
characters:
  anon:
    tts_model: "speech-2.8-hd"
    voice_id: "Voice-of-Anon"
audio:
  asr_sample_rate: 16000
  asr_segment_duration_ms: 100
  tts_sample_rate: 16000
  tts_sentence_gap_seconds: 0.25
  channels: 1
  bits: 16
llm:
  stream: false
  reasoning_effort: "minimal"
logging:
  level: "WARNING"
  file: "server.log"
  console: true
"""
CREDENTIALS = '''\
"""Credentials, after the template."""
import os
from typing import List


def _get_env(key: str, default: str = "") -> str:
    return os.environ.get(key, default)


def _get_env_list(key: str, default: List[str] = None) -> List[str]:
    raise SystemExit("nobody runs this")


raise SystemExit("nor this")

BYTEDANCE_APP_KEY = _get_env("BYTEDANCE_APP_KEY", "{app}")
BYTEDANCE_ACCESS_KEY = _get_env("BYTEDANCE_ACCESS_KEY", "{access}")
DOUBAO_API_KEY = _get_env("DOUBAO_API_KEY", "{doubao}")
MINIMAX_API_KEY = _get_env("MINIMAX_API_KEY", "{minimax}")
_DEFAULT_TOKENS = [
    "token_of_ann",
    "token_of_bob",
]
VALID_API_TOKENS = _get_env_list("VALID_API_TOKENS", _DEFAULT_TOKENS)
'''
MANIFEST = """\
# Role: 小安 (An, アン)

A guitarist of our own making, who is always in a good mood.

## 输出格式
```json
{"responses_cn": ["你好。"], "responses_jp": ["こんにちは。"], "responses_emotion_labels": ["happy"]}
```
"""
TABLES = """\
from dataclasses import dataclass

AVAILABLE_CHARACTERS: dict = {
    "anon": CharacterConfig(
        name="anon", display_name="小安 (An)", manifest_path="prompts/anon/character_manifest.md",
        voice_id="Voice-in-Code", description="Plays the guitar", live2d_model_set="casual",
    ),
}
NAME_REPLACEMENTS_JP = {"小安": "アン", "live": "ライブ"}
"""
OFFICIAL = {
    "asr": "wss://openspeech.bytedance.com/api/v3/sauc/bigmodel_async",
    "tts": "wss://api.minimaxi.com/ws/v1/t2a_v2",
    "llm": "https://ark.cn-beijing.volces.com/api/v3",
}
KEYS = {
    "app": "app-0123456789",
    "access": "access-0123456789",
    "doubao": "doubao-0123456789",
    "minimax": "minimax-0123456789",
}


def make(
    folder: Path,
    *,
    endpoints: dict[str, str] | None = None,
    keys: dict[str, str] | None = None,
    verify: bool = True,
    config: str = CONFIG,
) -> Path:
    """Write a whole folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {**OFFICIAL, **(endpoints or {}), "verify": "true" if verify else "false"}
    credentials = CREDENTIALS
    for name, value in {**KEYS, **(keys or {})}.items():
        credentials = credentials.replace(f"{{{name}}}", value)
    for name, value in said.items():
        config = config.replace(f"{{{name}}}", value)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    (folder / "credentials.py").write_text(credentials, encoding="utf-8")
    (folder / "prompts" / "anon").mkdir(parents=True, exist_ok=True)
    (folder / "prompts" / "anon" / "character_manifest.md").write_text(MANIFEST, encoding="utf-8")
    (folder / "server").mkdir(exist_ok=True)
    (folder / "server" / "__init__.py").write_text('raise SystemExit("ChatAnon itself")\n', encoding="utf-8")
    (folder / "server" / "main.py").write_text('raise SystemExit("ChatAnon itself")\n', encoding="utf-8")
    (folder / "server" / "character_manager.py").write_text(TABLES, encoding="utf-8")
    return folder
