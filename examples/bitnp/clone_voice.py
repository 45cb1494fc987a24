"""`clone_voice.py RECORDING NAME` makes a voice; without arguments it lists the voices you have."""

import sys

import aizuchi.compat.bitnp.enable  # noqa: F401

# isort: split
from tokens import get_token
from tts.dashscope.voice_clone import create_voice, query_voice_list

key = get_token("dashscope")
if len(sys.argv) == 3:
    kind = "audio/wav" if sys.argv[1].endswith(".wav") else "audio/mpeg"
    create_voice(key, sys.argv[1], sys.argv[2], audio_mime_type=kind)
else:
    query_voice_list(key)
