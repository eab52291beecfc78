"""Loops that are not unrolled: whatever onnxruntime shows, however often they turn, lies within.

The scopes were derived by hand; the regions are held against perturbation at several turns.
"""

import itertools
from typing import NamedTuple

import numpy as np
import onnx
import onnx.parser
import pytest

import rfgraph
from oracle import perturb
from rfgraph.domains import regions as exact
from rfgraph.errors import UsageError

OPSETS = '"" : 17, "local" : 1, "elsewhere" : 1'
HEAD = f"<ir_version: 8, opset_import: [{OPSETS}]>\n"
TWICE = f"""
<domain: "local", opset_import: [{OPSETS}]>
twice (v, k) => (o) {{
    a = Conv <pads = [1, 0, 1, 0]> (v, k)
    o = Conv <pads = [1, 0, 1, 0]> (a, k)
}}"""
STORED = """<float[1, 1, 3, 1] w = {1, 1, 1}, bool go = {1}, int64 most = {300}, int64 first = {0},
    int64 one = {1}, float high = {1000}, int64[1] row = {2}>"""
ALL = "global"


def parsed(text):
    made = onnx.parser.parse_model(HEAD + text)
    onnx.checker.check_model(made)
    return made


def turning(body, carried="float[1, 1, 6, 4] v", *, limit="n", stacks="", more=""):
    """Return a Loop over `body`, whose carried values `v`, ... begin as the inputs `x`, ... ."""
    kinds = [part.rsplit(" ", 1)[0] for part in carried.split(" ; ")]
    names = [part.rsplit(" ", 1)[1] for part in carried.split(" ; ")]
    inputs = "".join(f"{kind} x{k}, " for k, kind in enumerate(kinds))
    results = "".join(f"{kind} y{k}, " for k, kind in enumerate(kinds))
    inner = "".join(f", {kind} o{k}" for k, kind in enumerate(kinds))
    given = "".join(f", {kind} {name}" for kind, name in zip(kinds, names, strict=True))
    starts = "".join(f", x{k}" for k in range(len(kinds)))
    ends = ", ".join(f"y{k}" for k in range(len(kinds)))
    last, piece, stack = "", "", ""
    if stacks:
        last, piece, stack = f", {stacks} z", ", float[1, 1, 6, 4] s", ", z"
    return parsed(
        f"""g ({inputs}float[1, 1, 6, 4] c, int64 n) => ({results[:-2]}{last}) {STORED} {{
            {ends}{stack} = Loop ({limit}, go{starts}) <body =
                b (int64 i, bool on{given}) => (bool off{inner}{piece}) {{ {body} }}>
        }}{more}"""
    )


ON = "off = Identity (on)"


class Case(NamedTuple):
    proto: onnx.ModelProto
    scopes: dict[tuple[str, str], tuple[str, ...] | None]
    turns: tuple[int, ...] = (0, 1, 2, 4)


LOCAL = ("local",) * 4
MIXED = ("local", ALL, ALL, "local")

