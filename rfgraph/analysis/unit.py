"""Exactly what given units of a tensor read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.analysis.analysis import analysis_of
from rfgraph.analysis.names import pick_input, pick_tensor
from rfgraph.arguments import integer, keywords_named, sequence
from rfgraph.domains.fields.numbers import unclipped_span
from rfgraph.domains.read_units import boxes_read
from rfgraph.domains.regions import region
from rfgraph.errors import BoundError, UsageError
from rfgraph.relations.graph import input_shape, shape_of
from rfgraph.version import HEAD
from rfgraph.wording.html import html_table
from rfgraph.wording.names import quote
from rfgraph.wording.numbers import span
from rfgraph.wording.pictures import boxes
from rfgraph.wording.records import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.domains.scope import Word
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Model


def entry_text(entry: int | Sequence[int] | None) -> str:
    """Return an entry of an index as it is given on the command line."""
    if entry is None:
        return "*"
    return str(entry) if isinstance(entry, int) else f"{entry[0]}:{entry[1]}"


Box: TypeAlias = tuple[tuple[int, int], ...]
# A unit, a range of them (its first and its end), or None for all along an axis.
Entry: TypeAlias = "int | tuple[int, int] | None"
Index: TypeAlias = "tuple[Entry, ...]"


@dataclass(frozen=True, slots=True)
class Region:
    """What the units read of one graph input, per input axis, in positions.

    `clipped` is the tight box inside the input, None if nothing is read. `unclipped` goes on past
    the border, on the spatial axes that are local and have a closed form. `padding` is, on spatial
    axes, whether it touches some of the units, at any depth, from the start and from the end.
    """

    input: str
    clipped: Box | None
    unclipped: tuple[tuple[int, int] | None, ...]
    scopes: tuple[Word, ...]
    padding: tuple[tuple[bool, bool] | None, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing is read."""
        return self.clipped is None

    @property
    def size(self) -> tuple[int | None, ...]:
        """The length along each axis, unclipped where that is given."""
        return tuple(None if span is None else span[1] - span[0] + 1 for span in self._spans())

    @property
    def center(self) -> tuple[Fraction | None, ...]:
        """The centre along each axis, unclipped where that is given."""
        return tuple(
            None if span is None else Fraction(span[0] + span[1], 2) for span in self._spans()
        )

    def _spans(self) -> list[tuple[int, int] | None]:
        clipped = self.clipped or (None,) * len(self.unclipped)
        return [wide or narrow for wide, narrow in zip(self.unclipped, clipped, strict=True)]

    def cells(self) -> Iterator[tuple[str, ...]]:
        """Yield for each axis its number, scope, and what is read, clipped and unclipped."""
        clipped = self.clipped or (None,) * len(self.scopes)
        for axis, ends in enumerate(zip(clipped, self.unclipped, strict=True)):
            yield str(axis), self.scopes[axis], *map(_span, ends)

    def picture(self) -> str:
        """Return a drawing of what is read along the last two spatial axes; "" where nothing is."""
        spatial = [axis for axis, sides in enumerate(self.padding) if sides is not None][-2:]
        if self.clipped is None or not spatial:
            return ""
        spans = self._spans()
        wide = [spans[axis] or self.clipped[axis] for axis in spatial]
        said = "what is read inside the input; dashed what is read without borders"
        return boxes([self.clipped[axis] for axis in spatial], wide, said)

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        clipped = ("input", "empty", "clipped", "unclipped")
        return entry_of(self, *clipped, "size", "center", "scopes", "padding")


@dataclass(frozen=True, slots=True)
class Unit:
    """The regions of the units of `tensor` at `index`.

    An entry of it is a unit, the first and the end of a range, or None for a whole axis.
    """

    tensor: str
    index: Index
    regions: tuple[Region, ...]

    def to_dict(self) -> Json:
        """Return the JSON report."""
        return {**HEAD, **entry_of(self)}

    def _repr_html_(self) -> str:
        index = ", ".join(map(entry_text, self.index))
        return "".join(
            html_table(
                f"{self.tensor}[{index}] on input {region.input}",
                ("axis", "scope", "reads", "unclipped"),
                region.cells(),
            )
            + region.picture()
            for region in self.regions
        )


@keywords_named
def unit(
    model: Model | Analysis | Source,
    tensor: str,
    index: Sequence[int | slice | None],
    input: str | None = None,
) -> Unit:
    """Return exactly what the units of `tensor` at `index` read of each graph input, or of `input`.

    `tensor` may be a node, which stands for the tensor that it makes. `index` has one entry per
    axis of the tensor: a unit, a slice of them without a step, of which the hull is returned, or
    None for the whole axis. Negative ones count from the end. Raises
    UsageError for unknown names, a wrong number of entries and entries out of range, naming the
    tensor's shape; BoundError where tables grow too large.
    """
    result = analysis_of(model)
    name = pick_tensor(result.model, tensor)
    shape = shape_of(result.graph, name)
    if shape is None:
        raise UsageError(
            f"the shape of tensor {quote(name)} is not known, so it has no units to name"
        )
    at = normal_index(name, shape, index)
    sources = [item.name for item in result.model.inputs]
    if input is not None:
        sources = [pick_input(result.model, input)]
    sources = [source for source in sources if name in result.forms[source]]
    boxes = _boxes(result, name, at, sources)
    regions = [_region(result, name, at, source, boxes[source]) for source in sources]
    return Unit(name, at, tuple(regions))


