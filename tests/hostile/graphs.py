"""Graphs that are none: cycles, names that nothing makes or two make, parts that are missing."""

from __future__ import annotations

import copy

from onnx import ModelProto, TensorProto, helper

from hostile.cases import Case, Cases, answered, either, refused
from hostile.make import floats, function, graph, ints, model, node, value, weights

GROUP = "graph"

SCALES = {
    "nan": [float("nan")] * 4,
    "inf": [float("inf")] * 4,
    "1e-45": [1, 1, 1e-45, 1e-45],
    "1e38": [1, 1, 1e38, 1e38],
    "negative": [1, 1, -2, -2],
    "zero": [1, 1, 0, 0],
    "1e-10 above 1": [1, 1, 1.0000001, 1.0000001],
    "pi": [1, 1, 3.14159274, 3.14159274],
}


def cycles() -> Cases:
    yield refused(
        GROUP, "a node that reads itself", model([node("Relu", "y", "y", "loopy")]), "loopy"
    )
    pair = [
        node("Add", "x b", "a", "first"),
        node("Relu", "a", "b", "second"),
        node("Relu", "b", "y"),
    ]
    yield refused(GROUP, "two nodes that read each other", model(pair), "first")
    ring = [node("Add", f"x t{(k + 1) % 500}", f"t{k}", f"ring{k}") for k in range(500)]
    yield refused(GROUP, "a ring of 500", model(ring, outputs=["t0"]), "ring")
    inner = graph([node("Relu", "y", "b")], outputs=[value("b")])
    loop = node("If", "c", "y", "selfish", then_branch=inner, else_branch=inner)
    yield refused(
        GROUP, "a subgraph that reads its own node", model([loop], [value("c", [1], 9)]), "selfish"
    )
    yield answered(
        GROUP, "nodes in reverse order", model([node("Relu", "a", "y"), node("Relu", "x", "a")])
    )


def names() -> Cases:
    relu = node("Relu", "x", "y", "r")
    yield refused(
        GROUP,
        "an output that two nodes make",
        model([relu, node("Neg", "x", "y", "second")]),
        "second",
        "'y'",
    )
    yield refused(
        GROUP,
        "an output twice in one node",
        model([node("Split", "x", "y y", "doubled", axis=1, num_outputs=2)]),
        "doubled",
        "'y'",
    )
    yield refused(
        GROUP,
        "an input that a node makes",
        model([node("Neg", "x", "x", "again")], outputs=["x"]),
        "'x'",
    )
    yield refused(GROUP, "an input declared twice", model([relu], ["x", "x"]), "'x'")
    yield refused(GROUP, "an input without a name", model([relu], ["x", ""]), "input")
    yield refused(
        GROUP,
        "an initializer given twice",
        model([relu], initializers=[weights("w", 1)] * 2),
        "'w'",
    )
    yield refused(
        GROUP,
        "a dangling input",
        model([node("Add", "x nothing", "y", "dangles")]),
        "dangles",
        "'nothing'",
    )
    yield refused(GROUP, "a dangling output", model([relu], outputs=["elsewhere"]), "'elsewhere'")
    yield either(GROUP, "an output without a name", model([relu], outputs=["y", ""]))
    yield either(GROUP, "the output listed a thousand times", model([relu], outputs=["y"] * 1000))
    yield answered(GROUP, "an output that is an input", model([relu], outputs=["y", "x"]))
    yield answered(
        GROUP,
        "an output that is an initializer",
        model([relu], outputs=["y", "w"], initializers=[weights("w", 2)]),
    )
    yield answered(
        GROUP,
        "an initializer that is an input",
        model([node("Add", "x w", "y")], ["x", value("w", [8])], initializers=[weights("w", 8)]),
    )
    yield answered(
        GROUP,
        "all nodes of one name",
        model([node("Relu", "x", "a", "n"), node("Relu", "a", "y", "n")]),
    )
    yield answered(
        GROUP, "no node has a name", model([node("Relu", "x", "a"), node("Relu", "a", "y")])
    )
    yield answered(
        GROUP,
        "names of blanks",
        model([node("Relu", ["x"], [" "], " "), node("Relu", [" "], ["y"], "  ")]),
    )


