"""onnxruntime's attention operators, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ops.evaluate import Case, Data, mismatches, one_node, outcome, reads, relations
from ops.probes import Steps
from rfgraph.ops.node import RuleError

ALL = (True, True, True)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def mha(inputs, outputs=(True,), **attributes):
    return node("MultiHeadAttention", inputs, {"num_heads": 2, **attributes}, outputs=outputs)


def mask(*shape):
    return np.ones(shape, np.int32)


QUERY, KEY, VALUE = (1, 2, 4), (1, 3, 4), (1, 3, 6)
CACHE = (1, 2, 2, 2)
EXACT = [
    mha([QUERY, KEY, VALUE]),
    mha([QUERY, (1, 2, 3, 2), (1, 2, 3, 2)]),
    mha([QUERY, KEY, KEY, None, None, (1, 2, 2, 3)]),
    mha([QUERY, KEY, KEY, None, None, (1, 1, 2, 3)]),
    mha([QUERY, QUERY, QUERY, None, None, None, CACHE, CACHE], ALL),
    mha([QUERY, QUERY, QUERY, None, None, None, CACHE, CACHE], ALL, unidirectional=1),
    mha([QUERY, KEY, KEY], ALL),
    mha([QUERY, KEY, KEY], (True, False, False, True)),
    mha([QUERY, KEY, KEY, None, None, (1, 2, 2, 3)], (True, False, False, True)),
]


class Typed(Steps):
    """Small steps on a model whose outputs are declared, for those whose type is not inferred."""

    def __init__(self, case):
        model = one_node(case)
        for output in model.graph.output:
            output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        super().__init__(case, model)


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_query_reads_what_onnxruntime_shows(case):
    assert mismatches(case, probe=Typed(case)) == []


BOUNDED = [
    (mha([QUERY, KEY, KEY, None, Data((1, 3), "int32")]), (4,)),
    (mha([(2, 2, 4), (2, 3, 4), (2, 3, 4), None, Data((2,), "int32", (1, 4))]), (0, 1, 2, 4)),
    (mha([QUERY, KEY, KEY, None, Data((1, 2, 3), "int32")]), (4,)),
    (mha([QUERY, QUERY, QUERY, None, None, (1, 2, 2, 2)], unidirectional=1), (5,)),
    # A single key has all the weight, whatever query and key are.
    (mha([(2, 2, 4), (2, 2, 4), (2, 2, 4)], unidirectional=1), ()),
    (mha([QUERY, KEY, VALUE], unidirectional=1), ()),
    # What is added to every key alike cancels.
    (mha([QUERY, KEY, VALUE, (14,)]), (3,)),
    (mha([QUERY, QUERY, QUERY, (12,), None, None, CACHE, CACHE], ALL, unidirectional=1), (3,)),
]


@pytest.mark.parametrize(("case", "slots"), BOUNDED, ids=str)
def test_a_mask_cuts_no_more_than_the_rule_says(case, slots):
    others = [slot for slot in case.data() if slot not in slots]
    assert mismatches(case, within=(*slots, *others), probe=Steps(case)) == []


def read_at(case, slot, index, output=0):
    found = relations(case, output).get(slot, [])
    return set().union(*(reads(relation, index) for relation in found))
