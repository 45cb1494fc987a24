"""`stream_node.accumulative_list_node`, by its bare name."""

from aizuchi.compat.bitnp.stream_node.accumulative_list_node import AccumulativeListNode

__all__ = ["AccumulativeListNode"]
