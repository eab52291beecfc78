"""Small files that unfold: subgraphs in subgraphs, functions that call each other, nested loops."""

from __future__ import annotations

import dataclasses
import itertools

from hostile.cases import Cases, answered, either, refused
from hostile.make import function, graph, ints, model, node, value, weights
from hostile.wires import field

GROUP = "recursion"


def _nested(depth):
    body = graph([node("Relu", "x", "b0")], outputs=[value("b0")])
    for k in range(1, depth):
        body = graph(
            [
                node(
                    "If",
                    "c",
                    f"b{k}",
                    f"if{k}",
                    then_branch=body,
                    else_branch=graph([node("Neg", "x", f"n{k}")], outputs=[value(f"n{k}")]),
                )
            ],
            outputs=[value(f"b{k}")],
        )
    return model(
        [node("If", "c", "y", "outer", then_branch=body, else_branch=body)],
        [value("c", [1], 9), "x"],
    )


def _deep(depth):
    """Subgraphs nested deeper than any message that protobuf would make, byte by byte."""
    data = b""
    for _ in range(depth):
        attribute = field(1, b"body") + field(20, 5) + field(6, field(2, b"g") + data)
        data = field(1, field(4, b"Loop") + field(5, attribute))
    return field(1, 8) + field(7, data + field(2, b"g"))


def subgraphs() -> Cases:
    for depth in (2, 10, 25):
        yield answered(GROUP, f"{depth} Ifs inside each other", _nested(depth))
    for depth in (34, 60, 1000, 10_000):
        yield refused(GROUP, f"{depth} graphs inside each other", _deep(depth), "100")
    wide = graph([node("Relu", "x", "b")], outputs=[value("b")])
    nodes = [node("If", "c", f"t{k}", then_branch=wide, else_branch=wide) for k in range(3000)]
    yield answered(
        GROUP,
        "three thousand Ifs",
        model(
            [*nodes, node("Sum", [f"t{k}" for k in range(3000)], "y")], [value("c", [1], 9), "x"]
        ),
    )
    inner = graph(
        [node("If", "c", f"u{k}", then_branch=wide, else_branch=wide) for k in range(3000)],
        outputs=[value("u0")],
    )
    yield answered(
        GROUP,
        "three thousand Ifs in an If",
        model(
            [node("If", "c", "y", then_branch=inner, else_branch=wide)], [value("c", [1], 9), "x"]
        ),
    )


def _loop(turns, depth):
    body = None
    for k in range(depth):
        nodes = [node("Identity", "c", "c2"), node("Relu", "v", "v2")]
        if body is not None:
            nodes = [
                node("Identity", "c", "c2"),
                node("Loop", "n c v", "v2", f"loop{k}", body=body),
            ]
        body = graph(nodes, [value("i"), value("c"), value("v")], [value("c2"), value("v2")])
    return model(
        [node("Loop", "n c x", "y", "outer", body=body)],
        ["x"],
        initializers=[ints("n", turns, ()), ints("c", 1, ())],
    )


def loops() -> Cases:
    for turns, depth in ((3, 1), (3, 3), (200, 1)):
        yield answered(GROUP, f"{depth} Loops of {turns} turns", _loop(turns, depth))
    for turns, depth in ((2, 18), (200, 2), (256, 8), (30, 20)):
        yield either(GROUP, f"{depth} Loops of {turns} turns", _loop(turns, depth), "MAX_EXPANDED")
    inner = graph(
        [node("Add", "v e", "v2"), node("Relu", "e", "s")],
        [value("v"), value("e")],
        [value("v2"), value("s")],
    )
    for length in (200, 2**62):
        yield either(
            GROUP,
            f"a Scan of {length} turns",
            model(
                [node("Scan", "x e", "y s", "scanner", body=inner, num_scan_inputs=1)],
                [value("x", [4]), value("e", [length, 4])],
            ),
        )


def _calls(count, fan, loop=False):
    made = [function("F0", "a", "b", [node("Relu", "a", "b")])]
    for k in range(1, count):
        names = ["a", *(f"t{j}" for j in range(1, fan)), "b"]
        made.append(
            function(
                f"F{k}",
                "a",
                "b",
                [
                    node(f"F{k - 1}", [p], [q], f"f{k}", "local")
                    for p, q in itertools.pairwise(names)
                ],
            )
        )
    if loop:
        made[0] = function("F0", "a", "b", [node(f"F{count - 1}", "a", "b", "back", "local")])
    return model([node(f"F{count - 1}", "x", "y", "caller", "local")], functions=made)


def functions() -> Cases:
    yield answered(GROUP, "fifty functions that call one each", _calls(50, 1))
    yield refused(GROUP, "a hundred functions that call one each", _calls(100, 1), "MAX_NESTING")
    yield refused(
        GROUP, "ten thousand functions that call one each", _calls(10_000, 1), "MAX_NESTING"
    )
    yield refused(GROUP, "thirty functions that call the next twice", _calls(31, 2), "MAX_EXPANDED")
    yield refused(
        GROUP, "sixty functions that call the next nine times", _calls(60, 9), "MAX_EXPANDED"
    )
    yield refused(GROUP, "a function that calls itself", _calls(1, 1, loop=True), "MAX_NESTING")
    yield refused(
        GROUP, "two functions that call each other", _calls(2, 1, loop=True), "MAX_NESTING"
    )
    yield refused(GROUP, "functions that call each other twice", _calls(3, 2, loop=True), "MAX_")


