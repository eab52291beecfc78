"""What cannot be changed, and can be pickled and copied: records, and a mapping."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from inspect import Parameter, Signature
from operator import attrgetter
from typing import Any, TypeVar

if sys.version_info >= (3, 11):
    from typing import dataclass_transform
else:

    def dataclass_transform(**_said: object) -> Callable[[Any], Any]:
        """Return what leaves a function as it is: it is for type checkers."""
        return lambda function: function


K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(plain: type[T]) -> type[T]:
    """Make of a class what `dataclass(frozen=True, slots=True)` makes of it.

    That compiles the source of six methods for each class, whenever it is imported: it was half of
    what starting took. Here they are closures. Every field is an argument.
    """
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(plain)
    compared = _values_of([item.name for item in fields(made) if item.compare])

    def equals(self: object, other: object) -> object:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compared(self) == compared(other)

    methods = {
        "__init__": _initialiser(made),
        "__repr__": _shown,
        "__eq__": equals,
        "__hash__": lambda self: hash(compared(self)),
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__getstate__": _state,
        "__setstate__": _restore,
        "__signature__": _Arguments(),
    }
    for name in methods.keys() - plain.__dict__.keys():
        setattr(made, name, methods[name])
    return made  # type: ignore[no-any-return]


def _values_of(names: Sequence[str]) -> Callable[[object], tuple[object, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple([getattr(record, name) for name in names])


def _initialiser(made: Any) -> Callable[..., None]:
    names = [item.name for item in fields(made)]
    puts = [getattr(made, name).__set__ for name in names]
    defaults = {item.name: item.default for item in fields(made) if item.default is not MISSING}
    factories = {
        item.name: item.default_factory
        for item in fields(made)
        if item.default_factory is not MISSING
    }

    def completed(values: Sequence[object], named: Mapping[str, object]) -> tuple[object, ...]:
        given = {**dict(zip(names, values, strict=False)), **named}
        found = {**defaults, **{name: make() for name, make in factories.items()}, **given}
        if len(given) != len(values) + len(named) or found.keys() != set(names):
            made.__signature__.bind(*values, **named)
        return tuple([found[name] for name in names])

    def initialise(self: object, *values: object, **named: object) -> None:
        if named or len(values) != len(puts):
            values = completed(values, named)
        for put, value in zip(puts, values, strict=True):
            put(self, value)

    return initialise


class _Arguments:
    """What making a record requires, for `help` and for the error: made when it is asked for."""

    def __get__(self, _record: object, made: Any) -> Signature:
        kind = Parameter.POSITIONAL_OR_KEYWORD
        found = []
        for item in fields(made):
            default = item.default if item.default_factory is MISSING else item.default_factory
            default = Parameter.empty if default is MISSING else default
            found.append(Parameter(item.name, kind, default=default, annotation=item.type))
        return Signature(found)


def _shown(self: Any) -> str:
    items = [f"{item.name}={getattr(self, item.name)!r}" for item in fields(self) if item.repr]
    return f"{self.__class__.__qualname__}({', '.join(items)})"


def _refuse(self: object, name: str, *_value: object) -> None:
    raise FrozenInstanceError(f"{type(self).__name__} cannot be changed, found a new {name!r}")


def _state(self: Any) -> list[object]:
    return [getattr(self, item.name) for item in fields(self)]


def _restore(self: Any, state: Sequence[object]) -> None:
    for item, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, item.name, value)


class FrozenDict(Mapping[K, V]):
    """A read-only dictionary in the order given; equal to any mapping of the same items."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)