CASES = {
    "elementwise": Case(
        turning(f"{ON} a = Relu (v) o0 = Mul (a, c)"),
        {("y0", "x0"): LOCAL, ("y0", "c"): LOCAL},
    ),
    "a convolution along one axis": Case(
        turning(f"{ON} o0 = Conv <pads = [1, 0, 1, 0]> (v, w)"), {("y0", "x0"): MIXED}
    ),
    "values that feed each other": Case(
        turning(
            f"{ON} o0 = Relu (u) o1 = Conv <pads = [1, 0, 1, 0]> (v, w)",
            "float[1, 1, 6, 4] v ; float[1, 1, 6, 4] u",
        ),
        {(y, x): MIXED for y in ("y0", "y1") for x in ("x0", "x1")},
    ),
    "values that only one way feed each other": Case(
        turning(
            f"{ON} o0 = Relu (v) a = Conv <pads = [1, 0, 1, 0]> (v, w) o1 = Add (a, u)",
            "float[1, 1, 6, 4] v ; float[1, 1, 6, 4] u",
        ),
        {
            ("y0", "x0"): LOCAL,
            ("y0", "x1"): None,
            ("y1", "x0"): MIXED,
            ("y1", "x1"): LOCAL,
        },
    ),
    "values that change places": Case(
        turning(
            f"{ON} o0 = Identity (u) o1 = Identity (v)",
            "float[1, 1, 6, 4] v ; float[1, 1, 6, 4] u",
        ),
        {(y, x): LOCAL for y in ("y0", "y1") for x in ("x0", "x1")},
    ),
    "taken from outside and convolved": Case(
        turning(f"{ON} a = Conv <pads = [1, 0, 1, 0]> (c, w) o0 = Add (v, a)"),
        {("y0", "x0"): LOCAL, ("y0", "c"): MIXED},
    ),
    "begun anew": Case(turning(f"{ON} o0 = Relu (c)"), {("y0", "x0"): LOCAL, ("y0", "c"): LOCAL}),
    "begun anew, at least once": Case(
        turning(f"{ON} o0 = Relu (c)", limit="most"),
        {("y0", "x0"): None, ("y0", "c"): LOCAL},
    ),
    "transposed": Case(
        turning(f"{ON} o0 = Transpose <perm = [0, 1, 3, 2]> (v)", "float[1, 1, 4, 4] v"),
        {("y0", "x0"): ("local", "local", ALL, ALL)},
    ),
    "reshaped and back": Case(
        turning(
            f"""{ON} s = Constant <value_ints = [6, 2, 2]> () a = Reshape (v, s)
            d = ReduceSum <keepdims = 1> (a, row) e = Shape (v) b = Mul (a, d)
            o0 = Reshape (b, e)"""
        ),
        {("y0", "x0"): ("local", "local", "local", ALL)},
    ),
    "handed on": Case(
        turning(
            f"{ON} o0 = Identity (v) o1 = Mul (v, u)", "float[1, 1, 6, 4] v ; float[1, 1, 6, 4] u"
        ),
        {("y0", "x0"): LOCAL, ("y1", "x0"): LOCAL, ("y1", "x1"): LOCAL},
    ),
    "ended by data": Case(
        turning("t = ReduceSum <keepdims = 0> (v) off = Less (t, high) o0 = Add (v, c)"),
        {("y0", "x0"): (ALL,) * 4, ("y0", "c"): (ALL,) * 4},
    ),
    "a branch inside": Case(
        turning(
            f"""{ON} p = Equal (i, one) o0 = If (p) <
            then_branch = t () => (float[1, 1, 6, 4] q) {{ q = Conv <pads = [1, 0, 1, 0]> (v, w) }},
            else_branch = e () => (float[1, 1, 6, 4] r) {{ r = Mul (v, c) }}>"""
        ),
        {("y0", "x0"): MIXED, ("y0", "c"): MIXED},
    ),
    "a loop inside": Case(
        turning(
            f"""{ON} a = Loop (n, on, v) <body =
                d (int64 j, bool yes, float[1, 1, 6, 4] h) => (bool no, float[1, 1, 6, 4] q) {{
                    no = Identity (yes) q = Conv <pads = [1, 0, 1, 0]> (h, w)
                }}> o0 = Mul (a, c)"""
        ),
        {("y0", "x0"): MIXED, ("y0", "c"): MIXED},
    ),
    "a function inside": Case(
        turning(f"{ON} o0 = local.twice (v, w)", more=TWICE), {("y0", "x0"): MIXED}
    ),
    "as many slices as turns": Case(
        turning(
            f"{ON} s = Mul (v, c) o0 = Relu (v)", limit="most", stacks="float[300, 1, 1, 6, 4]"
        ),
        {("y0", "x0"): LOCAL, ("z", "x0"): LOCAL, ("z", "c"): LOCAL},
    ),
}


def scan(attributes, body, x="float[300, 2, 3] x"):
    return parsed(
        f"""g (float[2, 3] h, {x}) => (float[2, 3] last, float[N, M, K] z) {{
            last, z = Scan <num_scan_inputs = 1, {attributes} body =
                b (float[2, 3] s, float[2, 3] v) => (float[2, 3] t, float[2, 3] o) {{ {body} }}>
            (h, x)
        }}"""
    )