def normal_index(tensor: str, shape: Shape, index: Sequence[int | slice | None]) -> Index:
    """Return an index counted from the start; UsageError where there is no such unit."""
    described = f"tensor {quote(tensor)} has shape {list(shape)}"
    entries = [
        at
        if at is None or isinstance(at, slice)
        else integer(f"the index on axis {axis} (None: all of it)", at)
        for axis, at in enumerate(sequence("the index", index))
    ]
    if len(entries) != len(shape):
        raise UsageError(
            f"the index requires {len(shape)} entries, found {len(entries)}: {described}"
        )
    places: list[Entry] = []
    for axis, (at, length) in enumerate(zip(entries, shape, strict=True)):
        if length == 0:
            raise UsageError(f"axis {axis} has no unit: {described}")
        if isinstance(at, slice):
            places.append(_range(at, axis, length, described))
            continue
        if at is not None and not -length <= at < length:
            required = f"the index on axis {axis} requires a value in [{-length}, {length - 1}]"
            raise UsageError(f"{required}, found {at}: {described}")
        places.append(None if at is None else at % length)
    return tuple(places)


def _range(given: slice, axis: int, length: int, described: str) -> tuple[int, int]:
    """Return the first and the end of a range of units; UsageError where it has none."""
    ends = [
        whole if at is None else integer(f"the range on axis {axis}", at)
        for at, whole in ((given.start, 0), (given.stop, length))
    ]
    first, end = (at + length if at < 0 else at for at in ends)
    if given.step not in (None, 1) or not 0 <= first < end <= length:
        raise UsageError(
            f"the range on axis {axis} requires first:end within 0:{length}, of at least one unit, "
            f"found {ends[0]}:{ends[1]}: {described}"
        )
    return first, end


def _boxes(
    result: Analysis, tensor: str, index: Index, sources: Sequence[str]
) -> dict[str, Box | None]:
    """Return the tight box that the units read of each input, None for nothing.

    By tables of all units where what these read takes too many words.
    """
    examined = result.examine(tensor)
    try:
        read = boxes_read(result.graph, tensor, index, sources, examined.edges())
        return {source: read.get(source) for source in sources}
    except BoundError:
        boxes: dict[str, Box | None] = {}
        for source in sources:
            box = region(examined.regions(source), index)
            # A scalar has a table, and no axis.
            rank = len(input_shape(result.graph, source))
            boxes[source] = None if box is None else box[:rank]
        return boxes


def _region(result: Analysis, tensor: str, index: Index, source: str, box: Box | None) -> Region:
    form = result.forms[source]
    field = result.receptive_field(tensor, source)
    scopes = tuple(axis.scope for axis in field.axes.values())
    unclipped = tuple(
        _unclipped_span(result, form, tensor, index, axis)
        if field.axes[axis].scope == "local"
        and field.axes[axis].regular
        and axis in form.spatial_axes
        else None
        for axis in field.axes
    )
    padding = tuple(
        _padding_of(result, tensor, index, source, axis) if axis in form.spatial_axes else None
        for axis in field.axes
    )
    return Region(source, box, unclipped, scopes, padding)


def _padding_of(
    result: Analysis, tensor: str, index: Index, source: str, axis: int
) -> tuple[bool, bool] | None:
    """Return whether padding touches some of the units from each side; None if not known."""
    examined = result.examine(tensor)
    try:
        return examined.padding(source, axis).at(index)
    except BoundError:
        pass
    try:
        touched = examined.touched(source, axis)
    except BoundError:
        return None
    if touched is None:
        return None
    left, right = (bool(_flags_at(side, index).any()) for side in touched)
    return left, right


def _flags_at(flags: NDArray[np.bool_], index: Index) -> NDArray[np.bool_]:
    for axis, at in enumerate(index):
        if at is not None and flags.shape[axis] > 1:
            first, end = at if isinstance(at, tuple) else (at, at + 1)
            flags = flags.take(range(first, end), axis=axis)
    return flags


def _unclipped_span(
    result: Analysis, form: ClosedForm, tensor: str, index: Index, axis: int
) -> tuple[int, int] | None:
    pieces = [
        piece
        for fields in form[tensor].classes.values()
        if (field := fields[axis]) is not None
        for piece in field.pieces
    ]
    return unclipped_span(pieces, shape_of(result.graph, tensor) or (), index)


def _span(pair: tuple[int, int] | None) -> str:
    return "-" if pair is None else span(*pair)
