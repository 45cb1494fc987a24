"""An agent from scratch: it echoes what a page says and tells how long it has been there."""

import asyncio
import sys
import time

import aizuchi.compat.bitnp.enable  # noqa: F401

# isort: split
from agent import Agent

agent = Agent(sys.argv[1] if len(sys.argv) > 1 else "localhost:8000", "echo")
began = told = time.monotonic()


@agent.on("user_input")
async def echo(agent: Agent, timestamp: str, event_data: dict) -> None:
    await agent.emit({"type": "echo", "content": event_data.get("content", "")})


@agent.loop  # called about every 0.1 s
async def tell(agent: Agent) -> None:
    global told
    if time.monotonic() - told > 1:
        told = time.monotonic()
        await agent.emit({"type": "uptime", "seconds": round(told - began)})


asyncio.run(agent.run())
