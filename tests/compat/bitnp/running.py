"""An agent at work beside a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aizuchi.compat.bitnp.agent import Agent
from tests.compat.bitnp.relay import Page, Relay


@asynccontextmanager
async def at_work(agent: Agent, relay: Relay) -> AsyncIterator[None]:
    """The agent runs and is connected; it is ended afterwards."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(agent.run())
        await there(relay, agent.agent_name, task)
        yield
        task.cancel()


@asynccontextmanager
async def page_of(agent: Agent, relay: Relay, *, plays: bool = True) -> AsyncIterator[Page]:
    """The same, and a page that looks on."""
    async with Page(relay.url, agent.agent_name, plays=plays) as page, at_work(agent, relay):
        yield page


async def there(relay: Relay, name: str, task: asyncio.Task[None] | None = None) -> None:
    """Wait until the relay has the agent."""
    async with asyncio.timeout(30):
        while name not in relay.agents and (task is None or not task.done()):
            relay.arrived.clear()
            await relay.arrived.wait()
