"""`agent.lecture_agent`, by its bare name."""

from aizuchi.compat.bitnp.agent.lecture_agent import LectureAgent

__all__ = ["LectureAgent"]