SUMS = "t = Add (s, v) o = Identity (t)"
SCANS = {
    "sums": Case(
        scan("", SUMS),
        {
            ("last", "h"): ("local", "local"),
            ("last", "x"): (ALL, "local", "local"),
            ("z", "h"): ("local", "local"),
            ("z", "x"): (ALL, "local", "local"),
        },
    ),
    "each position alone": Case(
        scan("", "t = Add (s, v) o = Relu (v)"),
        {("last", "x"): (ALL, "local", "local"), ("z", "x"): ("local",) * 3},
    ),
    "each position alone, on other axes": Case(
        scan(
            "scan_input_axes = [2], scan_output_axes = [-2],",
            "t = Add (s, v) o = Relu (v)",
            "float[2, 3, 300] x",
        ),
        {("last", "x"): ("local", "local", ALL), ("z", "x"): ("local",) * 3},
    ),
    "each position alone, last first": Case(
        scan("scan_output_directions = [1],", "t = Add (s, v) o = Relu (v)"),
        {("z", "x"): (ALL, "local", "local")},
    ),
    "the state before": Case(
        scan("", "t = Identity (v) o = Mul (v, s)"),
        {
            ("last", "h"): None,
            ("z", "h"): ("local",) * 2,
            ("z", "x"): (ALL, "local", "local"),
        },
    ),
}


@pytest.mark.parametrize("name", [*CASES, *SCANS])
def test_axes_are_kept_or_read_whole(name):
    case = (CASES | SCANS)[name]
    result = rfgraph.analyze(case.proto)
    assert result.findings == ()
    for (tensor, source), scopes in case.scopes.items():
        if scopes is None:
            with pytest.raises(UsageError, match="does not reach"):
                result.receptive_field(tensor, input=source)
            continue
        axes = result.receptive_field(tensor, input=source).axes
        assert tuple(axis.scope for axis in axes.values()) == scopes
        local = [axis for axis in axes.values() if axis.scope == "local"]
        assert [(axis.size, axis.start) for axis in local] == [(1, 0)] * len(local)


def check(proto, **fixed):
    """Compare all units of all outputs with what onnxruntime shows, and return how many read."""
    loaded = rfgraph.load(proto)
    prober = perturb.Prober(
        proto, list(loaded.outputs), fixed={name: np.array(value) for name, value in fixed.items()}
    )
    reading = 0
    for source in prober.inputs:
        found = exact.clipped_tables(loaded.graph, source)
        for tensor, (lo, hi) in prober.tables(source).items():
            assert loaded.graph.nodes[tensor]["shape"] == lo.shape[:-1]
            for index in itertools.product(*map(range, lo.shape[:-1])):
                if (lo[index] > hi[index]).any():
                    continue
                box = exact.region(found[tensor], index)
                pairs = zip(box, lo[index], hi[index], strict=True)
                assert all(first <= low and high <= last for (first, last), low, high in pairs)
                reading += 1
    return reading


@pytest.mark.parametrize("name", CASES)
def test_what_any_number_of_turns_reads_lies_within(name):
    case = CASES[name]
    assert all(check(case.proto, n=turns) for turns in case.turns)


