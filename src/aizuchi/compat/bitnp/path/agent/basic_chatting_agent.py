"""`agent.basic_chatting_agent`, by its bare name."""

from aizuchi.compat.bitnp.agent.basic_chatting_agent import BasicChattingAgent

__all__ = ["BasicChattingAgent"]
