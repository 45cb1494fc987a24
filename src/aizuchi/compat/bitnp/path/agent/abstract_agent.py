"""`agent.abstract_agent`, by its bare name."""

from aizuchi.compat.bitnp.agent.abstract_agent import AbstractAgent, Agent, EventData, TimeStampISO

__all__ = ["AbstractAgent", "Agent", "EventData", "TimeStampISO"]
