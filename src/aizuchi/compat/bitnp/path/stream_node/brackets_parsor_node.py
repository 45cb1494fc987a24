"""`stream_node.brackets_parsor_node`, by its bare name."""

from aizuchi.compat.bitnp.stream_node.brackets_parsor_node import BracketsParsorNode

__all__ = ["BracketsParsorNode"]
