"""onnxruntime's operators that move elements: gathers, crops, unfolding, packing of tokens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import Operand, apply_standard, rule
from rfgraph.ops.node import (
    Array,
    Link,
    OpNode,
    Outcome,
    RuleError,
    UnresolvedError,
    Value,
    normal_axis,
)
from rfgraph.ops.steps import check_index_count, everything_links, pick_steps, trim_outputs
from rfgraph.relations.axis_rules import Band, Shape, Whole
from rfgraph.relations.steps import Everything, Prefix, Reduce, Regroup

if TYPE_CHECKING:
    from collections.abc import Iterator


# -- as the standard operators ---------------------------------------------------------------------


@rule("Trilu")
def trilu(node: OpNode) -> Outcome:
    """An output of the triangle that is kept reads its own index, the others read nothing.

    Exact; an upper bound where Trilu of ai.onnx is one. Versions: all (1).
    """
    return apply_standard(node, "Trilu", (0, 1))


@rule("Pad")
def pad(node: OpNode) -> Outcome:
    """An output reads one position of the input, or none in the padding of mode constant.

    Exact; an upper bound where Pad of ai.onnx is one. Unknown: where the pads depend on data.
    Versions: all (1).
    """
    return apply_standard(node, "Pad", (0, 1, 2), version=13)


@rule("GatherND")
def gather_nd(node: OpNode) -> Outcome:
    """An output reads the position that its index names on the leading axes, its own on the others.

    Exact for constant indices. Unknown along the indexed axes where the indices depend on data.
    Versions: all (1).
    """
    return apply_standard(node, "GatherND", (0, 1), {}, version=11)


@rule("TorchEmbedding")
def torch_embedding(node: OpNode) -> Outcome:
    """An output reads its index and its own feature of the row that this names.

    Exact for constant indices. Unknown along the rows of a computed table where the indices depend
    on data. onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    return apply_standard(node, "Gather", (0, 1), {"axis": 0})


@rule("ExpandDims")
def expand_dims(node: OpNode) -> Outcome:
    """An output reads the same element; an axis of length 1 is added.

    Exact. Unknown: where the axis depends on data. Versions: all (1).
    """
    axes = node.known_ints(1) or []
    if len(axes) != 1:
        raise RuleError(f"input 1 requires one integer, found {len(axes)}")
    return apply_standard(node, "Unsqueeze", (0,), {"axes": axes}, version=11)


@rule("GridSample")
def grid_sample(node: OpNode) -> Outcome:
    """An output reads the coordinates at its own place in the grid, and data around that point.

    Exact, or unknown, where GridSample of ai.onnx is. Versions: all (1).
    """
    return apply_standard(node, "GridSample", (0, 1), version=16)


@rule("Range")
def range_(node: OpNode) -> Outcome:
    """An output reads nothing where start, limit and delta, 1 unless given, are constants.

    Exact. Unknown: where one of them depends on data, for then the length does. Versions: all (1).
    """
    start = node.known(0)
    one = np.array(1, np.int64 if start is None else start.dtype)
    delta = 2 if node.has(2) else Operand(2, Value((), constant=True, data=one))
    return apply_standard(node, "Range", [0, 1, delta])


@rule("CropAndResize", ignores="extrapolation_value")
def crop_and_resize(node: OpNode) -> Outcome:
    """An output reads its region, its batch index, and data of its own channel in that region.

    bilinear reads two positions per axis around the point it samples, nearest one; a point outside
    the input reads nothing.

    Exact for one constant region of one image. Unknown: batch and spatial positions of the data
    otherwise. Versions: all (1).
    """
    sides = node.known_ints(3) or []
    if len(sides) != 2 or min(sides) < 1:
        raise RuleError(f"input 3 requires 2 positive lengths, found {sides[:8]}")
    mode = node.str("mode", "bilinear")
    regions = node.ranked(1, 2, 2)
    attributes: dict[str, Any] = {"output_height": sides[0], "output_width": sides[1]}
    outcome = apply_standard(node, "RoiAlign", (0, 1, 2), attributes)
    region = node.value(1).data
    if region is None or node.value(2).data is None or (node.shape(0)[0], regions[0]) != (1, 1):
        return outcome
    attributes = {
        "mode": "linear" if mode == "bilinear" else "nearest",
        "nearest_mode": "round_prefer_ceil",
        "coordinate_transformation_mode": "tf_crop_and_resize",
        "axes": [2, 3],
    }
    box = Operand(1, Value((4,), constant=True, data=region.astype(np.float32).reshape(-1)))
    size = Operand(3, Value((2,), constant=True, data=np.array(sides)))
    return apply_standard(node, "Resize", [0, box, None, size], attributes)


