"""The range path of dynamic quantization: scale and zero point, which the whole tensor decides.

It lies beside the data itself: a network that is local before it is quantized becomes global
through its ranges alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.relations.axis_rules import product

if TYPE_CHECKING:
    from rfgraph.relations.graph import Graph, Operator


_FUSED = {("", "DynamicQuantizeLinear"), ("com.microsoft", "DynamicQuantizeMatMul")}
_EXTREMES = ("ReduceMax", "ReduceMin")
_QUANTIZING = ("QuantizeLinear", "DequantizeLinear")
_SCALING = (1, 2)


def is_range(graph: Graph, tensor: str, operator: Operator) -> bool:
    """Whether `operator` takes the range of `tensor`, which it reads, for dynamic quantization.

    Either it quantizes by itself, or it is an extreme from which, over tensors of one element
    alone, the scale or the zero point of a quantization comes.
    """
    domain = "" if operator.domain == "ai.onnx" else operator.domain
    if (domain, operator.op_type) in _FUSED:
        return True
    if operator.op_type not in _EXTREMES:
        return False
    stack = [
        after
        for after, edges in graph.succ[tensor].items()
        if any(data["operator"] == operator for data in edges.values())
    ]
    seen = set(stack)
    while stack:
        for after, edges in graph.succ[stack.pop()].items():
            if any(
                data["operator"].op_type in _QUANTIZING and data["slot"] in _SCALING
                for data in edges.values()
            ):
                return True
            shape = graph.nodes[after]["shape"]
            if after not in seen and shape is not None and product(shape) == 1:
                seen.add(after)
                stack.append(after)
    return False
