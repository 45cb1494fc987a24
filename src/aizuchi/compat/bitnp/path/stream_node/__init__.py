"""`stream_node`, by its bare name; a project's own folder of this name is looked into, too."""

from pkgutil import extend_path

from aizuchi.compat.bitnp.stream_node import (
    AccumulativeListNode,
    BracketsParsorNode,
    LambdaNode,
    SentenceSepNode,
    StreamNode,
)

__path__ = extend_path(__path__, __name__)

__all__ = ["AccumulativeListNode", "BracketsParsorNode", "LambdaNode", "SentenceSepNode", "StreamNode"]
