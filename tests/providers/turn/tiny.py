"""A tiny ONNX model in the shape of Smart Turn, written byte by byte: the `onnx` package is not needed.

It answers sigmoid(mean of all features): a real graph that onnxruntime runs, whose answer follows from its
input. The format is the protobuf of ONNX's `onnx.proto`; the numbers are its field numbers.
"""

from __future__ import annotations

FLOAT = 1


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def integer(field: int, value: int) -> bytes:
    return number(field << 3) + number(value)


def block(field: int, content: bytes | str) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return number(field << 3 | 2) + number(len(data)) + data


def tensor(name: str, *dims: int) -> bytes:
    """A ValueInfoProto."""
    shape = b"".join(block(1, integer(1, dim)) for dim in dims)
    return block(1, name) + block(2, block(1, integer(1, FLOAT) + block(2, shape)))


def node(kind: str, source: str, target: str, attributes: bytes = b"") -> bytes:
    return block(1, source) + block(2, target) + block(4, kind) + attributes


def model(*, bands: int = 80, sigmoid: bool = True) -> bytes:
    """`bands` other than 80 makes a model of another shape; without `sigmoid` it gives no probability."""
    axes = integer(8, 1) + integer(8, 2)
    reduce = block(5, block(1, "axes") + axes + integer(20, 7)) + block(
        5, block(1, "keepdims") + integer(3, 0) + integer(20, 2)
    )
    steps = block(1, node("ReduceMean", "input_features", "mean", reduce))
    last = "Sigmoid" if sigmoid else "Identity"
    steps += block(1, node(last, "mean", "logits"))
    graph = steps + block(2, "tiny") + block(11, tensor("input_features", 1, bands, 800))
    graph += block(12, tensor("logits", 1))
    return integer(1, 8) + block(7, graph) + block(8, integer(2, 13))
