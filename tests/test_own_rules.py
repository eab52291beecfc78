"""A user's own operator, ruled from Python and analysed with the rest."""

import math
from dataclasses import fields
from fractions import Fraction
from typing import get_args

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import rfgraph
from rfgraph import (
    Gathered,
    How,
    Link,
    OpNode,
    Outcome,
    Permute,
    Pick,
    Pointwise,
    Reduce,
    Regroup,
    Resample,
    Select,
    Taps,
    Whole,
    Window,
)
from rfgraph.onnxfile.building import own_steps
from rfgraph.relations.how import Word


def blur(node: OpNode) -> Outcome:
    """An output reads `width` positions around its own on the last axis.

    Exact. Versions: 1.
    """
    shape = node.shape(0)
    axis, width = len(shape) - 1, node.int("width", 3)
    window = Window(width, 1, 1, width // 2, shape[axis], shape[axis])
    return Outcome((shape,), (Link(0, (Taps(((axis, window),)),), spatial=(axis,)),))


def model():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 40])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    weight = numpy_helper.from_array(np.ones((1, 1, 3), np.float32), "w")
    nodes = [
        helper.make_node("Blur", ["x"], ["a"], domain="my.ops", width=5),
        helper.make_node("Conv", ["a", "w"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=[weight])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("my.ops", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def turned(node: OpNode) -> Outcome:
    """An output reads the element a quarter turn on; with `total`, the sum of the turned rows."""
    shape = node.shape(0)
    length = shape[2]
    across, down = np.ogrid[:length, :length]
    places = (np.zeros((1, 1, 1, 1), int), np.zeros((1, 1, 1, 1), int))
    places += (down.reshape(1, 1, 1, length), (length - 1 - across).reshape(1, 1, length, 1))
    steps = (Gathered(shape, places),)
    if not node.int("total", 0):
        return Outcome((shape,), (Link(0, steps),))
    total = (*shape[:2], 1, length)
    steps += (Reduce(((2, Whole(length, 1)),)),)
    return Outcome((total,), (Link(0, steps, spatial=(2, 3), how=How("sum")),))


def turning(total: int, *, convolved: bool) -> onnx.ModelProto:
    nodes = [helper.make_node("Turned", ["x"], ["a"], domain="my.ops", total=total)]
    if convolved:
        nodes.append(helper.make_node("Conv", ["a", "w"], ["y"], pads=[1, 1, 1, 1]))
    weight = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 6, 6])
    y = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=[weight])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("my.ops", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def test_the_effective_field_is_carried_over_an_own_rearrangement():
    result = rfgraph.analyze(turning(0, convolved=True), rules={("my.ops", "Turned"): turned})
    found = rfgraph.erf(result, "y", unit=(0, 0, 1, 4), map="paths")
    # Unit (1, 4) reads rows 0 to 2 and columns 3 to 5 of what was turned.
    want = np.zeros((6, 6), int)
    for row in range(3):
        for column in range(3, 6):
            want[column, 5 - row] = 1
    assert found.map.tolist() == want.tolist()
    # It only moves, so nothing is assumed of how it combines.
    assert rfgraph.erf(result, "y").assumed == ()


def test_the_sum_over_a_rearranged_axis_ends_local_paths():
    result = rfgraph.analyze(turning(1, convolved=False), rules={("my.ops", "Turned"): turned})
    found = rfgraph.erf(result, "a", unit=(0, 0, 0, 2), map="paths")
    assert np.argwhere(found.map).tolist() == [[2, column] for column in range(6)]
    assert found.global_share == 1
    assert rfgraph.erf(result, "a").assumed == ()


def test_an_own_rule_is_used():
    result = rfgraph.analyze(model(), rules={("my.ops", "Blur"): blur})
    axis = result.receptive_field().axes[2]
    assert (axis.scope, axis.size, axis.start) == ("local", 5 + 3 - 1, -2)
    assert result.findings == ()


def test_without_it_the_operator_is_unknown_and_named():
    result = rfgraph.analyze(model())
    assert result.receptive_field().axes[2].scope == "unknown"
    (finding,) = result.findings
    assert finding.code == "RF005"
    assert "'Blur' of domain 'my.ops'" in finding.message


# -- what may be wrong with one -------------------------------------------------------------------

SHAPE = (1, 1, 40)
SAME = (Pointwise(SHAPE),)


def raising(node):
    raise ValueError("boom\nbang")


def window(**changes):
    numbers = {"kernel": 3, "stride": 1, "dilation": 1, "pad_begin": 1, "in_len": 40, "out_len": 40}
    return Window(**{**numbers, **changes})


def taps(**changes):
    return (Taps(((2, window(**changes)),)),)


def linked(steps, shape=SHAPE, **link):
    return Outcome((shape,), (Link(0, steps, **link),))


def gathering(*places):
    """Return a step by which every element is the one at `places`."""
    return Gathered(SHAPE, tuple(np.full((1, 1, 1), at) for at in places))


WRONG = {
    "nothing": (None, "requires an Outcome, found None"),
    "a shape": (SHAPE, "requires an Outcome, found a tuple"),
    "too many shapes": (Outcome((SHAPE, SHAPE)), "each of 1 outputs, found 2"),
    "no shape": (Outcome(()), "each of 1 outputs, found 0"),
    "lengths for shapes": (Outcome(SHAPE), "shape 0 requires a sequence, found 1"),
    "shapes as a number": (Outcome(3), "shapes requires a sequence, found 3"),
    "a length as text": (Outcome((("a", 1),)), "shape 0 requires an integer, found 'a'"),
    "a negative length": (Outcome(((1, -1),)), "lengths from 0, found [1, -1]"),
    "a lone link": (Outcome((SHAPE,), Link(0, SAME)), "links requires a sequence, found a Link"),
    "no link": (Outcome((SHAPE,), (SAME,)), "link 0 requires a Link, found a tuple"),
    "a missing input": (Outcome((SHAPE,), (Link(1, SAME),)), "an input of [0], found 1"),
    "an input as text": (Outcome((SHAPE,), (Link("x", SAME),)), "link 0, input, requires an int"),
    "a missing output": (linked(SAME, output=1), "an output of [0], found 1"),
    "a lone step": (linked(SAME[0]), "link 0, steps, requires a sequence, found a Pointwise"),
    "no step": (linked((window(),)), "step 0 requires a step such as Taps, found a Window"),
    "how, as text": (linked(SAME, how="sum"), "link 0, how, requires a How of activation, att"),
    "how, a word": (linked(SAME, how=How("blend")), "weighted, found How(word='blend', name=''"),
    "how, a name": (linked(SAME, how=How("mean", "around")), "for mean the name '' or 'inside', f"),
    "how, no name": (linked(SAME, how=How("activation")), 'the name "an operator\'s", found How'),
    "how, no text": (linked(SAME, how=How("activation", 3)), "how, name, requires a name, found 3"),
    "how, of several": (linked(SAME, how=How("activation", "gate")), "for activation the name"),
    "how, no list": (linked(SAME, how=How("sum", "", 2)), "values, requires a sequence, found 2"),
    "how, a number": (linked(SAME, how=How("sum", "", (2,))), "for sum 0 numbers, found How("),
    "how, too few": (linked(SAME, how=How("norm", "own")), "for norm 2 numbers, from 0 on, found"),
    "how, a parameter": (
        linked(SAME, how=How("activation", "HardSigmoid", (0.2,))),
        "for activation 2 numbers, found How(word='activation', name='HardSigmoid'",
    ),
    "how, none that counts": (
        linked(SAME, how=How("softmax", "own", (0,))),
        "for softmax 1 numbers, from 1 on, found",
    ),
    "how, no number": (linked(SAME, how=How("scale", "", (math.inf,))), "values=(inf,)"),
    "how, not a number": (
        linked(SAME, how=How("activation", "Clip", (0, math.nan))),
        "for activation 2 numbers, found",
    ),
    "how, beyond floats": (linked(SAME, how=How("shift", "", (10**400,))), "for shift 0 or 1 num"),
    "how, text": (linked(SAME, how=How("shift", "", ("1",))), "for shift 0 or 1 numbers, found"),
    "a spatial axis": (linked(SAME, spatial=(3,)), "axes of shape [1, 1, 40], found [3]"),
    "the end": (linked(taps(out_len=38)), "end in shape [1, 1, 40] of output 0, found [1, 1, 38]"),
    "the start": (linked(taps(in_len=41)), "step 0 (Taps), axis 2 requires in_len 40, found 41"),
    "a float": (linked(taps(pad_begin=1.5)), "pad_begin, requires an integer, found 1.5"),
    "a numpy float": (linked(taps(stride=np.float32(1))), "an integer, found a float32"),
    "a negative out_len": (linked(taps(out_len=-1)), "an out_len from 0, found -1"),
    "no kernel": (linked(taps(kernel=0)), "requires kernel, stride and dilation from 1"),
    "an axis": (linked((Taps(((3, window()),)),)), "distinct axes of shape [1, 1, 40], found [3]"),
    "an axis as text": (linked((Taps((("w", window()),)),)), "distinct axes"),
    "an axis twice": (linked((Taps(((2, window()),) * 2),)), "distinct axes"),
    "a rule alone": (linked((Taps((2, window())),)), "requires a tuple of pairs of axis and rule"),
    "rules as a dict": (linked((Taps({2: window()}),)), "a tuple of pairs of axis and rule"),
    "a rule of others": (linked((Select(((2, window()),)),)), "one of Shift, Repeat, Pick, found"),
    "positions": (linked((Select(((2, Pick((0, 40), 40)),)),)), "positions below 40, found 40"),
    "positions in a list": (linked((Select(((2, Pick([0], 40)),)),)), "a tuple of integers"),
    "listed positions": (
        linked((Taps(((2, rfgraph.Listed(((0, -1),), 40)),)),)),
        "positions below 40, found -1",
    ),
    "groups": (
        linked((Reduce(((2, rfgraph.Blocks(3, 40, 40)),)),)),
        "requires groups that divide the lengths",
    ),
    "rows": (
        linked((Reduce(((2, rfgraph.Rows((1,), (2,), b"", 40)),)),)),
        "requires the lengths of axes [1]",
    ),
    "a filter": (
        linked((Taps(((2, Resample(Fraction(1), Fraction(0), "lanczos", 40, 40)),)),)),
        "filter, requires one of floor, ceil",
    ),
    "a sharpness": (
        linked((Taps(((2, Resample(1, 0, "cubic", 40, 40, sharpness=math.nan)),)),)),
        "sharpness, requires a finite number, found nan",
    ),
    "elements": (linked((Regroup((1, 39)),), (1, 39)), "as many elements as shape [1, 1, 40] has"),
    "too few places": (
        linked((gathering(0),)),
        "integers that broadcasts to [1, 1, 40]",
    ),
    "a place beyond": (linked((gathering(0, 0, 40),)), "of shape [1, 1, 40] or -1, found 40"),
    "nothing on one axis": (linked((gathering(0, 0, -1),)), "requires -1 on all axes"),
    "an order": (linked((Permute((0, 1)),)), "each axis of shape [1, 1, 40] once, found [0, 1]"),
    "a broadcast": (linked((Pointwise((1, 1, 20)),)), "[1, 1, 40] broadcasts to"),
    "a value": (Outcome((SHAPE,), (), ([1.0],)), "value 0 requires an array or None"),
    "a value's shape": (Outcome((SHAPE,), (), (np.ones(3),)), "shape [1, 1, 40], found [3]"),
    "values": (Outcome((SHAPE,), (), (None, None)), "values requires at most 1 arrays, found 2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_rule_returns_is_an_error_that_names_the_node(name):
    outcome, message = WRONG[name]
    with pytest.raises(rfgraph.UsageError) as caught:
        rfgraph.load(model(), rules={("my.ops", "Blur"): lambda node: outcome})
    text = str(caught.value)
    assert text.startswith("<ModelProto>: node that makes 'a' (Blur): what its own rule returned: ")
    assert message in text
    assert "\n" not in text


HOWS = [
    *(How(word) for word in "gate max mean product recurrent scale select shift sum".split()),
    *(How("weighted"), How("mean", "inside"), How("mean", "", (2,)), How("scale", "", (0.5,))),
    *(How("shift", "", (-1,)), How("quotient", "over"), How("quotient", "under")),
    *(How("activation", "Relu"), How("activation", "Clip", (-math.inf, 6))),
    *(How("activation", "Softplus"), How("activation", "Softplus", (1, 2))),
    How("activation", "Wobble", (1, 2, 3)),
    *(How("norm", "stored"), How("norm", "own", (40, 0)), How("norm", "statistics", (40, 1))),
    *(How("softmax", "own", (40,)), How("softmax", "statistics", (40,))),
    *(How("attention", f"{what}", (40, 8)) for what in ("value", "query own", "key statistics")),
]


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_a_link_may_enter_by_every_word(how):
    """Whatever it is, the effective field is weighed by it, alone and beside another like it."""
    assert {how.word for how in HOWS} == set(get_args(Word))
    for count in (1, 2, 3):
        outcome = Outcome((SHAPE,), (Link(0, SAME, how=how),) * count)
        result = rfgraph.analyze(model(), rules={("my.ops", "Blur"): lambda node: outcome})  # noqa: B023
        found = rfgraph.erf(result, "y", unit=(0, 0, 5))
        assert bool(found.assumed) == (how.name == "Wobble")
        assert np.isfinite(found.map).all()
        assert found.map.argmax() in (5, 6, 7)


def test_a_rule_may_move_each_element_to_any_place():
    # Every second position, backwards, and from 38 / 2 on the first: what a window of 3 reads.
    back = np.maximum(38 - 2 * np.arange(40), 0).reshape(1, 1, 40)
    zero = np.zeros((1, 1, 1), np.int64)
    rule = lambda node: linked((Gathered(SHAPE, (zero, zero, back)),), spatial=(2,))  # noqa: E731
    result = rfgraph.analyze(model(), rules={("my.ops", "Blur"): rule})
    axis = result.receptive_field().axes[2]
    assert (axis.size, axis.size_min, axis.regular) == (5, 1, False)
    (region,) = rfgraph.unit(result, "y", (0, 0, 5)).regions
    assert region.clipped[2] == (24, 28)


def test_what_a_rule_raises_is_an_error_that_names_the_node():
    with pytest.raises(rfgraph.UsageError) as caught:
        rfgraph.load(model(), rules={("my.ops", "Blur"): raising})
    assert str(caught.value) == (
        "<ModelProto>: node that makes 'a' (Blur): its own rule raised ValueError: boom bang"
    )
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("error", [rfgraph.RuleError, rfgraph.ModelError])
def test_a_rule_may_refuse_the_node(error):
    def refusing(node):
        raise error("requires an odd width, found 4")

    with pytest.raises(rfgraph.ModelError, match=r"\(Blur\): requires an odd width, found 4"):
        rfgraph.load(model(), rules={("my.ops", "Blur"): refusing})


def test_a_rule_may_leave_the_node_unknown():
    def unresolved(node):
        raise rfgraph.UnresolvedError("the width is computed from data")

    result = rfgraph.analyze(model(), rules={("my.ops", "Blur"): unresolved})
    assert result.receptive_field().axes[2].scope == "unknown"
    (finding,) = result.findings
    assert finding.message == "Blur is not followed: the width is computed from data"


def test_a_rule_inside_a_subgraph_is_named_with_where_it_is():
    inner = helper.make_node("Blur", ["x"], ["b"], "inner", domain="my.ops")
    branch = helper.make_graph([inner], "g", [], [output("b")])
    nodes = [helper.make_node("If", ["c"], ["y"], "choice", then_branch=branch, else_branch=branch)]
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    with pytest.raises(rfgraph.UsageError, match=r"node 'inner' .*inside 'choice.*boom") as caught:
        rfgraph.load(made(nodes, [condition]), rules={("my.ops", "Blur"): raising})
    assert str(caught.value).count("(Blur)") == 1
    assert "(If)" not in str(caught.value)


def output(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)


def made(nodes, inputs=(), functions=()):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 40])
    graph = helper.make_graph(nodes, "g", [x, *inputs], [output("y")])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("my.ops", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, functions=functions)


def test_every_number_of_a_step_is_looked_at():
    parts = [*get_args(rfgraph.Step), *get_args(rfgraph.AxisRule)]
    kinds = {str(field.type) for part in parts for field in fields(part)}
    pairs = {kind for kind in kinds if kind.startswith("tuple[tuple[int, ") and "Rule" in kind}
    others = {
        "bool",
        "bytes",
        "tuple[tuple[int, Band], ...]",
        "Places",
    } | pairs
    assert kinds - others - set(own_steps._REQUIRED) == {"tuple[int | None, int | None] | None"}


# -- their keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["Blur", "my.ops.Blur", ("Blur",), ("my.ops", 3), None, 3])
def test_a_key_that_is_no_pair_of_names_is_an_error(key):
    with pytest.raises(rfgraph.UsageError, match="pairs of domain and operator as keys"):
        rfgraph.load(model(), rules={key: blur})


def test_a_key_in_the_wrong_order_is_an_error():
    with pytest.raises(rfgraph.UsageError) as caught:
        rfgraph.load(model(), rules={("Blur", "my.ops"): blur})
    assert "requires domain before operator" in str(caught.value)
    assert "('my.ops', 'Blur'), found ('Blur', 'my.ops')" in str(caught.value)


@pytest.mark.parametrize("rules", ["Blur", [("my.ops", "Blur", blur)], blur])
def test_rules_that_are_no_mapping_are_an_error(rules):
    with pytest.raises(rfgraph.UsageError, match="rules requires a mapping"):
        rfgraph.load(model(), rules=rules)


def test_a_rule_that_is_no_function_is_an_error():
    with pytest.raises(rfgraph.UsageError, match="requires a function, found None"):
        rfgraph.load(model(), rules={("my.ops", "Blur"): None})


def test_rules_for_other_models_do_no_harm():
    rules = {("my.ops", "Blur"): blur, ("my.ops", "Other"): raising}
    assert rfgraph.analyze(model(), rules=rules).receptive_field().axes[2].size == 7


# -- before what rfgraph knows --------------------------------------------------------------------


def everywhere(node):
    whole = Reduce(((2, Whole(40, 40)),))
    return Outcome((node.shape(0),), (Link(0, (whole,)),))


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_an_own_rule_comes_before_that_of_rfgraph(domain):
    proto = made([helper.make_node("Relu", ["x"], ["y"])])
    result = rfgraph.analyze(proto, rules={(domain, "Relu"): everywhere})
    assert result.receptive_field().axes[2].scope == "global"


def test_an_own_rule_comes_before_a_function_of_the_model():
    body = [helper.make_node("Relu", ["a"], ["b"])]
    imports = [helper.make_opsetid("", 17)]
    function = helper.make_function("my.ops", "Blur", ["a"], ["b"], body, imports)
    nodes = [helper.make_node("Blur", ["x"], ["y"], domain="my.ops")]
    proto = made(nodes, functions=[function])
    assert rfgraph.analyze(proto).receptive_field().axes[2].size == 1
    own = rfgraph.analyze(proto, rules={("my.ops", "Blur"): blur})
    assert own.receptive_field().axes[2].size == 3


def test_an_own_rule_comes_before_control_flow():
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["b"])], "g", [], [output("b")])
    nodes = [helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)]
    own = rfgraph.analyze(made(nodes), rules={("", "If"): everywhere})
    assert own.receptive_field().axes[2].scope == "global"


def test_integers_of_numpy_are_integers():
    def rule(node):
        shape = np.array(node.shape(0))
        return Outcome([shape], [Link(np.int64(0), [Pointwise(SHAPE)])])

    result = rfgraph.analyze(model(), rules={("my.ops", "Blur"): rule})
    assert result.receptive_field("a").to_dict()["shape"] == [1, 1, 40]
    assert type(result.receptive_field("a").shape[0]) is int
