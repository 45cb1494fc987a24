"""`run_agent.py`: one of the ready agents from the command line, with the original's flags and a few more.

Keys come from `tokens/tokens.json` or the environment, the character from `prompts/NAME.txt`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from aizuchi.compat.bitnp.agent import Agent, create_agent
from aizuchi.compat.bitnp.config_types import AgentConfig, Dashscope_TTS_Config, LLM_Config
from aizuchi.compat.bitnp.prompts import get_prompt
from aizuchi.compat.bitnp.tokens import get_token
from aizuchi.errors import ConfigError

PLAIN: Final = "你是一位友善的语音助手。用口语回答，简短自然，不用 Markdown。"
"""Who answers where the project has no prompt."""
STOCK: Final = ("qwen3-tts-flash-realtime", "Cherry")
"""A voice that DashScope has for everybody; a cloned one needs its own model."""
EMBEDDED: Final = "espeak"
"""The voice that needs nothing."""
CLONED: Final = "qwen3-tts-vc-realtime-2026-01-15"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="run_agent.py", description="run a bitnp agent")
    add = made.add_argument
    add("--server-url", default="localhost:8000", help="the relay, e.g. localhost:8000")
    add("--agent-name", default="shumeiniang", help="the name under which pages find it")
    add("--agent-type", default="basic_chatting_agent", choices=["basic_chatting_agent", "lecture_agent"])
    add("--lecture-script", default=None, help="a script, or a folder with a *_scripts.txt")
    add("--ppt-images-dir", default=None, help="folder of the slides, for lecture_agent")
    add("--ppt-base-url", default="/documents/slides", help="where the server serves the slides")
    add("--tts-stream", action="store_true", help="send sound while it is made (this is the default)")
    add("--no-tts-stream", action="store_true", help="send sound sentence by sentence")
    add("--no-auto-start", action="store_true", help="lecture_agent: wait for a page's command")
    ours = made.add_argument_group("not in the original")
    add = ours.add_argument
    add("--prompt", default="shumeiniang", help="name of the prompt in prompts/")
    add("--llm", default="glm", choices=["glm", "openai"], help="which model's API")
    add("--llm-model", default="", help="the model's name; default: the API's usual one")
    add("--llm-url", default="", help="another address of that API")
    add("--tts", default="", help="dashscope, or a voice of Aizuchi's such as espeak; default: by your keys")
    add("--voice", default="", help="the voice's name there; default: one of the vendor's own")
    add("--tts-model", default="", help="the voice's model; default: the one that fits")
    return made


def make(args: argparse.Namespace) -> Agent:
    """The agent that the flags describe."""
    tts_config = _voice(args)
    stream = not args.no_tts_stream
    if args.agent_type == "lecture_agent":
        return create_agent(
            "lecture_agent",
            args.server_url,
            args.agent_name,
            tts_config=tts_config,
            tts_stream=stream,
            lecture_script_path=args.lecture_script,
            ppt_images_dir=args.ppt_images_dir,
            ppt_base_url=args.ppt_base_url,
            auto_start=not args.no_auto_start,
        )
    further: dict[str, Any] = {"base_url": args.llm_url} if args.llm_url else {}
    llm = LLM_Config(
        api_name=args.llm,
        token=get_token(args.llm),
        model_name=args.llm_model or {"glm": "glm-4-flash"}.get(args.llm, ""),
        system_prompt=_prompt(args.prompt),
        max_context_length=11,
        **further,
    )
    config = AgentConfig(
        server_url=args.server_url,
        agent_name=args.agent_name,
        llm_api_config=llm,
        tts_stream=stream,
        tts_config=tts_config,  # pyright: ignore[reportCallIssue] (a further field)
    )
    return create_agent("basic_chatting_agent", **config.model_dump())


def main(argv: Sequence[str] | None = None) -> int:
    """Run until the relay says goodbye or Ctrl-C; gives 1 if it can't be reached."""
    from websockets.exceptions import InvalidHandshake

    args = parser().parse_args(argv)
    try:
        agent = make(args)
        print(f"{agent.agent_name} at {agent.server_url}; Ctrl-C ends it", flush=True)
        with suppress(KeyboardInterrupt):
            asyncio.run(agent.run())
    except (OSError, TimeoutError, InvalidHandshake) as error:
        taken = "403" in str(error)
        why = "the name is taken" if taken else f"no connection ({type(error).__name__})"
        print(f"run_agent.py: {args.agent_name} at {args.server_url}: {why}", file=sys.stderr)
        return 1
    except (ConfigError, ValueError) as error:
        print(f"run_agent.py: {error}", file=sys.stderr)
        return 2
    return 0


def _voice(args: argparse.Namespace) -> Any:
    key = get_token("dashscope")
    name = args.tts
    if not name:
        name = "dashscope" if key or args.voice else EMBEDDED
        if name == EMBEDDED:
            print("[Warning] no key for DashScope; the embedded voice stands in", file=sys.stderr)
    if name != "dashscope":
        return {"tts_method_name": "aizuchi", "provider": name, "voice": args.voice}
    return Dashscope_TTS_Config(
        api_key=key,
        voice=args.voice or STOCK[1],
        model=args.tts_model or (CLONED if args.voice else STOCK[0]),
    )


def _prompt(name: str) -> str:
    try:
        return get_prompt(name)
    except ValueError as error:
        print(f"[Warning] {error}; a plain one stands in", file=sys.stderr)
        return PLAIN


if __name__ == "__main__":
    raise SystemExit(main())
