"""The range path of dynamic quantization: scale and zero point, which the whole tensor decides.

It lies beside the data itself: a network that is local before it is quantized becomes global
through its ranges alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.relations.graph import edges_from, shape_of

if TYPE_CHECKING:
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.operator import Operator


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
    stack = [edge.target for edge in edges_from(graph, tensor) if edge.operator == operator]
    seen = set(stack)
    while stack:
        for edge in edges_from(graph, stack.pop()):
            if edge.operator.op_type in _QUANTIZING and edge.slot in _SCALING:
                return True
            shape = shape_of(graph, edge.target)
            if edge.target not in seen and shape is not None and math.prod(shape) == 1:
                seen.add(edge.target)
                stack.append(edge.target)
    return False
