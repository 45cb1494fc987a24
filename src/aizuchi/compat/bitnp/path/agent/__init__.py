"""`agent`, by its bare name; a project's own folder of this name is looked into, too."""

from pkgutil import extend_path

from aizuchi.compat.bitnp.agent import (
    REGISTRY,
    AbstractAgent,
    Agent,
    BasicChattingAgent,
    EventData,
    LectureAgent,
    create_agent,
)

__path__ = extend_path(__path__, __name__)

__all__ = [
    "REGISTRY",
    "AbstractAgent",
    "Agent",
    "BasicChattingAgent",
    "EventData",
    "LectureAgent",
    "create_agent",
]
