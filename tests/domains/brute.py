"""What the closed form must say of small models, counted out unit by unit."""

from __future__ import annotations

import itertools
from fractions import Fraction

import onnx

from oracle import measures, sets, walks

NUMBERS = ("size", "size_min", "stride", "start", "center", "before", "after", "period")
# Enough units to see a period twice, whatever the axis' own length.
UNITS = 24


def plain_carrier(graph, tensor, name, axis):
    """The tensor's axis that alone carries an input axis, None where there are others or none."""
    carriers = [a for a, labels in enumerate(graph.labels[tensor]) if (name, axis) in labels]
    if len(carriers) != 1 or is_rearranged(graph, tensor, name, axis, carriers[0]):
        return None
    return carriers[0]


def is_rearranged(graph, tensor, name, axis, carrier):
    """Whether units read one position each, and other ones at other places of other axes.

    So does a Concat of Slices of one tensor: its channels carry as well, as those of a
    SpaceToDepth do, for which no label stands.
    """
    places = {}
    for index, pair in hulls(graph, tensor, name, axis).items():
        if pair is not None:
            places.setdefault(index[carrier], set()).add(pair)
    pairs = [pair for found in places.values() for pair in found]
    return all(lo == hi for lo, hi in pairs) and len(pairs) > len(places)


def has_holes(model):
    """Whether a transposed convolution leaves positions that nothing is written to."""
    stored = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "ConvTranspose":
            attributes = {a.name: list(a.ints) for a in node.attribute}
            kernel = stored[node.input[1]][2:]
            ones = [1] * len(kernel)
            steps = zip(
                kernel, attributes["strides"], attributes.get("dilations", ones), strict=True
            )
            if any(len({t * d % s for t in range(k)}) < s for k, s, d in steps):
                return True
    return False


def has_single_sample(model):
    """Whether a Resize samples one point alone: nothing then says how far apart points would be."""
    modes = (b"align_corners", b"pytorch_half_pixel")
    resized = [node for node in model.graph.node if node.op_type == "Resize"]
    if not any(a.s in modes for node in resized for a in node.attribute):
        return False
    graph = sets.Graph(model)
    return any(1 in graph.shape(node.output[0])[2:] for node in resized)


def longest_period(model, graph):
    """A number of units after which every path of a model repeats, on any axis."""
    longest = 1
    for node in model.graph.node:
        if node.op_type == "Resize":
            pairs = zip(graph.shape(node.input[0]), graph.shape(node.output[0]), strict=True)
            aligned = any(a.s == b"align_corners" for a in node.attribute)
            ratios = [Fraction(n - aligned, max(m - aligned, 1)) for n, m in pairs]
            longest *= max(ratio.denominator for ratio in ratios)
        elif node.op_type == "ConvTranspose":
            longest *= max(next(a.ints for a in node.attribute if a.name == "strides"))
    return longest


def comparable(model):
    """Whether brute force can tell: what lies beyond the units that exist is a convention there."""
    rank = len(model.graph.output[0].type.tensor_type.shape.dim)
    # On other axes, what is read of holes counts only where units exist.
    return not has_single_sample(model) and (rank == 3 or not has_holes(model))


def expected(graph, tensor, name, axis, carrier, period):
    """The numbers of an axis; without a period within the tensor's length, sizes alone."""
    length = graph.shape(tensor)[carrier]
    units = max(UNITS, 2 * (period or 1) + 2, length)
    found = measures.measure(graph, tensor, name, axis, units, along=carrier)
    if found["regular"] and found["period"][0] <= length:
        return found
    found = measures.measure(graph, tensor, name, axis, length, along=carrier)
    kept = {key: found[key] for key in ("scope", "size", "size_min")}
    return {**kept, "regular": False, **dict.fromkeys(NUMBERS[2:])}


def hulls(graph, tensor, name, axis):
    """What every unit that exists reads along an input axis: its hull, None for nothing."""
    found = {}
    for index in itertools.product(*map(range, graph.shape(tensor))):
        spans = graph.read(tensor, index).get(name)
        found[index] = None if spans is None else sets.hull(spans[axis])
    return found


def lengths(found):
    return [0 if pair is None else pair[1] - pair[0] + 1 for pair in found.values()]


def walk_numbers(graph, walk, axis, carrier, units):
    """The numbers of one walk alone, at other indices for which it reads anything."""
    shape = graph.shape(walk.tensor)
    places = itertools.product(*map(range, shape))
    at = next(index for index in places if walks.read(graph, walk, index) is not None)
    rows = []
    for o in range(units):
        box = walks.read(graph, walk, (*at[:carrier], o, *at[carrier + 1 :]))
        rows.append((None if box is None else sets.hull(box[axis]),))
    return measures.numbers(rows)


def described(model):
    return onnx.printer.to_text(model.graph)[:4000]
