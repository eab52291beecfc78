"""What a rule is given (an operator node, with what is known of its inputs) and gives back."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

from rfgraph.errors import ModelError, RfgraphError
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.how import How
    from rfgraph.relations.steps import Step


Array: TypeAlias = NDArray[Any]
# The names of the builtins, which OpNode's methods take within the class.
Int: TypeAlias = int
Str: TypeAlias = str
Float: TypeAlias = float
MAX_INDEX_ELEMENTS = 1 << 22


class RuleError(ModelError):
    """The node is invalid: what is required and what was found."""


class UnresolvedError(RfgraphError):
    """The node cannot be analysed exactly: which fact is missing."""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """What stored masks make of a tensor that data reaches, in arrays that broadcast to its shape.

    `level` gives the constant that is part of each element (None if it is not known), and whether a
    constant in it has no value; `zero` is where an element is zero whatever the data.
    """

    level: Callable[[], tuple[Array | None, bool]] | None = None
    zero: Array | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of an input before the model runs.

    `shape` is None if it could not be determined; `data` holds the value of a constant, None if the
    tensor is dynamic or its value was not kept; `constant` says that no graph input reaches it;
    `items` are the elements of a sequence whose length is known. Where stored masks are asked for,
    `stored` fetches a constant's value that was not kept, and `marks` says what masks made of the
    tensor.
    """

    shape: Shape | None
    constant: bool = False
    data: Array | None = None
    items: tuple[Value, ...] | None = None
    stored: Callable[[], Array | None] | None = field(default=None, compare=False, repr=False)
    marks: Marks | None = None

    def fetched(self) -> Array | None:
        """Return the value of a constant, fetched from the file if it may be."""
        if self.data is None and self.stored is not None:
            return self.stored()
        return self.data


