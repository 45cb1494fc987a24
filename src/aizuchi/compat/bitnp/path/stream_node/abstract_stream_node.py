"""`stream_node.stream_node`, by its bare name."""

from aizuchi.compat.bitnp.stream_node.stream_node import StreamNode

__all__ = ["StreamNode"]
