"""Files written by real exporters say what is known of their architectures.

fixtures/exports/README.md says what each file is. Numbers come from arithmetic done here in the
open: windows walked backward from a unit, and sets of tokens.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from onnx import TensorProto

import rfgraph
from exported import (
    FILES,
    FUSING,
    HERE,
    LARGE,
    NETWORKS,
    OTHERS,
    analysed,
    as_exported,
    cases,
    feature_map,
    model,
    network,
    proto,
)
from rfgraph.cli import main

# -- the files ------------------------------------------------------------------------------------


def test_every_file_is_listed_and_described():
    names = {path.name.partition(".")[0] for path in HERE.glob("*.onnx*")}
    assert names == {*FILES, LARGE}
    described = (HERE / "README.md").read_text()
    assert [name for name in (*NETWORKS, *OTHERS, LARGE) if f"`{name}`" not in described] == []


def tensors(graph):
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from tensors(attribute.g)


@pytest.mark.parametrize("name", [*FILES, LARGE])
def test_no_weights_and_no_traces_of_where_it_was_made(name):
    stored = proto(name)
    floats = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
    large = [t for t in tensors(stored.graph) if t.data_type in floats and np.prod(t.dims) > 8]
    assert not any(t.HasField("raw_data") or t.float_data or t.double_data for t in large)
    data = stored.SerializeToString()
    assert not any(mark in data for mark in (b"site-packages", b'File "', b"/home/", b"/root/"))
    assert all(path.stat().st_size < 300_000 for path in HERE.glob(f"{name}.onnx*"))


@pytest.mark.parametrize("name", FILES)
def test_every_operator_is_followed(name):
    loaded = model(name)
    assert [(item.operator.label, item.reason) for item in loaded.unanalysed] == []
    assert all(data["shape"] is not None for _, data in loaded.graph.nodes(data=True))


def test_a_large_transformer_is_followed():
    loaded = rfgraph.load(proto(LARGE))
    assert loaded.nodes > 4000
    assert loaded.unanalysed == ()
    assert loaded.graph.nodes["logits" if "logits" in loaded.graph else "y"]["shape"] == (1, 5)


# -- arithmetic: a span of positions walked backward ----------------------------------------------

Span = tuple[int, int]
Step = Callable[[Span], Span]


def window(kernel: int, stride: int = 1, before: int = 0) -> Step:
    """Convolution or pool with this padding at the beginning."""
    return lambda span: (span[0] * stride - before, span[1] * stride - before + kernel - 1)


def doubled_linear(span: Span) -> Span:
    """Linear, half pixels: 2k lies at k - 1/4, 2k + 1 at k + 1/4, and each reads two neighbours."""
    return (span[0] - 1) // 2, (span[1] - 1) // 2 + 1


def doubled_nearest(span: Span) -> Span:
    return span[0] // 2, span[1] // 2


def shuffled(factor: int) -> Step:
    """Pixel shuffle."""
    return lambda span: (span[0] // factor, span[1] // factor)


def transposed_3_by_2(span: Span) -> Span:
    """o reads the i for which o = 2 * i + t with t of 0, 1, 2; nothing is cut at the beginning."""
    return -((2 - span[0]) // 2), span[1] // 2


def walk(span: Span, steps: list[Step]) -> Span:
    """From the last step back to the first."""
    for step in reversed(steps):
        span = step(span)
    return span


def hull(*spans: Span) -> Span:
    return min(lo for lo, _ in spans), max(hi for _, hi in spans)


THREE, FIVE, SEVEN = window(3, 1, 1), window(5, 1, 2), window(7, 1, 3)
# Steps from the input to the output, for networks that are a chain, and for the local paths past
# gates and norms.
CHAINS = {
    "convnext": [window(4, 4), SEVEN, SEVEN, window(2, 2), SEVEN, SEVEN],
    "mobilenet": [window(3, 2, 1), THREE, window(3, 2, 1), FIVE, window(5, 2, 2), FIVE],
    "espcn": [window(5, 1, 2), THREE, THREE, shuffled(3)],
    "norms": [THREE] * 3,
    "reader": [THREE, window(2, 2), THREE],
    "spectral": [window(64, 16), THREE],
    "attending": [window(3, 2, 1)],
    "causal": [window(4, 2, 3), window(4, 2, 3), window(3, 1, 2)],
}  # fmt: skip


def unet(j: int) -> Span:
    """Union of what the three skips and the bottleneck bring to unit j."""
    levels = [[THREE, THREE]]
    for _ in range(3):
        levels.append([*levels[-1], window(2, 2), THREE, THREE])
    span = walk((j, j), [THREE, THREE])
    spans = []
    for level in (0, 1, 2):
        spans.append(walk(span, levels[level]))
        span = doubled_linear(span)
        if level < 2:
            span = walk(span, [THREE, THREE])
    return hull(*spans, walk(span, levels[3]))


def nhwc(j: int) -> Span:
    """TensorFlow's "same" pads nothing before a stride of 2 over an even length."""
    fine = [window(3, 2), THREE]
    coarse = [*fine, window(3, 2), THREE, window(3, 2), doubled_linear, transposed_3_by_2]
    span = walk((j, j), [THREE])
    return hull(walk(span, fine), walk(span, coarse))


