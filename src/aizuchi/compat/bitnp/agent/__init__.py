"""Agents: what sits at a relay under a name and answers its pages. `REGISTRY` takes classes of your own."""

from __future__ import annotations

from typing import Any

from aizuchi.compat.bitnp.agent.abstract_agent import AbstractAgent, Agent, EventData
from aizuchi.compat.bitnp.agent.basic_chatting_agent import BasicChattingAgent
from aizuchi.compat.bitnp.agent.lecture_agent import LectureAgent

REGISTRY: dict[str, type[Agent]] = {
    "basic_chatting_agent": BasicChattingAgent,
    "lecture_agent": LectureAgent,
}

__all__ = [
    "REGISTRY",
    "AbstractAgent",
    "Agent",
    "BasicChattingAgent",
    "EventData",
    "LectureAgent",
    "create_agent",
]


def create_agent(
    agent_type: str, server_url: str, agent_name: str, llm_api_config: Any = None, **kwargs: Any
) -> Agent:
    """An agent by its name in `REGISTRY`. Raises ValueError for an unknown one."""
    if agent_type not in REGISTRY:
        raise ValueError(f"Unknown agent type: {agent_type}; there are {', '.join(REGISTRY)}")
    if llm_api_config is not None:
        kwargs["llm_api_config"] = llm_api_config
    return REGISTRY[agent_type](server_url=server_url, agent_name=agent_name, **kwargs)