@dataclass(frozen=True, slots=True)
class Link:
    """What output number `output` reads of input number `input`, as steps from input to output.

    `how` says how that enters the output; None where the rule does not say.
    """

    input: int
    steps: tuple[Step, ...]
    output: int = 0
    spatial: tuple[int, ...] = ()
    how: How | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The shape of each output (None: not determined) and the links that feed it.

    Links from constant inputs may be given; they are dropped when the graph is built. `values` are
    the outputs that are constants for want of any data (Shape, EyeLike).
    """

    shapes: tuple[Shape | None, ...]
    links: tuple[Link, ...] = ()
    values: tuple[Array | None, ...] = ()


class Attributes:
    """The attributes of a node: each is read by its type, and noted in `read`."""

    __slots__ = ()

    attributes: Mapping[str, Any]
    read: set[str]

    def attribute(self, name: str) -> Any:
        """Return an attribute as decoded (number, text, bytes, list, array, subgraph) or None."""
        self.read.add(name)
        return self.attributes.get(name)

    def int(self, name: Str, default: Int | None = None, least: Int | None = None) -> Int:
        """Return an integer attribute, which must be at least `least`."""
        number = self.attribute(name)
        if number is None:
            if default is None:
                raise RuleError(f"requires attribute {quote(name)}, which is missing")
            number = default
        if not isinstance(number, int):
            raise RuleError(f"attribute {quote(name)} requires an integer, found {_kind(number)}")
        if least is not None and number < least:
            raise RuleError(f"attribute {quote(name)} requires at least {least}, found {number}")
        return number

    def ints(self, name: Str) -> list[Int] | None:
        """Return an attribute that is a list of integers, None if it is absent."""
        integers = self.attribute(name)
        if integers is None:
            return None
        if not isinstance(integers, list) or not all(isinstance(item, int) for item in integers):
            raise RuleError(f"attribute {quote(name)} requires integers, found {_kind(integers)}")
        return list(integers)

    def int_list(self, name: Str, count: Int, default: Int, least: Int = 1) -> list[Int]:
        """Return `count` integers, each at least `least`; an empty list counts as absent."""
        integers = self.ints(name)
        if not integers:
            return [default] * count
        if len(integers) != count or min(integers) < least:
            raise RuleError(
                f"attribute {quote(name)} requires {count} integers of at least {least}, "
                f"found {integers[:8]}"
            )
        return integers

    def str(self, name: Str, default: Str) -> Str:
        """Return a string attribute."""
        text = self.attribute(name)
        if text is None:
            return default
        if not isinstance(text, str):
            raise RuleError(f"attribute {quote(name)} requires a string, found {_kind(text)}")
        return text

    def choice(self, name: Str, default: Str, allowed: Sequence[Str]) -> Str:
        """Return a string attribute that must be one of `allowed`."""
        chosen = self.str(name, default)
        if chosen not in allowed:
            wanted = ", ".join(allowed)
            raise RuleError(
                f"attribute {quote(name)} requires one of {wanted}, found {quote(chosen)}"
            )
        return chosen

    def float(self, name: Str, default: Float) -> Float:
        """Return a number attribute."""
        number = self.attribute(name)
        if number is None:
            return default
        if not isinstance(number, int | float):
            raise RuleError(f"attribute {quote(name)} requires a number, found {_kind(number)}")
        return float(number)

    def floats(self, name: Str) -> list[Float] | None:
        """Return an attribute that is a list of numbers, None if it is absent."""
        reals = self.attribute(name)
        if reals is None:
            return None
        if not isinstance(reals, list) or not all(isinstance(item, int | float) for item in reals):
            raise RuleError(f"attribute {quote(name)} requires numbers, found {_kind(reals)}")
        return [float(item) for item in reals]

    def axis(self, name: Str, default: Int, rank: Int) -> Int:
        """Return an axis attribute, negative ones counted from the end, checked against `rank`."""
        return normal_axis(self.int(name, default), rank)


@dataclass(slots=True, repr=False, eq=False)
class OpNode(Attributes):
    """One operator node: its attributes, its inputs as far as they are known, its version.

    `outputs` says of each whether anything is made of it. Where stored masks cut (`masks`), `cut`
    is by how much the least part of what cut here lies below the highest of its row, and `uncut`
    why a constant that may be a mask cut nothing. `taken` counts the elements of constants.
    """

    op_type: str
    inputs: Sequence[Value | None]
    outputs: Sequence[bool] = (True,)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    _: KW_ONLY
    version: int = 23
    domain: str = ""
    name: str = ""
    masks: bool = False
    read: set[str] = field(default_factory=set, init=False)
    taken: int = field(default=0, init=False)
    cut: float | None = field(default=None, init=False)
    uncut: str = field(default="", init=False)

    @property
    def n_outputs(self) -> int:
        """The number of outputs, with those that are not made."""
        return len(self.outputs)

    def has(self, index: int) -> bool:
        """Whether optional input `index` is there."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int) -> Value:
        """Return input `index`; an absent one is an error."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise RuleError(f"requires input {index}, which is missing")
        return value

    def shape(self, index: int = 0) -> Shape:
        """Return the shape of input `index`; raise UnresolvedError if it is not known."""
        shape = self.value(index).shape
        if shape is None:
            raise UnresolvedError(f"the shape of input {index} is not known")
        return shape

    def ranked(self, index: int, least: int, most: int | None = None) -> Shape:
        """Return the shape of input `index`, whose rank must lie in [least, most]."""
        shape = self.shape(index)
        if len(shape) < least or (most is not None and len(shape) > most):
            wanted = f"{least} to {most}" if most != least else str(least)
            if most is None:
                wanted = f"at least {least}"
            raise RuleError(f"input {index} requires rank {wanted}, found shape {list(shape)}")
        return shape

    def expect_shape(self, index: int, wanted: Shape) -> Shape:
        """Return the shape of input `index`, which must be `wanted`."""
        shape = self.shape(index)
        if shape != wanted:
            raise RuleError(f"input {index} requires shape {list(wanted)}, found {list(shape)}")
        return shape

    def data_inputs(self) -> list[int]:
        """Return the numbers of the inputs that are there."""
        return [i for i, value in enumerate(self.inputs) if value is not None]

    def known(self, index: int) -> Array | None:
        """Return the value of constant input `index`, None if absent.

        Raises UnresolvedError if it is not known.
        """
        if not self.has(index):
            return None
        value = self.value(index)
        if value.data is None:
            what = "its value was not kept" if value.constant else "it is computed from data"
            raise UnresolvedError(f"input {index} is needed as a constant, but {what}")
        self.taken += value.data.size
        return value.data

    def known_ints(self, index: int) -> list[int] | None:
        """Return constant input `index` as Python integers (flattened), None if it is absent."""
        data = self.known(index)
        if data is None:
            return None
        if data.dtype.kind not in "iub":
            raise RuleError(f"input {index} requires integers, found {data.dtype}")
        return [int(item) for item in data.reshape(-1)]


def normal_axis(axis: int, rank: int) -> int:
    """Return a non-negative axis; raise RuleError if it is out of range."""
    if not -rank <= axis < rank:
        raise RuleError(f"axis requires a value in [{-rank}, {rank - 1}], found {axis}")
    return axis % rank if rank else 0


def normal_axes(axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """Return distinct non-negative axes in the order given."""
    normal = [normal_axis(axis, rank) for axis in axes]
    if len(set(normal)) != len(normal):
        raise RuleError(f"axes requires distinct values, found {list(normal)[:8]}")
    return tuple(normal)


def broadcast(*shapes: Shape) -> Shape:
    """Return the numpy broadcast of the shapes; raise RuleError if they do not fit."""
    rank = max(map(len, shapes), default=0)
    out = [1] * rank
    for shape in shapes:
        for axis, length in enumerate(shape, rank - len(shape)):
            if length != 1:
                if out[axis] not in (1, length):
                    listed = " and ".join(str(list(s)) for s in shapes[:4])
                    raise RuleError(f"shapes {listed} do not broadcast together")
                out[axis] = length
    return tuple(out)


def _kind(found: object) -> str:
    return "a list" if isinstance(found, list) else type(found).__name__
