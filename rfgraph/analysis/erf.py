"""How much each input position counts for a unit, from the graph alone.

The theoretical receptive field is what a unit can read; the effective one is what counts. Luo, Li,
Urtasun and Zemel ("Understanding the Effective Receptive Field in Deep Convolutional Neural
Networks", NIPS 2016) measure it by the gradient of a unit with respect to the input, and find that
it is Gaussian, and grows with the square root of the depth. Here no gradient is run and, but for
the map stored, no weight is read: what is expected over random initialisations follows from the
graph.

random (the default): the root of the expected square of the gradient, for independent weights of
mean zero at the scale that keeps variances at one. Exact for convolutions, dense layers, Relu,
dropout, concatenations, nearest-neighbour resizing and average pools without overlap, where each
weight is used once.

uniform: each operator shares what reaches it evenly among what it reads; every operand of a sum
gets all of it. The total is the number of routes.

paths: how many sequences of a route and a tap in each of its windows lead to a position: the
gradient with all weights one and every activation the identity. Exact integers.

stored: as random, by the squares of the file's own weights, channel by channel: the expectation is
over their signs alone. Normalizations count with the parameters of the file, so that it does not
matter whether one is folded into the convolution before it. Activations, maxima, gates and
attention are as in random. This map alone reads weights, one tensor at a time and never external
data; what has no numbers in the file, or only quantized ones that are not dequantized there, counts
as in random and is named.

Approximate: maxima (one tap wins, each as likely), statistics of a normalization, gates and
attention (factors are taken for independent), a skip around a Relu. Their shares weigh paths
against each other where these merge; the shape along one path is never touched. Assumed: an
operator whose rule does not say how it combines shares evenly. Operators that read where data says
are left out and named.

What training does is not known. Against maps of trained networks (OpenERF, ImageNet, 224 x 224) the
deviation of random is off by -8, -5, -2 and +2 % (ResNet-18, 34, 50, 101), -1 and +3 % (ResNeXt-50,
101), +6 and 0 % (DenseNet-121, 201), +5 % (Swin-S) and +11 % (EfficientNet-B0); that of uniform by
-14 to -44 %. Beside measured gradients of two trained detectors, maps of stored correlate by .80 to
.99, those of random by .53 to .93; the deviation of stored is too small where shallow paths meet
deep ones, for the signs of trained weights are not random.

The effective size is the shortest interval along an axis that holds a share (95 %) of the map,
inside the input, and without borders where windows alone lead there. The squares around the middle
that hold 20, 30, 50 and 99 % are the measure of Ding et al. (RepLKNet, CVPR 2022), who take
logarithms first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rfgraph.analysis.analysis import analysis_of
from rfgraph.analysis.before_global import local_ends
from rfgraph.analysis.effective_field import ERF, SHARE, EffectiveAxis, Endless
from rfgraph.analysis.lossy import without_lossy
from rfgraph.analysis.names import pick_input
from rfgraph.analysis.unit import normal_index
from rfgraph.arguments import describe, fraction, keywords_named, sequence
from rfgraph.domains.effective.adjoint import Kind, Weighing, mass_on
from rfgraph.domains.effective.mass import Mass, expand, repeats
from rfgraph.domains.effective.statistics import (
    as_floats,
    marginal,
    shortest_interval,
    spread,
)
from rfgraph.domains.effective.weighing import weigh
from rfgraph.domains.fields.layout import carriers
from rfgraph.errors import BoundError, UsageError
from rfgraph.relations.bounds import allowance, check_size
from rfgraph.relations.graph import between, input_shape, shape_of
from rfgraph.wording.names import quote, some_quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.effective_field import UnitIndex
    from rfgraph.analysis.unit import Index
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.graph import Edge, Fetch, Model

KINDS: tuple[Kind, ...] = ("random", "uniform", "paths", "stored")

Asked: TypeAlias = "Sequence[int | None] | Literal['center']"


@keywords_named
def erf(
    model: Model | Analysis | Source,
    tensor: str | None = None,
    unit: Asked = "center",
    input: str | None = None,
    map: Kind = "random",  # noqa: A002 - what the option is called
    share: float = SHARE,
    local: bool = False,
) -> ERF:
    """Return how much each position of an input counts for a unit.

    `map` "random": the expected magnitude of the gradient over random initialisations (Luo et al.
    2016); "uniform": each operator shares evenly what reaches it; "paths": how many sequences of
    routes and taps lead there; "stored": as random, by the squares of the file's own weights, which
    are read for it alone. `unit` is an index as for `rfgraph.unit`, or "center": n // 2 on each
    axis that descends from a spatial one, all of the others. `share` is what the intervals of the
    axes hold. With `local` only paths count that are local on every spatial axis. By default
    the tensor is the output, or the one before it becomes global. Raises UsageError for unknown
    names, and where there are several candidates; BoundError where the map grows too large.
    """
    result = analysis_of(model)
    if map not in KINDS:
        raise UsageError(f"map requires one of {', '.join(KINDS)}, found {describe(map)}")
    part = fraction(share)
    if part is None or not 0 < part <= 1:
        raise UsageError(f"share requires a number above 0 and at most 1, found {describe(share)}")
    source = pick_input(result.model, input)
    _, name = result.pair(_default(result, source) if tensor is None else tensor, source)
    shape = shape_of(result.graph, name)
    if shape is None or not result.forms[source].spatial_axes:
        what = "its shape is not known" if shape is None else f"input {quote(source)} has no axis"
        raise UsageError(f"tensor {quote(name)} has no map: {what}")
    is_center = isinstance(unit, str) and unit == "center"
    index = _center(result, source, name) if is_center else sequence("the index", unit)
    at = _one_unit(name, normal_index(name, shape, index))
    with allowance(channels=map == "stored"):
        return _Question(result, source, name, at, map).answer(float(part), local=local)


def _one_unit(tensor: str, index: Index) -> UnitIndex:
    """Return an index without ranges; UsageError where it has one."""
    at = tuple(entry for entry in index if not isinstance(entry, tuple))
    if len(at) < len(index):
        raise UsageError(f"tensor {quote(tensor)}: a map requires one unit, found a range of them")
    return at


def endless_fields(
    result: Analysis, source: str, tensors: Sequence[str], kind: Kind, share: float
) -> dict[str, Mapping[int, Endless]]:
    """Return by tensor and axis what holds `share` of the map of the unit in the middle.

    Without borders, over local paths; axes are left out where that has no meaning.
    """
    form = result.forms[source]
    weighing = without_lossy(form, weigh(result.graph, tensors, kind, _fetch(result, kind)))
    fields: dict[str, Mapping[int, Endless]] = {}
    for tensor in tensors:
        if shape_of(result.graph, tensor) is not None:
            question = _Question(result, source, tensor, _center(result, source, tensor), kind)
            fields[tensor] = question.endless(_restrict(weighing, question.on_way), share)
    return fields


def candidates(result: Analysis, source: str) -> tuple[str, ...]:
    """Return the outputs that an input reaches; for a global one the last tensors that are not."""
    form = result.forms[source]
    read = (output for output in result.model.outputs if output in form)
    ends = (end for output in read for end in local_ends(result.model, form, output))
    return tuple(dict.fromkeys(ends))


def _default(result: Analysis, source: str) -> str:
    ends = candidates(result, source)
    if len(ends) != 1:
        what = f"there are {len(ends)} ({some_quoted(ends)})" if ends else "it reaches no output"
        raise UsageError(f"input {quote(source)} requires one tensor to look at, but {what}")
    return ends[0]


def _fetch(result: Analysis, kind: Kind) -> Fetch | None:
    """Return what gives numbers of the file, where the map takes these."""
    if kind != "stored":
        return None
    if result.model.weights is None:
        raise UsageError("map stored requires a model with its file")
    return result.model.weights()


def _center(result: Analysis, source: str, tensor: str) -> UnitIndex:
    """Return n // 2 on the axes of a tensor that descend from a spatial axis, None on others."""
    form = result.forms[source]
    state = form[tensor]
    spatial = frozenset().union(*(carriers(state.classes, axis) for axis in form.spatial_axes))
    shape = shape_of(result.graph, tensor) or ()
    return tuple(length // 2 if axis in spatial else None for axis, length in enumerate(shape))


@dataclass(frozen=True, slots=True)
class _Question:
    """One unit, one input, one kind of map."""

    result: Analysis
    source: str
    tensor: str
    index: UnitIndex
    kind: Kind

    def answer(self, share: float, *, local: bool) -> ERF:
        """Return the field."""
        counted = weigh(self.result.graph, [self.tensor], self.kind, _fetch(self.result, self.kind))
        on_way = self.on_way
        every = _restrict(counted, on_way)
        kept, lossy = self._local(every)
        inside = self._map(every)
        without = self._map(kept) if lossy else inside
        whole = as_floats(inside).sum()
        part = as_floats(without).sum() / whole if whole else 1.0
        weighing = kept if local else every
        values = without if local else inside
        return ERF(
            *(self.tensor, self.index, self.source, self.kind, local, values),
            self._axes(weighing, values, share),
            max(1.0 - float(part), 0.0) if lossy else 0.0,
            *_kinds(counted, on_way),
            tuple(sorted({edge.operator.label for edge in counted.unknown})),
        )

    @property
    def on_way(self) -> set[str]:
        """The tensors between the input and the tensor."""
        return between(self.result.graph, self.source, self.tensor)

    def _local(self, every: Weighing) -> tuple[Weighing, bool]:
        """Return the weighing without the edges over which local paths end, and if there is any."""
        kept = without_lossy(self.result.forms[self.source], every)
        pairs = ((kept.edges[name], many) for name, many in every.edges.items())
        return kept, any(len(few) < len(many) for few, many in pairs)

    def _mass(self, weighing: Weighing, *, clipped: bool) -> Mass | None:
        graph, source, target = self.result.graph, self.source, self.tensor
        return mass_on(graph, weighing, source, target, self.index, clipped=clipped)

    @property
    def _spatial(self) -> tuple[int, ...]:
        return self.result.forms[self.source].spatial_axes

    def _map(self, weighing: Weighing) -> NDArray[Any]:
        """Return the map inside the input."""
        shape = input_shape(self.result.graph, self.source)
        lengths = [shape[axis] for axis in self._spatial]
        check_size(math.prod(lengths))
        mass = self._mass(weighing, clipped=True)
        if mass is None:
            return np.zeros(lengths, dtype=object if self.kind == "paths" else float)
        for axis in self._spatial:
            mass = expand(mass, axis)
        return self._sum_over_others(mass)

    def _sum_over_others(self, mass: Mass) -> NDArray[Any]:
        """Return a mass summed over the axes that are not spatial, as the map counts it."""
        others = tuple(a for a in range(len(mass.shape)) if a not in self._spatial)
        values = mass.values.sum(axis=others) * repeats(mass)
        if self.kind == "paths":
            return np.asarray([int(v) for v in values.flat], dtype=object).reshape(values.shape)
        if self.kind == "uniform":
            return np.asarray(np.ldexp(values, mass.exponent))
        odd = mass.exponent % 2
        return np.asarray(np.ldexp(np.sqrt(values * 2**odd), (mass.exponent - odd) // 2))

    def _axes(
        self, weighing: Weighing, values: NDArray[Any], share: float
    ) -> dict[int, EffectiveAxis]:
        field = self.result.receptive_field(self.tensor, self.source)
        floats = as_floats(values)
        empty = not floats.any()
        known = any(field.axes[axis].size is not None for axis in self._spatial)
        endless = self.endless(weighing, share) if known and not empty else {}
        axes = {}
        for place, axis in enumerate(self._spatial):
            scope, size = field.axes[axis].scope, field.axes[axis].size
            if empty:
                axes[axis] = EffectiveAxis(axis, scope, size, share, None, None, None, None)
                continue
            part = marginal(floats, place)
            mean, sigma = spread(part)
            interval = shortest_interval(part, share)
            open_ended = endless.get(axis) if size is not None else None
            axes[axis] = EffectiveAxis(
                *(axis, scope, size, share, sigma, mean, interval, open_ended)
            )
        return axes

    def endless(self, weighing: Weighing, share: float) -> dict[int, Endless]:
        """Return what holds by axis as if the input had no borders.

        Nothing on axes where that has no meaning, and on all where it takes too large a table.
        """
        try:
            mass = self._mass(weighing, clipped=False)
        except BoundError:
            return {}
        if mass is None:
            return {}
        floats = as_floats(self._sum_over_others(mass))
        endless = {}
        for place, axis in enumerate(self._spatial):
            if axis in mass.lost or mass.origin[axis] is None:
                continue
            part = marginal(floats, place)
            low, high = shortest_interval(part, share)
            endless[axis] = Endless(high - low + 1, spread(part)[1])
        return endless


def _restrict(weighing: Weighing, names: Iterable[str]) -> Weighing:
    """Return a weighing of the edges between `names`."""
    within = frozenset(names)
    edges = {
        name: tuple(edge for edge in weighing.edges[name] if edge.source in within)
        for name in within
    }
    return replace(weighing, edges=edges)


def _kinds(counted: Weighing, names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the kinds of operators on the way whose shares are approximate, or assumed."""
    within = frozenset(names)

    def kinds(edges: Iterable[Edge]) -> tuple[str, ...]:
        on_way = (e for e in edges if e.source in within and e.target in within)
        return tuple(sorted({edge.operator.op_type for edge in on_way}))

    numbers = counted.numbers
    missing = () if numbers is None else numbers.missing.values()
    return kinds(counted.approximate), kinds((*counted.assumed, *missing))