def emptiness() -> Cases:
    yield either(GROUP, "an empty model", ModelProto(ir_version=8, graph=graph([])))
    yield either(GROUP, "no nodes", model([], outputs=["x"]))
    yield either(GROUP, "no outputs", model([node("Relu", "x", "y")], outputs=[]))
    yield either(
        GROUP, "no inputs", model([node("Relu", "w", "y")], [], initializers=[weights("w", 4)])
    )
    yield either(
        GROUP, "no opset", ModelProto(ir_version=8, graph=model([node("Relu", "x", "y")]).graph)
    )
    yield either(
        GROUP,
        "a node without anything",
        model([helper.make_node("", [], []), node("Relu", "x", "y")]),
    )
    yield either(GROUP, "a node without an operator", model([node("", "x", "y", "typeless")]))
    yield either(GROUP, "a node without inputs", model([node("Relu", "", "y", "hungry")]), "hungry")
    yield refused(
        GROUP, "a Conv with one input", model([node("Conv", "x", "y", "weightless")]), "weightless"
    )
    yield either(
        GROUP, "a node without outputs", model([node("Relu", "x", ""), node("Relu", "x", "y")])
    )
    yield answered(
        GROUP,
        "outputs without names",
        model([node("Split", ["x"], ["", "y"], axis=1, num_outputs=2)]),
    )
    yield refused(
        GROUP,
        "a Transpose of rank 3 for rank 4",
        model([node("Transpose", "x", "y", "permuted", perm=[0, 2, 1])]),
        "permuted",
    )
    yield refused(
        GROUP,
        "a Concat without axis",
        model([node("Concat", "x x", "y", "axeless")]),
        "axeless",
        "axis",
    )
    yield refused(
        GROUP,
        "a Cast of an If without branches",
        model([node("If", "c", "y", "branchless")], [value("c", [1], 9)]),
        "branchless",
    )


def versions() -> Cases:
    base = model([node("Relu", "x", "y")])
    for version in (-(2**63), -1, 0, 1, 999, 2**63 - 1):
        made = copy.deepcopy(base)
        made.opset_import[0].version = version
        yield either(GROUP, f"opset {version}", made)
        made = copy.deepcopy(base)
        made.ir_version = version
        yield either(GROUP, f"ir_version {version}", made)
    made = copy.deepcopy(base)
    made.opset_import.extend([helper.make_opsetid("", 7), helper.make_opsetid("ai.onnx", 12)])
    yield either(GROUP, "three versions of one domain", made)
    made = copy.deepcopy(base)
    made.opset_import.extend(helper.make_opsetid(f"d{k}", 1) for k in range(2000))
    yield answered(GROUP, "two thousand domains", made)
    yield answered(
        GROUP,
        "an operator of a domain that is not imported",
        model([node("Odd", "x", "y", domain="un.heard.of")]),
    )


def functions() -> Cases:
    body = function("F", "a", "b", [node("Relu", "a", "b")])
    call = node("F", "x", "y", "caller", "local")
    yield answered(GROUP, "a function", model([call], functions=[body]))
    yield refused(GROUP, "a function defined twice", model([call], functions=[body, body]), "'F'")
    yield refused(
        GROUP,
        "a function with too many inputs",
        model([node("F", "x x", "y", "caller", "local")], functions=[body]),
        "caller",
    )
    lost = function("F", "a", "b c", [node("Relu", "a", "b")])
    yield refused(
        GROUP,
        "a function that does not make its output",
        model([call], functions=[lost]),
        "caller",
        "'c'",
    )
    wants = function("F", "a", "b", [node("Add", "a elsewhere", "b", "inside")])
    yield refused(
        GROUP,
        "a function that reads what is outside",
        model([call], functions=[wants]),
        "inside",
        "'elsewhere'",
    )
    again = function("F", "a a", "b", [node("Relu", "a", "b")])
    yield either(
        GROUP,
        "a function with one input twice",
        model([node("F", "x x", "y", "caller", "local")], functions=[again]),
        "caller",
    )
    shadow = function("Relu", "a", "b", [node("Softmax", "a", "b")], domain="")
    yield either(
        GROUP,
        "a function that is called as an operator is",
        model([node("Relu", "x", "y")], functions=[shadow]),
    )
    refers = node("Concat", "a a", "b", "inside")
    refers.attribute.add(name="axis", ref_attr_name="nobody", type=2)
    yield refused(
        GROUP,
        "an attribute that refers to nothing",
        model([call], functions=[function("F", "a", "b", [refers])]),
        "inside",
        "axis",
    )
    itself = node("Concat", "x x", "y", "selfref")
    itself.attribute.add(name="axis", ref_attr_name="axis", type=2)
    yield refused(GROUP, "an attribute that refers to itself", model([itself]), "selfref", "axis")


