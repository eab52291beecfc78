"""The dimensions that a file leaves open: what is bound, what its arithmetic ties, what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from rfgraph.errors import ModelError, UsageError
from rfgraph.onnxfile.lengths.arithmetic import Expression, parse_expression
from rfgraph.wording.names import nearest, printable, quote

MAX_LENGTH = 1 << 62
UNNAMED = "?"
# Lengths of a symbol that are looked at one by one where a search by halves finds none.
MAX_SCANNED = 4096

# A symbol, or an input's name and the axis where the file gives none.
Dimension: TypeAlias = str | tuple[str, int]
Lengths: TypeAlias = Mapping[Dimension, int]
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


class Declared(NamedTuple):
    """A graph input as the file declares it.

    `dims` has an integer or a symbol for each axis; it is None where no shape is declared.
    `replaced` are the declared lengths, by axis, in whose place others stand in `dims`. `empty` are
    the axes whose declared length is 0, which is taken as none.
    """

    name: str
    dims: tuple[int | str, ...] | None
    replaced: dict[int, int]
    is_tensor: bool = True
    empty: frozenset[int] = frozenset()

    def named_dims(self) -> Iterator[tuple[int, str]]:
        """Yield the axes without a length, with their names."""
        for axis, dim in enumerate(self.dims or ()):
            if isinstance(dim, str) and self.is_tensor:
                yield axis, dim


def with_lengths(item: Declared, shape: Sequence[int] | None) -> Declared:
    """Return an input that declares the lengths of `shape` where it declares others."""
    if shape is None or item.dims is None or len(item.dims) != len(shape):
        return item
    pairs = list(zip(item.dims, shape, strict=True))
    dims = tuple(dim if isinstance(dim, str) else length for dim, length in pairs)
    others = {
        axis: dim
        for axis, (dim, length) in enumerate(pairs)
        if isinstance(dim, int) and dim != length
    }
    return item._replace(dims=dims, replaced=others)


class Equation(NamedTuple):
    """An expression that has a length, and who says so."""

    expression: Expression
    length: int
    by: str


class Dimensions(NamedTuple):
    """What is known of the lengths of named dimensions.

    `bound` are symbols with a length, of which `loose` have one of several that bindings allow;
    `first` are the open dimensions, and whether they are an axis 0; `arithmetic` the names that are
    expressions, and `inner` the open symbols that stand nowhere else.
    """

    bound: Mapping[str, int]
    loose: Mapping[str, str]
    first: Mapping[Dimension, bool]
    arithmetic: Mapping[str, Expression]
    inner: frozenset[str]

    def keys(self, name: str, axis: int, dim: str) -> tuple[Dimension, ...]:
        """Return the dimensions of which the length on an axis of an input is made."""
        if dim == UNNAMED:
            return ((name, axis),)
        expression = self.arithmetic.get(dim)
        return (dim,) if expression is None else expression.symbols

    def length(self, name: str, axis: int, dim: str, lengths: Lengths) -> int:
        """Return the length on an axis, given those of open dimensions; ModelError if none is."""
        if dim == UNNAMED:
            return lengths[name, axis]
        known = self.known_symbols(lengths)
        expression = self.arithmetic.get(dim)
        if expression is None:
            return known[dim]
        value = expression.value(known)
        if value is None:
            taken = ", ".join(f"{quote(key)} is {known[key]}" for key in expression.symbols)
            raise ModelError(
                f"dimension {quote(dim)} of input {quote(name)} requires a positive length, "
                f"which it has not where {taken}"
            )
        return value

    def known_symbols(self, lengths: Lengths) -> dict[str, int]:
        """Return the lengths of all symbols, given those of open ones."""
        return {key: n for key, n in lengths.items() if isinstance(key, str)} | dict(self.bound)

    def uniform(self, probe: int, *, along_first: bool = False) -> Lengths:
        """Return lengths of one size, 1 for those of an axis 0 unless they are `along_first`.

        Symbols that stand in arithmetic only are as long as that is no longer than `probe`.
        """
        lengths = {key: 1 if at and not along_first else probe for key, at in self.first.items()}
        made = [one for one in self.arithmetic.values() if not self.inner.isdisjoint(one.symbols)]
        for length in range(probe, 0, -1) if made else ():
            tried = lengths | {key: min(lengths[key], length) for key in self.inner}
            known = self.known_symbols(tried)
            if all((one.value(known) or probe + 1) <= probe for one in made):
                return tried
        return lengths


def dimensions(declared: Sequence[Declared], shapes: Shapes, dims: Mapping[str, int]) -> Dimensions:
    """Return the named dimensions of inputs, of which some have a shape, and symbols a length.

    Raises UsageError where bindings contradict each other, the declared shapes or the file's
    arithmetic, and for a symbol that does not exist.
    """
    names = dict.fromkeys(dim for item in declared for _, dim in item.named_dims())
    names.pop(UNNAMED, None)
    arithmetic = _arithmetic(names)
    alone = [name for name in names if name not in arithmetic]
    known = dict.fromkeys((*alone, *(key for one in arithmetic.values() for key in one.symbols)))
    bound: dict[str, int] = {}
    equations = [
        *_bind_by_name(dims, known, arithmetic, bound),
        *_bind_by_shape(declared, shapes, arithmetic, bound),
    ]
    loose = _solve_all(equations, bound)
    first: dict[Dimension, bool] = {}
    named = Dimensions(
        bound, loose, first, arithmetic, frozenset(set(known).difference(alone, bound))
    )
    for item in declared:
        for axis, dim in item.named_dims() if item.name not in shapes else ():
            for key in named.keys(item.name, axis, dim):
                if key not in bound:
                    first[key] = first.get(key, False) or axis == 0
    return named


def _arithmetic(names: Iterable[str]) -> dict[str, Expression]:
    """Return the names that are expressions: of numbers, or of what else stands alone."""
    read = {
        name: expression for name in names if (expression := parse_expression(name)) is not None
    }
    alone = {name for name in names if name not in read or len(read[name].postfix) == 1}
    return {
        name: one
        for name, one in read.items()
        if len(one.postfix) > 1
        and one.symbols
        and (one.has_number or alone.issuperset(one.symbols))
    }


def _bind_by_name(
    dims: Mapping[str, int],
    known: Iterable[str],
    arithmetic: Mapping[str, Expression],
    bound: dict[str, int],
) -> Iterator[Equation]:
    """Bind the symbols that are given by name; yield what is given of expressions."""
    for name, length in dims.items():
        if not 0 < length <= MAX_LENGTH:
            raise UsageError(
                f"dimension {quote(name)} requires a length from 1 to 2^62, found {length}"
            )
        if name in arithmetic:
            yield Equation(arithmetic[name], length, "--dim")
        elif name in known:
            bound[name] = length
        else:
            raise UsageError(_unknown_text(name, list(known)))


def _unknown_text(name: str, known: Sequence[str]) -> str:
    if not known:
        return f"no dimension {quote(name)}: the inputs have no named dimensions"
    near = nearest(name, known)
    meant = "" if near is None else f" (did you mean {quote(near)}?)"
    more = f" and {len(known) - 8} more" if len(known) > 8 else ""
    listed = ", ".join(map(quote, known[:8]))
    return f"no dimension {quote(name)}{meant}; the dimensions are {listed}{more}"


def _bind_by_shape(
    declared: Sequence[Declared],
    shapes: Shapes,
    arithmetic: Mapping[str, Expression],
    bound: dict[str, int],
) -> Iterator[Equation]:
    """Bind the symbols of inputs with a given shape; yield what is given of expressions."""
    for item in declared:
        shape = shapes.get(item.name)
        if shape is None:
            continue
        _check_shape(item, shape)
        for axis, dim in item.named_dims():
            if dim in arithmetic:
                yield Equation(arithmetic[dim], shape[axis], f"input {quote(item.name)}")
            elif dim != UNNAMED and bound.setdefault(dim, shape[axis]) != shape[axis]:
                raise UsageError(
                    f"dimension {quote(dim)} is bound to {bound[dim]} and, by input "
                    f"{quote(item.name)}, to {shape[axis]}"
                )


def _check_shape(item: Declared, shape: Sequence[int]) -> None:
    name = quote(item.name)
    for length in shape:
        if not 0 < length <= MAX_LENGTH:
            raise UsageError(f"input {name} requires lengths from 1 to 2^62, found {length}")
    if item.dims is None:
        return
    if len(item.dims) != len(shape):
        raise UsageError(f"input {name} requires {len(item.dims)} dimensions, found {list(shape)}")
    for axis, (dim, length) in enumerate(zip(item.dims, shape, strict=True)):
        if isinstance(dim, int) and dim != length:
            raise UsageError(f"input {name} requires length {dim} on axis {axis}, found {length}")


# -- solving ---------------------------------------------------------------------------------------


def _solve_all(equations: Sequence[Equation], bound: dict[str, int]) -> dict[str, str]:
    """Bind the symbols that equations determine; return those of which several lengths fit, why."""
    loose: dict[str, str] = {}
    left = list(equations)
    while left:
        solvable = [one for one in left if len(_open_symbols(one, bound)) <= 1]
        if not solvable:
            names = ", ".join(map(quote, _open_symbols(left[0], bound)[1:4]))
            raise UsageError(
                f"{_binding_text(left[0])}, which leaves several dimensions open: give {names}"
            )
        for equation in solvable:
            _solve(equation, bound, loose)
        left = [one for one in left if one not in solvable]
    return loose


def _open_symbols(equation: Equation, bound: Mapping[str, int]) -> list[str]:
    return [key for key in equation.expression.symbols if key not in bound]


def _binding_text(equation: Equation) -> str:
    by = "" if equation.by == "--dim" else f", by {equation.by},"
    return f"dimension {quote(equation.expression.text)} is bound{by} to {equation.length}"


def _solve(equation: Equation, bound: dict[str, int], loose: dict[str, str]) -> None:
    """Bind the one symbol that is left; UsageError where no length fits."""
    expression, wanted = equation.expression, equation.length
    unknown = _open_symbols(equation, bound)
    if not unknown:
        actual = expression.value(bound)
        if actual != wanted:
            values = ", ".join(f"{quote(key)} is {bound[key]}" for key in expression.symbols)
            raise UsageError(
                f"{_binding_text(equation)}, but is {actual or 'no length'} where {values}"
            )
        return
    (symbol,) = unknown

    def value(length: int) -> int | None:
        return expression.value({**bound, symbol: length})

    solution = _least_length(value, wanted)
    if solution is None:
        raise UsageError(f"{_binding_text(equation)}, which no length of {quote(symbol)} gives")
    if value(solution + 1) == wanted:
        loose[symbol] = f"the least for which {printable(expression.text)} is {wanted}"
    bound[symbol] = solution


def _least_length(value: Callable[[int], int | None], wanted: int) -> int | None:
    """Return the least length with a value: by halves as if it grew, else one by one."""
    low, high = 1, MAX_LENGTH
    while low < high:
        middle = (low + high) // 2
        if (value(middle) or 0) >= wanted:
            high = middle
        else:
            low = middle + 1
    if value(low) == wanted:
        return low
    return next((n for n in range(1, MAX_SCANNED + 1) if value(n) == wanted), None)
