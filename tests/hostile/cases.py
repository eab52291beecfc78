"""A case of the corpus: bytes, and what must come of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Case:
    """One file. `refused`: loading it is an error that names each of `culprit`; None: either way.

    Where an error is one of two possible outcomes it names one of `culprit`.

    `heavy` files are probed in a process of their own, whose memory is bounded.
    """

    group: str
    name: str
    make: Callable[[], bytes]
    culprit: tuple[str, ...] = ()
    refused: bool | None = None
    heavy: bool = False

    @property
    def id(self) -> str:
        return f"{self.group}: {self.name}"


def refused(group: str, name: str, made: ModelProto | bytes, *culprit: str) -> Case:
    """Loading must fail, and say where."""
    data = made if isinstance(made, bytes) else made.SerializeToString()
    return Case(group, name, lambda: data, culprit, refused=True)


def answered(group: str, name: str, made: ModelProto | bytes) -> Case:
    """Loading must succeed: odd, but valid or harmless."""
    data = made if isinstance(made, bytes) else made.SerializeToString()
    return Case(group, name, lambda: data, (), refused=False)


def either(group: str, name: str, made: ModelProto | bytes, *culprit: str) -> Case:
    """Refused or answered, whichever: what counts is that nothing else happens."""
    data = made if isinstance(made, bytes) else made.SerializeToString()
    return Case(group, name, lambda: data, culprit)


Cases = Iterator[Case]
