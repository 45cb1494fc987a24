"""`stream_node.sentence_sep_node`, by its bare name."""

from aizuchi.compat.bitnp.stream_node.sentence_sep_node import SentenceSepNode

__all__ = ["SentenceSepNode"]
