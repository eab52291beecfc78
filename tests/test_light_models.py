"""The whole networks that the onnx package carries, without weights, against a recurrence.

The recurrence (Araujo et al. 2019) runs on the protobuf, along one axis of a square network, and
shares nothing with the code under test.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest

import rfgraph

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
AXIS = 2


@dataclass
class Block:
    """Channels that read the same: the union [lo, hi] of unit 0, and each path's own."""

    channels: int
    lo: int
    hi: int
    paths: Counter


@dataclass
class Map:
    """A feature map: the distance of neighbouring units, and its blocks of channels."""

    jump: int
    blocks: list[Block]


def united(blocks, channels):
    """What a dense convolution makes of blocks of channels."""
    paths = Counter()
    for block in blocks:
        paths.update(block.paths)
    lo, hi = min(block.lo for block in blocks), max(block.hi for block in blocks)
    return Block(channels, lo, hi, paths)


def windowed(entry, kernel, stride, pad, channels):
    """Backward from unit 0: it reads units -pad to kernel - 1 - pad of the layer below."""
    before, after = -pad * entry.jump, (kernel - 1 - pad) * entry.jump
    blocks = entry.blocks if channels is None else [united(entry.blocks, channels)]
    moved = [
        Block(
            block.channels,
            block.lo + before,
            block.hi + after,
            Counter({(lo + before, hi + after): n for (lo, hi), n in block.paths.items()}),
        )
        for block in blocks
    ]
    return Map(entry.jump * stride, moved)


def summed(entries):
    assert len({entry.jump for entry in entries}) == 1
    blocks = [block for entry in entries for block in entry.blocks]
    assert len(blocks) == len(entries), "blocks of channels that must be matched"
    return Map(entries[0].jump, [united(blocks, blocks[0].channels)])


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def maps(proto):
    """Return the feature map of every tensor up to the first Gemm or global pool."""
    weights = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
               for value in proto.graph.input}  # fmt: skip
    for node in proto.graph.node:
        if node.op_type == "ConstantOfShape":
            shape = next(t for t in proto.graph.initializer if t.name == node.input[0])
            weights[node.output[0]] = onnx.numpy_helper.to_array(shape).tolist()
    data = next(v.name for v in proto.graph.input if weights[v.name][-1] == 224)
    found = {data: Map(1, [Block(3, 0, 0, Counter({(0, 0): 1}))])}
    for node in proto.graph.node:
        entries = [found[name] for name in node.input if name in found]
        made = next_map(node, entries, weights) if entries else None
        if made is not None:
            found[node.output[0]] = made
    return found


def next_map(node, entries, weights):
    given = attributes(node)
    if node.op_type == "Conv":
        channels, _, kernel, _ = weights[node.input[1]]
        assert given.get("group", 1) == 1 or len(entries[0].blocks) == 1
    elif node.op_type in ("MaxPool", "AveragePool"):
        channels, kernel = None, given["kernel_shape"][0]
    elif node.op_type == "Concat":
        assert len({entry.jump for entry in entries}) == 1
        return Map(entries[0].jump, [block for entry in entries for block in entry.blocks])
    elif node.op_type in ("Add", "Sum") and len(entries) > 1:
        return summed(entries)
    elif node.op_type in ("Relu", "LRN", "BatchNormalization", "Mul", "Add", "Dropout"):
        return entries[0]
    else:
        return None
    stride, pad = given.get("strides", [1])[0], given.get("pads", [0])[0]
    return windowed(entries[0], kernel, stride, pad, channels)


def model(name):
    return onnx.load(FOLDER / f"light_{name}.onnx")


# Size before the classifier. Printed: AlexNet (the receptive field calculator), VGG-19; ResNet-50
# v1.5 is 427 and its 7-wide average pool adds 6 * 32; the others by the recurrence above alone.
LAST = {
    "bvlc_alexnet": ("r14", 195),
    "vgg19": ("r36", 268),
    "resnet50": ("r172", 427 + 6 * 32),
    "zfnet512": None,
    "squeezenet": None,
    "densenet121": None,
    "inception_v1": None,
    "inception_v2": None,
}


def wrong(result, name, entry):
    """What rfgraph says otherwise about one feature map."""
    field = result.receptive_field(name).axes[AXIS]
    sizes = [block.hi - block.lo + 1 for block in entry.blocks]
    first, last = min(b.lo for b in entry.blocks), max(b.hi for b in entry.blocks)
    paths = [hi - lo + 1 for block in entry.blocks for lo, hi in block.paths]
    want = (max(sizes), min(sizes), entry.jump, first, (first + last) / 2, min(paths), max(paths))
    have = (field.size, field.size_min, field.stride, field.start, float(field.center))
    have += (field.shortest, field.longest)
    return [] if want == have and field.regular else [f"{name}: {want} != {have}"]


@pytest.mark.parametrize("name", LAST)
def test_every_feature_map_is_that_of_the_recurrence(name):
    proto = model(name)
    found = maps(proto)
    result = rfgraph.analyze(proto)
    assert not result.findings
    assert len(found) > 15
    assert not [line for tensor, entry in found.items() for line in wrong(result, tensor, entry)]


@pytest.mark.parametrize("name", LAST)
def test_the_distribution_is_that_of_the_recurrence(name):
    proto = model(name)
    result = rfgraph.analyze(proto)
    tensor, entry = list(maps(proto).items())[-1]
    want = Counter()
    for block in entry.blocks:
        for (lo, hi), n in block.paths.items():
            want[hi - lo + 1] += n
    histogram = rfgraph.path_histogram(result, tensor=tensor)
    assert dict(histogram.axes[AXIS].counts) == dict(histogram.axes[3].counts) == want
    assert histogram.total == want.total()


@pytest.mark.parametrize(("name", "last"), [(k, v) for k, v in LAST.items() if v])
def test_sizes_before_the_classifier_are_those_printed(name, last):
    tensor, size = last
    axes = rfgraph.analyze(model(name)).receptive_field(tensor).axes
    assert (axes[2].size, axes[3].size) == (size, size)


def test_shufflenet_is_regular_through_grouped_and_shuffled_channels():
    result = rfgraph.analyze(model("shufflenet"))
    assert not result.findings
    irregular = [
        field.tensor
        for field in result.receptive_fields()
        if not all(field.axes[axis].regular for axis in (2, 3))
    ]
    assert not irregular
    field = result.receptive_field("r198")
    # Sixteen units: three of stride 2 beside a 3-wide average pool, thirteen with a shortcut. A
    # stride-2 unit reads 3 more wherever the path goes, one of stride 1 may read nothing.
    jump, size, shortest = 4, 7, 7
    for units in (4, 8, 4):
        size, shortest = size + 2 * jump, shortest + 2 * jump
        jump *= 2
        size += 2 * jump * (units - 1)
    for axis in (2, 3):
        found = field.axes[axis]
        assert (found.size, found.longest, found.shortest) == (size, size, shortest)
        assert found.stride == jump
    assert rfgraph.path_histogram(result, tensor="r198").total == 2**16


def test_every_report_of_the_whole_networks_can_be_made():
    for path in sorted(FOLDER.glob("light_*.onnx")):
        result = rfgraph.analyze(path)
        report = result.to_dict()
        assert report["outputs"]
        assert len(report["receptive_fields"]) > 20
        assert all(
            axis["scope"] != "unknown" for f in report["receptive_fields"] for axis in f["axes"]
        )