def subgraphs() -> Cases:
    one = graph([node("Relu", "x", "b")], outputs=[value("b")])
    two = graph([node("Relu", "x", "b")], outputs=[value("b"), value("b")])
    chosen = [value("c", [1], 9), "x"]
    yield answered(
        GROUP, "an If", model([node("If", "c", "y", then_branch=one, else_branch=one)], chosen)
    )
    yield refused(
        GROUP,
        "branches of one and two outputs",
        model([node("If", "c", "y", "uneven", then_branch=one, else_branch=two)], chosen),
        "uneven",
    )
    lost = graph([node("Relu", "gone", "b", "inside")], outputs=[value("b")])
    yield refused(
        GROUP,
        "a branch that reads what is not there",
        model([node("If", "c", "y", "iffy", then_branch=lost, else_branch=one)], chosen),
        "'gone'",
    )
    empty = graph([], outputs=[value("nowhere")])
    yield refused(
        GROUP,
        "a branch that makes nothing",
        model([node("If", "c", "y", "iffy", then_branch=empty, else_branch=one)], chosen),
        "iffy",
        "'nowhere'",
    )
    body = graph([node("Relu", "v", "v2")], [value("i"), value("c")], [value("c"), value("v2")])
    yield refused(
        GROUP,
        "a Loop whose body lacks an input",
        model(
            [node("Loop", "n c x", "y", "loopy", body=body)],
            ["x"],
            initializers=[ints("n", 3, ()), ints("c", 1, ())],
        ),
        "loopy",
    )
    body = graph(
        [node("Identity", "c", "c2"), node("Concat", "v v", "v2", axis=1)],
        [value("i"), value("c"), value("v")],
        [value("c2"), value("v2")],
    )
    for turns in (-1, 0, 3, 62, 200, 2**62):
        made = model(
            [node("Loop", "n c x", "y", "loopy", body=body)],
            ["x"],
            initializers=[ints("n", turns, ()), ints("c", 1, ())],
        )
        yield either(GROUP, f"a Loop that doubles its tensor {turns} times", made, "loopy")
    yield either(
        GROUP,
        "a Loop without a count",
        model([node("Loop", ["", "", "x"], ["y"], "endless", body=body)]),
        "endless",
    )