def expected(reads: Callable[[int], Span], stride: int, units: int) -> dict[str, object]:
    """Size and reach from what units read, for a network whose units repeat within `units`."""
    spans = [reads(o) for o in range(units)]
    sizes = [hi - lo + 1 for lo, hi in spans]
    return {
        "size": max(sizes),
        "size_min": min(sizes),
        "start": spans[0][0],
        "before": max(stride * o - lo for o, (lo, _) in enumerate(spans)),
        "after": max(hi - stride * o for o, (_, hi) in enumerate(spans)),
    }


def numbers(axis, keys):
    return {key: getattr(axis, key) for key in keys}


@pytest.mark.parametrize("name", cases(*CHAINS))
def test_chains_and_local_paths(name):
    steps = CHAINS[network(name)]
    field = feature_map(name)
    stride = walk((1, 1), steps)[0] - walk((0, 0), steps)[0]
    for axis in as_exported(name).forms["x"].spatial_axes:
        found = field.axes[axis]
        found = found if found.scope == "local" else found.local
        if network(name) == "espcn":
            assert numbers(found, ("size", "start", "period")) == {
                "size": 9, "start": -4, "period": (3, 1),
            }  # fmt: skip
        else:
            wanted = expected(lambda o: walk((o, o), steps), stride, 1)
            assert numbers(found, wanted) == wanted
            assert (found.stride, found.period) == (stride, (1, stride))


@pytest.mark.parametrize("name", [*cases("unet"), "unet_quantized"])
def test_bilinear_unet(name):
    field = as_exported(name).receptive_field()
    assert field.aligned
    for axis in (2, 3):
        found, wanted = field.axes[axis], expected(unet, 1, 8)
        assert wanted == {"size": 116, "size_min": 108, "start": -54, "before": 58, "after": 58}
        assert found.scope == "local"
        assert numbers(found, wanted) == wanted
        assert (found.stride, found.period) == (1, (8, 8))
        # Shortest: four 3x3 over the first skip. Longest: the bottleneck's.
        assert (found.shortest, found.longest) == (9, 116)
    paths = rfgraph.path_histogram(as_exported(name))
    assert paths.total == 4  # three skips and the bottleneck


@pytest.mark.parametrize("name", ["nhwc_tensorflow", "nhwc_tensorflow_dynamic"])
def test_channels_last(name):
    result = analysed(name)
    assert result.forms["image"].spatial_axes == (1, 2)
    field = result.receptive_field()
    for axis in (1, 2):
        wanted = expected(nhwc, 2, 4)
        assert field.axes[axis].scope == "global"  # through the gate
        local = field.axes[axis].local
        assert numbers(local, wanted) == wanted
        assert (local.stride, local.period) == (2, (4, 8))
    assert field.axes[3].scope == "global"