def expansion() -> Cases:
    """What a file can make more of than it holds."""
    wide = node("Sum", [f"a{k}" for k in range(2000)], "b")
    body = function("F", " ".join(f"a{k}" for k in range(2000)), "b", [wide])
    body.input[:] = body.input[:1]
    names = ["a0"] * 2000
    body.node[0].input[:] = names
    calls = [node("F", "x", f"t{k}", domain="local") for k in range(20_000)]
    yield either(
        GROUP,
        "a function of 2000 operands called 20,000 times",
        model([*calls, node("Relu", "t0", "y")], functions=[body]),
        "MAX_EXPANDED",
        "MAX_EDGES",
    )
    many = function(
        "F",
        "a",
        "b",
        [node("Relu", "a" if k == 0 else f"t{k}", f"t{k + 1}") for k in range(5000)]
        + [node("Relu", "t5000", "b")],
    )
    yield answered(
        GROUP,
        "a call of a long name to a long function",
        model([node("F", ["x"], ["y"], "n" * 100_000, "local")], functions=[many]),
    )
    same = [node("F", "x", f"t{k}", "same", "local") for k in range(20_000)]
    short = function("F", "a", "b", [node("Relu", "a", "t"), node("Relu", "t", "b")])
    yield answered(
        GROUP,
        "twenty thousand calls of one name",
        model([*same, node("Relu", "t0", "y")], functions=[short]),
    )
    yield either(
        GROUP,
        "an unknown operator of 3000 inputs and outputs",
        model(
            [node("Odd", "x " * 3000, [f"t{k}" for k in range(3000)], "quadratic")], outputs=["t0"]
        ),
        "MAX_EDGES",
    )
    sequence = [node("SplitToSequence", "x", "s", axis=2)] + [
        node("SequenceAt", "s i", f"t{k}") for k in range(2000)
    ]
    yield either(
        GROUP,
        "two thousand readers of a sequence of 4000",
        model([*sequence, node("Relu", "t0", "y")], [value("x", [1, 1, 4000]), value("i", [], 7)]),
        "MAX_EDGES",
    )
    nested = [node("SequenceConstruct", "x x", "s0")] + [
        node("SequenceConstruct", f"s{k} s{k}", f"s{k + 1}", f"seq{k}") for k in range(40)
    ]
    yield refused(
        GROUP,
        "sequences of sequences, forty deep",
        model([*nested, node("ConcatFromSequence", "s40", "y", axis=0)]),
        "seq0",
    )
    tables = [node("ConstantOfShape", "s", f"c{k}") for k in range(3000)] + [
        node("Add", f"c{k} c{k}", f"d{k}") for k in range(3000)
    ]
    yield either(
        GROUP,
        "six thousand computed constants of 2^20 elements",
        model([*tables, node("Relu", "x", "y")], initializers=[ints("s", [2**20])]),
        "MAX_FOLDED",
    )
    lists = [node("Range", "a b c", "r")] + [
        node("Gather", f"{'x' if k == 0 else f't{k}'} r", f"t{k + 1}", axis=0) for k in range(300)
    ]
    yield either(
        GROUP,
        "three hundred index lists of 2^20",
        model(
            [*lists, node("Relu", "t300", "y")],
            [value("x", [2**20])],
            initializers=[ints("a", 2**20 - 1, ()), ints("b", -1, ()), ints("c", -1, ())],
        ),
    )
    random = ints("r", [(k * 7919) % 100_000 for k in range(100_000)])
    lists = [
        node("Gather", f"{'x' if k == 0 else f't{k}'} r", f"t{k + 1}", axis=0) for k in range(2000)
    ]
    yield either(
        GROUP,
        "two thousand lists of 100,000 mixed indices",
        model([*lists, node("Relu", "t2000", "y")], [value("x", [100_000])], initializers=[random]),
        "MAX_TAKEN",
        "MAX_LISTED",
    )
    layouts = [node("Softmax", f"t{k}", f"s{k}", axis=k) for k in range(20)]
    for k, made in enumerate(layouts):
        made.input[0] = "x" if k == 0 else f"s{k - 1}"
    yield either(
        GROUP,
        "twenty softmaxes over twenty axes",
        model([*layouts, node("Relu", "s19", "y")], [value("x", [3] * 20)]),
    )
    yield either(
        GROUP,
        "a convolution of 10^6 taps on 10^6 positions",
        model(
            [node("Conv", "x w", "y", pads=[500_000, 500_000])],
            [value("x", [1, 1, 10**6])],
            initializers=[weights("w", 1, 1, 10**6 + 1)],
        ),
    )


# What takes seconds, be it answered or refused: each is probed in a process of its own.
HEAVY = {
    "three thousand Ifs",
    "three thousand Ifs in an If",
    "2 Loops of 200 turns",
    "20 Loops of 30 turns",
    "a call of a long name to a long function",
    "twenty thousand calls of one name",
    "two thousand readers of a sequence of 4000",
    "three hundred index lists of 2^20",
    "two thousand lists of 100,000 mixed indices",
    "a convolution of 10^6 taps on 10^6 positions",
}


def cases() -> Cases:
    for make in (subgraphs, loops, functions, expansion):
        for case in make():
            yield dataclasses.replace(case, heavy=case.name in HEAVY)