def tensors() -> Cases:
    add = [node("Add", "x w", "y", "adder")]
    for dims in ((2**62,), (2**62, 2**62), (0,), (1,) * 33, (2**31, 2**31)):
        yield either(
            GROUP,
            f"weights of {list(dims)[:3]} without payload",
            model(add, initializers=[weights("w", *dims)]),
            "adder",
            "'w'",
        )
    huge = weights("w", 2**62, 1, 3, 3)
    yield either(
        GROUP,
        "a Conv of 2^62 maps",
        model(
            [node("Conv", "x w", "y", "conv", kernel_shape=[3, 3])],
            initializers=[weights("w", 2**62, 4, 3, 3)],
        ),
    )
    yield either(
        GROUP,
        "a Conv of 2^62 wide kernels",
        model(
            [node("Conv", "x w", "y", "conv", pads=[2**61] * 4)],
            initializers=[weights("w", 4, 4, 2**62, 2**62)],
        ),
    )
    yield either(
        GROUP,
        "a Conv in 2^62 groups",
        model([node("Conv", "x w", "y", "conv", group=2**62)], initializers=[huge]),
        "conv",
    )
    for name, numbers in SCALES.items():
        yield either(
            GROUP,
            f"a Resize by {name}",
            model(
                [node("Resize", ["x", "", "s"], ["y"], "resized")],
                initializers=[floats("s", numbers)],
            ),
            "resized",
        )
    for sizes in ([2**62] * 4, [1, 4, 2**62, 2**62], [0] * 4, [-1] * 4, [1, 4, 2**31, 7]):
        yield either(
            GROUP,
            f"a Resize to {sizes}",
            model(
                [node("Resize", ["x", "", "", "s"], ["y"], "resized")],
                initializers=[ints("s", sizes)],
            ),
            "resized",
        )
    for op_type, numbers in {
        "ConstantOfShape": [2**62],
        "Expand": [2**62, 1, 1, 1, 1],
        "Tile": [2**40] * 4,
        "Reshape": [2**62, -1],
    }.items():
        inputs = "s" if op_type == "ConstantOfShape" else "x s"
        yield either(
            GROUP,
            f"{op_type} of {numbers}",
            model(
                [node(op_type, inputs, "g", "giant"), node("Relu", "g", "y")],
                initializers=[ints("s", numbers)],
            ),
            "giant",
        )
        chain = [
            node(op_type, inputs if k == 0 else f"g{k - 1} s", f"g{k}", f"giant{k}")
            for k in range(1 if op_type == "ConstantOfShape" else 30)
        ]
        yield either(
            GROUP,
            f"thirty times {op_type} of {numbers}",
            model(
                [*chain, node("Relu", chain[-1].output[0], "y")], initializers=[ints("s", numbers)]
            ),
            "giant",
        )
    yield either(
        GROUP,
        "a Range of 2^62",
        model(
            [node("Range", "a b c", "r", "ranger"), node("Gather", "x r", "y")],
            initializers=[ints("a", 0, ()), ints("b", 2**62, ()), ints("c", 1, ())],
        ),
    )
    yield either(
        GROUP,
        "a OneHot of depth 2^62",
        model(
            [node("OneHot", "x d v", "y", "hot")],
            initializers=[ints("d", 2**62, ()), floats("v", [0, 1])],
        ),
    )
    yield either(
        GROUP,
        "shapes that chain to 2^62",
        model(
            [
                node("Shape", "x", "s"),
                node("Mul", "s b", "t"),
                node("ConstantOfShape", "t", "z"),
                node("Add", "z z", "y"),
            ],
            initializers=[ints("b", [2**60] * 4)],
        ),
    )
    doubling = [node("Add", f"t{k} t{k}", f"t{k + 1}") for k in range(60)]
    text = TensorProto(name="t0", data_type=8, dims=[1], string_data=[b"ab"])
    yield either(
        GROUP,
        "text that doubles sixty times",
        model([*doubling, node("Relu", "x", "y")], initializers=[text]),
    )


def lengths() -> Cases:
    for length in (2**31, 2**40, 2**62, 2**63 - 1):
        for op_type, inputs, attributes in (
            ("Relu", "x", {}),
            ("Conv", "x w", {"pads": [1, 1]}),
            ("MaxPool", "x", {"kernel_shape": [3], "strides": [2]}),
            ("Softmax", "x", {"axis": -1}),
            ("Flatten", "x", {}),
            ("Resize", ["x", "", "s"], {}),
            ("ConvTranspose", "x w", {"strides": [2]}),
            ("CumSum", "x a", {}),
            ("Slice", "x a e", {}),
            ("NonZero", "x", {}),
            ("Reshape", "x r", {}),
            ("Concat", "x x", {"axis": 2}),
            ("ReverseSequence", "x a", {"batch_axis": 0, "time_axis": 2}),
            ("Trilu", "x", {}),
            ("Pad", "x p", {"mode": "reflect"}),
        ):
            stored = [
                weights("w", 1, 1, 3),
                floats("s", [1, 1, 2]),
                ints("a", [2]),
                ints("e", [2**62]),
                ints("r", [-1, 1]),
                ints("p", [0, 0, 3, 0, 0, 3]),
            ]
            made = model(
                [node(op_type, inputs, "y", "long", **attributes)],
                [value("x", [1, 1, length])],
                initializers=stored,
            )
            yield either("lengths", f"{op_type} of {length} positions", made, "long")


def cases() -> Cases:
    for make in (cycles, names, emptiness, versions, functions, subgraphs, tensors, lengths):
        yield from make()


def bases() -> Cases:
    """The plain operators as they are; all of them are answered."""
    from hostile.bases import BASES

    for number, base in enumerate(BASES):
        yield answered("plain", f"{base.op_type}-{number}", base.build())


def changed() -> Cases:
    """The plain operators with one value wrong each."""
    from hostile.values import variants

    for label, data in variants():
        yield Case("values", label, lambda data=data: data, ("culprit", "'in"))