@pytest.mark.parametrize("name", SCANS)
def test_what_scans_read_lies_within(name):
    result = rfgraph.analyze(SCANS[name].proto)
    prober = perturb.Prober(SCANS[name].proto, ["last", "z"])
    for tensor, source in SCANS[name].scopes:
        shape = prober.shape(tensor)
        assert result.graph.nodes[tensor]["shape"] == shape
        for index in ((0,) * len(shape), tuple(length // 2 for length in shape)):
            seen = prober.hull(tensor, index, source)
            if seen is None:
                continue
            (box,) = (
                region.clipped
                for region in rfgraph.unit(result, tensor, index).regions
                if region.input == source
            )
            assert all(
                first <= low and high <= last
                for (first, last), (low, high) in zip(box, seen, strict=True)
            )


UNKNOWN = {
    "an operator without a rule": f"{ON} a = elsewhere.Thing (v) o0 = Mul (a, v)",
    "positions that depend on data": f"{ON} a = NonZero (v) b = Cast <to = 1> (a) "
    "d = ReduceSum <keepdims = 0> (b) o0 = Mul (v, d)",
    "an axis that the turn says": f"{ON} o0 = CumSum (v, i)",
    "a shape that grows": f"{ON} o0 = Concat <axis = 2> (v, v)",
    "a node that does not fit": f"{ON} o0 = Conv <pads = [1, 0, 1, 0]> (v, row)",
    "a sequence": f"{ON} s = SequenceConstruct (v, v) o0 = SequenceAt (s, i)",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_unknown_inside_stays_so_and_is_named(name):
    result = rfgraph.analyze(turning(UNKNOWN[name]))
    assert [(finding.code, finding.node) for finding in result.findings] == [("RF005", "Loop_0")]
    assert result.receptive_field("y0", input="x0").axes[2].scope == "unknown"
    assert list(result.graph) == ["x0", "c", "n", "y0"]


def test_only_what_reads_the_unknown_is_unknown():
    result = rfgraph.analyze(
        turning(
            f"{ON} o0 = Relu (v) o1 = elsewhere.Thing (u)",
            "float[1, 1, 6, 4] v ; float[1, 1, 6, 4] u",
        )
    )
    assert result.receptive_field("y0", input="x0").axes[2].scope == "local"
    assert result.receptive_field("y1", input="x1").axes[2].scope == "unknown"


def test_a_shape_that_grows_leaves_the_others_alone():
    result = rfgraph.analyze(
        turning(
            f"{ON} o0 = Relu (v) o1 = Concat <axis = 2> (u, v)",
            "float[1, 1, 6, 4] v ; float[1, 1, ?, 4] u",
        )
    )
    assert result.receptive_field("y0", input="x0").axes[2].scope == "local"
    assert result.receptive_field("y1", input="x1").axes[2].scope == "unknown"


def test_a_place_that_the_turn_says_is_unknown_along_its_axis():
    result = rfgraph.analyze(
        turning(f"{ON} a = Gather <axis = 2> (c, i) o0 = Add (v, a)", "float[1, 1, 4] v")
    )
    axes = result.receptive_field("y0", input="c").axes
    assert [axis.scope for axis in axes.values()] == ["local", "local", "unknown", "local"]
    assert [finding.node for finding in result.findings] == ["Loop_0"]


def test_slices_of_an_unknown_number_of_turns_are_unknown():
    proto = turning(f"{ON} o0 = Relu (v) s = Relu (v)", stacks="float[T, 1, 1, 6, 4]")
    result = rfgraph.analyze(proto)
    assert result.receptive_field("y0", input="x0").axes[2].scope == "local"
    assert result.receptive_field("z", input="x0").axes[2].scope == "unknown"
    assert [finding.node for finding in result.findings] == ["Loop_0"]


def test_what_a_scan_that_is_not_followed_takes_from_outside_counts():
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 8]>
        g (float[1, 3] h, float[1, 4, 3] x, float[3] c) => (float[1, 3] y, float[1, 4, 3] z) {
            y, z = Scan <num_scan_inputs = 1, body =
                b (float[3] s, float[3] v) => (float[3] t, float[3] o) {
                    a = Add (s, v) t = Add (a, c) o = Identity (t)
                }> ("", h, x)
        }"""
    )
    assert rfgraph.analyze(proto).receptive_field("y", input="c").axes[0].scope == "unknown"


def test_a_constant_that_is_handed_on_steers_shapes():
    proto = parsed(
        """g (float[2, 6] x, int64 n) => (float[2, 6] y, int64[2] z)
        <bool go = {1}, int64[2] s = {2, 6}> {
            y, z = Loop (n, go, x, s) <body =
                b (int64 i, bool on, float[2, 6] v, int64[2] t)
                    => (bool off, float[2, 6] o, int64[2] u) {
                    off = Identity (on) a = Transpose <perm = [1, 0]> (v)
                    d = Transpose <perm = [1, 0]> (a) o = Reshape (d, t) u = Identity (t)
                }>
        }"""
    )
    result = rfgraph.analyze(proto)
    assert result.findings == ()
    axes = result.receptive_field("y", input="x").axes
    assert [axis.scope for axis in axes.values()] == ["local", "local"]