@pytest.mark.parametrize("name", cases("causal"))
def test_causal_network_looks_at_nothing_ahead(name, capsys):
    axis = as_exported(name).receptive_field().axes[2]
    assert (axis.scope, axis.before, axis.after) == ("one-sided", None, 0)
    wanted = {"size": 18, "stride": 4, "before": 17, "after": 0}
    assert numbers(axis.local, wanted) == wanted
    paths = rfgraph.path_histogram(as_exported(name))
    assert (paths.total, paths.axes[2].local, paths.axes[2].one_sided) == (2, 1, 1)
    assert main([str(HERE / f"{name}.onnx")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "look-ahead 0" in text
    assert "one-sided" in text


@pytest.mark.parametrize("name", cases("mobilenet"))
def test_gates_make_a_map_global_and_leave_its_local_paths(name):
    result = as_exported(name)
    (output,) = result.outputs
    (before,) = output.before_global
    field = result.receptive_field(before)
    assert [field.axes[axis].scope for axis in (2, 3)] == ["global", "global"]
    assert all("Pool" in by or "mean" in by.lower() for by in field.axes[2].through)
    # Five blocks: shortcut, none, shortcut and gate, gate, shortcut and gate.
    paths = rfgraph.path_histogram(result, tensor=before)
    assert paths.total == 2 * 1 * 3 * 2 * 3
    assert paths.axes[2].local == 2 * 1 * 2 * 1 * 2


@pytest.mark.parametrize("name", cases("convnext"))
def test_blocks_with_shortcuts(name):
    paths = rfgraph.path_histogram(as_exported(name), tensor=feature_map(name).tensor)
    # 8, and 24 more for each 7-wide window at stride 4, 48 at stride 8.
    counts = {8: 1, 32: 2, 56: 3, 80: 4, 104: 3, 128: 2, 152: 1}
    assert paths.axes[2].counts == counts


@pytest.mark.parametrize("name", cases("norms"))
def test_norms_over_the_map_leave_one_local_path(name):
    paths = rfgraph.path_histogram(as_exported(name))
    assert (paths.total, paths.axes[2].local) == (8, 1)


@pytest.mark.parametrize("name", cases("detector"))
def test_detector(name):
    coarse = [window(2, 2), THREE, window(3, 2, 1), window(3, 2, 1), FIVE, FIVE, FIVE]
    fine = [*coarse, doubled_nearest, THREE]
    sizes = {
        hi - lo + 1 for steps in (coarse, fine) for lo, hi in (walk((o, o), steps) for o in (0, 1))
    }
    field = as_exported(name).receptive_field()
    for axis in (2, 3):
        assert (field.axes[axis].size_min, field.axes[axis].size) == (min(sizes), max(sizes))
        # The stem of four strided slices is one rearrangement, with both of its phases.
        assert (field.axes[axis].shortest, field.axes[axis].longest) == (18, 122)


@pytest.mark.parametrize("name", cases("vit", "vit_fused"))
def test_tokens_of_a_vision_transformer(name):
    result = analysed(name)
    tokens = next(t for t, data in result.graph.nodes(data=True) if data["shape"] == (1, 65, 8))
    assert rfgraph.unit(result, tokens, (0, 0, 0)).regions[0].empty  # the class token is stored
    for token in (1, 8, 9, 64):
        row, column = divmod(token - 1, 8)
        box = rfgraph.unit(result, tokens, (0, token, None)).regions[0].clipped
        assert box == ((0, 0), (0, 2), (8 * row, 8 * row + 7), (8 * column, 8 * column + 7))
    (output,) = result.outputs
    assert result.receptive_field().axes[2].scope == "global"
    last = result.receptive_field(output.before_global[0])
    assert (last.shape, last.axes[2].local.size) == ((1, 65, 8), 8)


@pytest.mark.parametrize("name", cases("shuffle"))
def test_single_channels_of_shuffled_groups(name):
    """Channel 2a + b of a unit is a of its left half (b = 0) or of the convolved right half."""
    result = as_exported(name)
    wanted = {
        0: ((0, 0), 0), 2: ((4, 7), 1), 4: ((1, 1), 0), 6: ((4, 7), 1),
        1: ((2, 7), 2), 3: ((2, 7), 2), 5: ((2, 7), 2), 7: ((2, 7), 2),
    }  # fmt: skip
    for channel, (channels, reach) in wanted.items():
        box = rfgraph.unit(result, "y", (0, channel, 8, 6)).regions[0].clipped
        assert box == ((0, 0), channels, (8 - reach, 8 + reach), (6 - reach, 6 + reach))


@pytest.mark.parametrize("name", cases("pads", ways=("dynamo", "dynamo_dynamic")))
def test_padding_by_repetition_counts_as_padding(name):
    field = as_exported(name).receptive_field()
    wanted = {2: {"size": 11, "before": 6, "after": 4}, 3: {"size": 9, "before": 4, "after": 4}}
    assert {axis: numbers(field.axes[axis], wanted[axis]) for axis in wanted} == wanted


@pytest.mark.parametrize("name", cases("pads"))
def test_circular_padding_reads_both_ends(name):
    """The last window wraps: row 0 reads the last row's region, up to the other border."""
    result = as_exported(name)
    assert rfgraph.unit(result, "y", (0, 0, 0, 0)).regions[0].clipped[2:] == ((0, 15), (0, 11))


@pytest.mark.parametrize(("rate", "first"), [(16000, window(4, 4)), (8000, window(1, 2))])
def test_a_given_rate_chooses_the_branch(rate, first):
    found = rfgraph.analyze(proto("steered_ts_dynamic"), input_values={"rate": rate})
    axis = found.receptive_field("y", input="x").axes[2]
    steps = [first, THREE, THREE, THREE]
    stride = walk((1, 1), steps)[0] - walk((0, 0), steps)[0]
    wanted = expected(lambda o: walk((o, o), steps), stride, 1)
    assert numbers(axis, wanted) == wanted


def test_without_a_rate_the_branch_is_named():
    found = rfgraph.analyze(proto("steered_ts_dynamic"))
    assert found.receptive_field("y", input="x").axes[2].scope == "unknown"
    assert any("If" in finding.message for finding in found.findings)


def test_a_recurrence_unrolled_by_tensorflow_reads_nothing_ahead():
    result = analysed("temporal_tensorflow")
    for time in (0, 1, 30, 63):
        box = rfgraph.unit(result, "Identity:0", (0, time, 0)).regions[0].clipped
        assert box == ((0, 0), (0, time), (0, 1))


# -- one network, several exporters ---------------------------------------------------------------


def spatial_numbers(name):
    """All that the report says of the feature map on spatial axes, but the names of operators."""
    result = as_exported(name)
    field = feature_map(name).to_dict()
    axes = [field["axes"][axis] for axis in result.forms["x"].spatial_axes]
    return [{**axis, "through": None} for axis in axes], field["aligned"]


# One exporter writes circular padding as slices that are joined; windows by the thousand are slow.
DECOMPOSED = ("pads", "swin", "swin_computed")


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in DECOMPOSED])
def test_exporters_agree(name):
    files = cases(name)
    first = spatial_numbers(files[0])
    for file in files[1:]:
        assert spatial_numbers(file) == first


def routes(name):
    return rfgraph.path_histogram(as_exported(name), tensor=feature_map(name).tensor).total


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in DECOMPOSED])
def test_exporters_agree_on_the_number_of_routes(name):
    assert len({routes(file) for file in cases(name) if file != f"vit_fused_{FUSING}"}) == 1


def test_a_fused_attention_has_as_many_routes_as_a_decomposed_one():
    assert routes(f"vit_fused_{FUSING}") == routes("vit_fused_dynamo")
