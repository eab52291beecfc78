"""Large graphs, long axes, huge fields and counts: answered in seconds, or refused by name."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from onnx import ModelProto, NodeProto

from hostile.cases import Case, Cases
from hostile.make import conv_chain, graph, ints, model, node, value, weights

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "scale"


def bare(op_type, inputs, outputs, **attributes):
    """A node made without the helper, which is slow for a hundred thousand."""
    made = NodeProto(op_type=op_type, input=inputs, output=outputs)
    for name, content in attributes.items():
        if isinstance(content, list):
            made.attribute.add(name=name, type=7, ints=content)
        else:
            made.attribute.add(name=name, type=2, i=content)
    return made


def chain(count) -> ModelProto:
    return conv_chain(count, length=64)


def relus(count) -> ModelProto:
    names = ["x", *(f"t{k}" for k in range(1, count)), "y"]
    return model([bare("Relu", [a], [b]) for a, b in itertools.pairwise(names)])


def fan(count) -> ModelProto:
    nodes = [bare("Relu", ["x"], [f"t{k}"]) for k in range(count)]
    return model([*nodes, bare("Sum", [f"t{k}" for k in range(count)], ["y"])])


def conv_fan(count) -> ModelProto:
    """Branches of as many different dilations as there are branches."""
    nodes = [
        bare("Conv", ["x", "w"], [f"t{k}"], pads=[k + 1, k + 1], dilations=[k + 1])
        for k in range(count)
    ]
    stored = [weights("w", 1, 1, 3)]
    return model(
        [*nodes, bare("Sum", [f"t{k}" for k in range(count)], ["y"])],
        [value("x", [1, 1, 64])],
        ["y"],
        stored,
    )


def residual(count) -> ModelProto:
    nodes, before = [], "x"
    for k in range(count):
        nodes.append(bare("Conv", [before, "w"], [f"c{k}"], pads=[1, 1]))
        nodes.append(bare("Add", [before, f"c{k}"], [f"t{k}"]))
        before = f"t{k}"
    return model(
        [*nodes, bare("Relu", [before], ["y"])],
        [value("x", [1, 1, 64])],
        ["y"],
        [weights("w", 1, 1, 3)],
    )


def merging(count) -> ModelProto:
    """A running sum of convolutions of the input: each has origins of its own."""
    nodes, before = [], "x"
    for k in range(count):
        nodes.append(bare("Conv", ["x", "w"], [f"c{k}"], pads=[1, 1]))
        nodes.append(bare("Add", [before, f"c{k}"], [f"t{k}"]))
        before = f"t{k}"
    return model(
        [*nodes, bare("Relu", [before], ["y"])],
        [value("x", [1, 1, 64])],
        ["y"],
        [weights("w", 1, 1, 3)],
    )


def dense(count) -> ModelProto:
    """Each node reads all before it."""
    nodes = [bare("Sum", ["x", *(f"t{j}" for j in range(k))], [f"s{k}"]) for k in range(count)]
    convs = [bare("Conv", [f"s{k}", "w"], [f"t{k}"], pads=[1, 1]) for k in range(count)]
    both = [made for pair in zip(nodes, convs, strict=True) for made in pair]
    return model(
        [*both, bare("Relu", [f"t{count - 1}"], ["y"])],
        [value("x", [1, 1, 64])],
        ["y"],
        [weights("w", 1, 1, 3)],
    )


def tower(count, width) -> ModelProto:
    """Every tensor is the sum of the one before, so many times over."""
    nodes = [bare("Sum", [f"t{k}" if k else "x"] * width, [f"t{k + 1}"]) for k in range(count)]
    return model([*nodes, bare("Relu", [f"t{count}"], ["y"])])


def conv_tower(count, width) -> ModelProto:
    """Every level chooses between convolutions of different width: a size for every sum."""
    nodes = []
    for k in range(count):
        source = f"t{k}" if k else "x"
        for j in range(width):
            reach = (k * width + j) ** 2 + 1
            nodes.append(
                bare("Conv", [source, "w"], [f"c{k}_{j}"], pads=[reach, reach], dilations=[reach])
            )
        nodes.append(bare("Sum", [f"c{k}_{j}" for j in range(width)], [f"t{k + 1}"]))
    return model(
        [*nodes, bare("Relu", [f"t{count}"], ["y"])],
        [value("x", [1, 1, 64])],
        ["y"],
        [weights("w", 1, 1, 3)],
    )


def many_inputs(count) -> ModelProto:
    inputs = [value(f"x{k}", [1, 4, 8, 8]) for k in range(count)]
    return model(
        [bare("Sum", [f"x{k}" for k in range(count)], ["s"]), bare("Relu", ["s"], ["y"])], inputs
    )


def many_outputs(count) -> ModelProto:
    nodes = [bare("Conv", ["x", "w"], [f"y{k}"], pads=[1, 1, 1, 1]) for k in range(count)]
    return model(
        nodes, outputs=[f"y{k}" for k in range(count)], initializers=[weights("w", 4, 4, 3, 3)]
    )


def crossed(count) -> ModelProto:
    """Every output reads every input."""
    inputs = [value(f"x{k}", [1, 4, 8]) for k in range(count)]
    nodes = [bare("Sum", [f"x{k}" for k in range(count)], ["s"])]
    nodes += [bare("Relu", ["s"], [f"y{k}"]) for k in range(count)]
    return model(nodes, inputs, [f"y{k}" for k in range(count)])


def pooled_outputs(count) -> ModelProto:
    """Outputs one after the other, all behind a global pool."""
    nodes = [
        bare("Conv", ["x", "w"], ["f"], pads=[1, 1, 1, 1]),
        bare("GlobalAveragePool", ["f"], ["y0"]),
    ]
    nodes += [bare("Relu", [f"y{k}"], [f"y{k + 1}"]) for k in range(count)]
    return model(
        nodes, outputs=[f"y{k}" for k in range(count)], initializers=[weights("w", 4, 4, 3, 3)]
    )


def long_input(length, *operators) -> ModelProto:
    """Operators on one long axis, each with what it needs."""
    stored = [
        weights("w", 1, 1, 3),
        ints("a", [2]),
        ints("r", [1, length // 10, 10]),
        ints("back", [1, 1, length]),
    ]
    nodes, before = [], "x"
    for k, (op_type, inputs, attributes) in enumerate(operators):
        nodes.append(bare(op_type, [before, *inputs], [f"t{k}"], **attributes))
        before = f"t{k}"
    return model(
        [*nodes, bare("Relu", [before], ["y"])], [value("x", [1, 1, length])], ["y"], stored
    )


def wide_field(count, dilation) -> ModelProto:
    return conv_chain(count, kernel=3, length=64, dilation=dilation)


def strided(count, stride) -> ModelProto:
    """A field that grows exponentially: each convolution has a stride."""
    nodes, before = [], "x"
    for k in range(count):
        nodes.append(
            bare("Conv", [before, "w"], [f"t{k}"], pads=[stride, stride], strides=[stride])
        )
        before = f"t{k}"
    return model(
        [*nodes, bare("Relu", [before], ["y"])],
        [value("x", [1, 1, 64])],
        ["y"],
        [weights("w", 1, 1, 3)],
    )


def ratios(count, scale) -> ModelProto:
    """Resizes that multiply to a fraction of many digits."""
    from hostile.make import floats

    nodes = [
        bare("Resize", [f"t{k}" if k else "x", "", f"s{k % 2}"], [f"t{k + 1}"])
        for k in range(count)
    ]
    stored = [floats("s0", [1, 1, scale]), floats("s1", [1, 1, 1 / scale])]
    return model(
        [*nodes, bare("Relu", [f"t{count}"], ["y"])], [value("x", [1, 1, 1000])], ["y"], stored
    )


def rearranged(count, side) -> ModelProto:
    """Patches made and unmade with an offset: tables that no period fits."""
    nodes, before = [], "x"
    for k in range(count):
        nodes.append(bare("Reshape", [before, "flat"], [f"a{k}"]))
        nodes.append(bare("Slice", [f"a{k}", "one", "end", "axis"], [f"b{k}"]))
        nodes.append(bare("Slice", [f"a{k}", "zero", "one", "axis"], [f"c{k}"]))
        nodes.append(bare("Concat", [f"b{k}", f"c{k}"], [f"d{k}"], axis=1))
        nodes.append(bare("Reshape", [f"d{k}", "square"], [f"e{k}"]))
        nodes.append(bare("Transpose", [f"e{k}"], [f"t{k}"], perm=[0, 1, 3, 2]))
        before = f"t{k}"
    stored = [
        ints("flat", [1, -1]),
        ints("square", [1, 1, side, side]),
        ints("zero", [0]),
        ints("one", [1]),
        ints("end", [2**62]),
        ints("axis", [1]),
    ]
    return model(
        [*nodes, bare("Relu", [before], ["y"])], [value("x", [1, 1, side, side])], ["y"], stored
    )


def gated(count, length) -> ModelProto:
    """Blocks that gate themselves by their mean, after a stride that leaves a position unread."""
    nodes, before = [bare("Conv", ["x", "w"], ["f"], strides=[2])], "f"
    for k in range(count):
        nodes.append(bare("Conv", [before, "w"], [f"c{k}"], pads=[1, 1]))
        nodes.append(bare("GlobalAveragePool", [f"c{k}"], [f"g{k}"]))
        nodes.append(bare("Mul", [f"c{k}", f"g{k}"], [f"t{k}"]))
        before = f"t{k}"
    return model(
        [*nodes, bare("Relu", [before], ["y"])],
        [value("x", [1, 1, length])],
        ["y"],
        [weights("w", 1, 1, 3)],
    )


def unknowns(count) -> ModelProto:
    nodes = [bare("Odd", [f"t{k}" if k else "x"], [f"t{k + 1}"]) for k in range(count)]
    return model([*nodes, bare("Relu", [f"t{count}"], ["y"])])


def branches(count) -> ModelProto:
    """Ifs with branches that differ, one after the other: 2^count ways."""
    nodes, before = [], "x"
    for k in range(count):
        body = graph([bare("Relu", [before], ["b"])], outputs=[value("b")])
        other = graph([bare("Conv", [before, "w"], ["b"], pads=[1, 1])], outputs=[value("b")])
        nodes.append(node("If", "c", f"t{k}", then_branch=body, else_branch=other))
        before = f"t{k}"
    return model(
        [*nodes, bare("Relu", [before], ["y"])],
        [value("x", [1, 1, 64]), value("c", [1], 9)],
        ["y"],
        [weights("w", 1, 1, 3)],
    )


HALVED = [("Conv", ["w"], {"pads": [1, 1]}), ("MaxPool", [], {"kernel_shape": [3], "strides": [2]})]
SUMMED = [("CumSum", ["a"], {}), ("Softmax", [], {"axis": 2}), ("Conv", ["w"], {})]
REGROUPED = [
    ("Reshape", ["r"], {}),
    ("Transpose", [], {"perm": [0, 2, 1]}),
    ("Reshape", ["back"], {}),
]

LARGE: dict[str, Callable[[], ModelProto]] = {
    "a chain of 100,000 convolutions": lambda: chain(100_000),
    "a chain of 100,000 activations": lambda: relus(100_000),
    "a fan of 100,000 branches": lambda: fan(100_000),
    "a fan of 3,000 dilations": lambda: conv_fan(3000),
    "20,000 residual blocks": lambda: residual(20_000),
    "a running sum of 20,000 convolutions": lambda: merging(20_000),
    "a dense block of 600 layers": lambda: dense(600),
    "2,000 sums of 500 times the same": lambda: tower(2000, 500),
    "300 levels of 20 convolutions": lambda: conv_tower(300, 20),
    "1,000 inputs": lambda: many_inputs(1000),
    "1,000 outputs": lambda: many_outputs(1000),
    "300 outputs of 300 inputs": lambda: crossed(300),
    "20,000 outputs behind a pool": lambda: pooled_outputs(20_000),
    "10^6 positions": lambda: long_input(10**6, *HALVED),
    "10^6 positions reshaped and back": lambda: long_input(10**6, *REGROUPED * 10),
    "10^6 positions, summed and sorted": lambda: long_input(10**6, *SUMMED),
    "a field of 10^12": lambda: wide_field(50, 10**10),
    "a field of 10^400": lambda: strided(1400, 2),
    "a field of 10^6000": lambda: strided(1000, 10**6),
    "200 resizes by pi and back": lambda: ratios(200, 3.14159274),
    "200 resizes by 1.0000001 and back": lambda: ratios(200, 1.0000001),
    "forty rearrangements of 1000 by 1000": lambda: rearranged(40, 1000),
    "a hundred rearrangements of 100 by 100": lambda: rearranged(100, 100),
    "5,000 gated blocks": lambda: gated(5000, 64),
    "20,000 unknown operators": lambda: unknowns(20_000),
    "2^500 ways through branches": lambda: branches(500),
}  # fmt: skip


def cases() -> Cases:
    for name, make in LARGE.items():
        yield Case(
            GROUP, name, lambda make=make: make().SerializeToString(), (), refused=None, heavy=True
        )
