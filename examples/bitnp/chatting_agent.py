"""The ready agent at a relay: `chatting_agent.py [localhost:8000]`."""

import asyncio
import sys

import aizuchi.compat.bitnp.enable  # noqa: F401

# isort: split
from agent import BasicChattingAgent
from prompts import get_prompt
from tokens import get_token

llm_api_config = {
    "api_name": "glm",
    "token": get_token("glm"),
    "model_name": "glm-4-flash",
    "system_prompt": get_prompt("shumeiniang"),
    "max_context_length": 11,
}
tts_config = {
    "tts_method_name": "dashscope",
    "api_key": get_token("dashscope"),
    "model": "qwen3-tts-flash-realtime",
    "voice": "Cherry",
}
server_url = sys.argv[1] if len(sys.argv) > 1 else "localhost:8000"
agent = BasicChattingAgent(server_url, "shumeiniang", llm_api_config, tts_config, tts_stream=True)

asyncio.run(agent.run())
