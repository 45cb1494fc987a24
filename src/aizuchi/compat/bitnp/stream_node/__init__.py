"""Small nodes that text flows through: `a.connect_to(b)`, then `await a.handle(data)`."""

from aizuchi.compat.bitnp.stream_node.accumulative_list_node import AccumulativeListNode
from aizuchi.compat.bitnp.stream_node.brackets_parsor_node import BracketsParsorNode
from aizuchi.compat.bitnp.stream_node.lambda_node import LambdaNode
from aizuchi.compat.bitnp.stream_node.sentence_sep_node import SentenceSepNode
from aizuchi.compat.bitnp.stream_node.stream_node import StreamNode

__all__ = ["AccumulativeListNode", "BracketsParsorNode", "LambdaNode", "SentenceSepNode", "StreamNode"]