@rule("GatherBlockQuantized")
def gather_block_quantized(node: OpNode) -> Outcome:
    """An output reads its index, and what this names of the data, with its scale and zero point.

    Exact for constant data, as the definition has it; unknown for other data. Unknown: where
    neither the data nor its scales tell whether numbers of few bits are packed into bytes.
    Versions: all (1).
    """
    data, where = node.ranked(0, 1), node.shape(1)
    axis = node.axis("gather_axis", 0, len(data))
    packed = _count_packed(node, data)
    shape = (*data[:-1], data[-1] * packed)
    out = (*shape[:axis], *where, *shape[axis + 1 :])
    spread = (*where, *(1,) * (len(shape) - axis - 1))
    own = Chain(where).reshape(spread).broadcast(out)
    links = everything_links(node, (0, 2, 3), out, unknown=True)
    return Outcome((out,), (own.link(1), *links))


def _count_packed(node: OpNode, data: Shape) -> int:
    """Return how many numbers an element of the data holds."""
    bits, block = node.int("bits", 4), node.int("block_size", 128)
    axis = node.axis("quantize_axis", 1, len(data))
    stored = node.value(0).data
    if bits not in (2, 4, 8) or block < 0:
        raise RuleError(f"requires 2, 4 or 8 bits and a positive block_size, found {bits}, {block}")
    if stored is not None or bits == 8 or block == 0:
        return 8 // bits if stored is not None and stored.dtype == np.uint8 else 1
    scales = node.ranked(2, len(data), len(data))[axis]
    fits = [
        count
        for count in (1, 8 // bits)
        if -(-data[axis] * (count if axis == len(data) - 1 else 1) // block) == scales
    ]
    if len(fits) != 1:
        raise UnresolvedError("whether numbers of few bits are packed into bytes is not known")
    return fits[0]


@rule("GatherPacked", ignores="output_dtype packed_type")
def gather_packed(node: OpNode) -> Outcome:
    """An output reads its index, and the row of the table that this names.

    An index out of range names row 0.

    Upper bound: of a packed row all bytes count as read. Unknown: which row of a computed table is
    read, where the index is computed too. Versions: all (1).
    """
    table, where = node.ranked(0, 2, 2), node.shape(1)
    features = node.int("K")
    if features < 1 or table[0] < 1:
        raise RuleError(f"requires rows of at least 1 number, found {features} in {list(table)}")
    out = (*where, features)
    own = Chain(where).reshape((*where, 1)).broadcast(out)
    rows = Chain(table).reduce([1])
    indices = node.value(1).data
    if indices is None:
        rows.reduce([0], unknown=True)
    else:
        check_index_count(indices.size, "input 1")
        flat = indices.reshape(-1)
        named = np.where((flat >= 0) & (flat < table[0]), flat, 0)
        rows.add(*pick_steps(named, 0, table[0])).reshape((*where, 1))
    return Outcome((out,), (own.link(1), rows.broadcast(out).link(0)))


# -- windows and sets ------------------------------------------------------------------------------


@rule("UnfoldTensor")
def unfold_tensor(node: OpNode) -> Outcome:
    """An output reads one element: on the unfolded axis position o*step + k, k on a new last axis.

    Exact. Versions: all (1).
    """
    shape = node.ranked(0, 1)
    axis = node.axis("dim", -1, len(shape))
    size, step = node.int("size"), node.int("step", 1)
    if step < 1 or not 1 <= size <= shape[axis]:
        raise RuleError(
            f"requires a positive step and a size in [1, {shape[axis]}], found {step} and {size}"
        )
    count = (shape[axis] - size) // step + 1
    check_index_count(count * size, "UnfoldTensor")
    places = np.arange(count).reshape(-1, 1) * step + np.arange(size)
    chain = Chain(shape).add(*pick_steps(places.reshape(-1), axis, shape[axis]))
    chain.regroup((*shape[:axis], count, size, *shape[axis + 1 :]))
    rest = range(axis + 2, len(shape) + 1)
    if rest:
        chain.permute(*range(axis + 1), *rest, axis + 1)
    return Outcome((chain.shape,), (chain.link(0),))


@rule("Unique")
def unique(node: OpNode) -> Outcome:
    """The index of an element among the different ones reads the element and all before it.

    Exact for the indices. Unknown: how many different elements there are. Versions: all (1).
    """
    shape = node.ranked(0, 1, 1)
    before = Prefix(((0, Band(None, 0, shape[0], shape[0])),))
    anything = (Everything((), unknown=True),)
    links = (Link(0, anything), Link(0, (before,), 1), Link(0, anything, 2))
    return trim_outputs(node, (None, shape, None), links)


# -- Fourier ---------------------------------------------------------------------------------------


@rule("Rfft", ignores="normalized onesided")
def rfft(node: OpNode) -> Outcome:
    """An output reads all of the signal axes, which are the last ones.

    Upper bound: factors of the transform that are zero count as read. onnxruntime has no CPU kernel
    to compare with. Versions: all (1).
    """
    shape, axes = _signal(node, node.ranked(0, 1))
    bins = shape[-1] // 2 + 1
    chain = Chain(shape).add(*_spectrum(shape, axes, bins), Regroup((*shape[:-1], bins, 1)))
    return Outcome(((*shape[:-1], bins, 2),), (chain.broadcast((*shape[:-1], bins, 2)).link(0),))


@rule("Irfft", ignores="normalized onesided")
def irfft(node: OpNode) -> Outcome:
    """An output reads all of the signal axes, which are the last ones but one, in both parts.

    Upper bound: factors of the transform that are zero count as read. onnxruntime has no CPU kernel
    to compare with. Versions: all (1).
    """
    spectrum = node.ranked(0, 2)
    if spectrum[-1] != 2:
        raise RuleError(f"input 0 requires a last axis of 2, found shape {list(spectrum)}")
    shape, axes = _signal(node, spectrum[:-1])
    chain = Chain(spectrum).reduce([len(shape)]).regroup(shape)
    chain.add(*_spectrum(shape, axes, 2 * (shape[-1] - 1)))
    return Outcome((chain.shape,), (chain.link(0),))


def _signal(node: OpNode, shape: Shape) -> tuple[Shape, range]:
    count = node.int("signal_ndim", 1)
    if not 1 <= count <= len(shape) or shape[-1] < 1:
        raise RuleError(f"attribute 'signal_ndim' does not fit shape {list(shape)}: {count}")
    return shape, range(len(shape) - count, len(shape))


def _spectrum(shape: Shape, axes: range, bins: int) -> Iterator[Reduce]:
    lengths = {**{axis: shape[axis] for axis in axes}, len(shape) - 1: bins}
    yield Reduce(tuple((axis, Whole(shape[axis], count)) for axis, count in lengths.items()))


# -- padded and packed tokens ----------------------------------------------------------------------


@rule("RemovePadding")
def remove_padding(node: OpNode) -> Outcome:
    """A packed token reads the token that it is, padding left out; the offsets read the counts.

    Exact for constant counts. Unknown: otherwise which token, and how many there are. onnxruntime
    has no CPU kernel to compare with. Versions: all (1).
    """
    batch, length, features = shape = node.ranked(0, 3, 3)
    node.expect_shape(1, (batch,))
    counts = node.value(1).data
    out: Shape | None = None
    links = []
    if counts is None:
        links = [Link(slot, (Everything((), unknown=True),)) for slot in (0, 1)]
    else:
        places = _tokens(counts, length)
        flat = (batch * length, features)
        chain = Chain(shape).reshape(flat).add(*pick_steps(places, 0, batch * length))
        out = chain.shape
        links = [chain.link(0)]
    shapes: tuple[Shape, ...] = ((batch, length), (batch + 1,), (1,))
    every = ((output, to) for output, to in enumerate(shapes, 1))
    links.extend(Link(1, (Everything(to),), output) for output, to in every)
    return trim_outputs(node, (out, *shapes), links)


def _tokens(counts: Array, length: int) -> Array:
    """Return the places of the tokens that are not padding, among all."""
    if counts.dtype.kind not in "iu" or bool(((counts < 0) | (counts > length)).any()):
        raise RuleError(f"input 1 requires counts in [0, {length}]")
    check_index_count(counts.size * length, "RemovePadding")
    mask = np.arange(length) < counts.reshape(-1, 1)
    return np.flatnonzero(mask)


@rule("RestorePadding")
def restore_padding(node: OpNode) -> Outcome:
    """A token reads its place among the packed ones; padding reads nothing.

    Exact for constant offsets. Unknown: otherwise which token, all of the offsets being read.
    onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    tokens, features = shape = node.ranked(0, 2, 2)
    where = node.ranked(1, 2, 2)
    count, out = math.prod(where), (*where, features)
    if tokens > count:
        raise RuleError(f"input 0 requires at most {count} tokens, found {tokens}")
    offsets = node.known_ints(1) if node.value(1).data is not None else None
    chain = Chain(shape)
    if offsets is None:
        chain.reduce([0], to=count, unknown=True)
        return Outcome((out,), (chain.regroup(out).link(0), Link(1, (Everything(out),))))
    places = np.full(check_index_count(count, "RestorePadding"), -1)
    for token, offset in enumerate(offsets[:tokens]):
        places[normal_axis(offset, count)] = token
    chain.add(*pick_steps(places, 0, tokens)).reshape(out)
    return Outcome((out,), (chain.link(0),))
