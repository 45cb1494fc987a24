"""`stream_node.lambda_node`, by its bare name."""

from aizuchi.compat.bitnp.stream_node.lambda_node import LambdaNode

__all__ = ["LambdaNode"]
