"""What names stand for while a graph is built, in the graph itself and those around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rfgraph.errors import ModelError
from rfgraph.ops.registry import normal_domain
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    import onnx
    from onnx import AttributeProto

    from rfgraph.ops.node import Value


class Entry(NamedTuple):
    """A named value: its tensor in the graph being built, None for constants, and what is known.

    `items` are the elements of a sequence of known length.
    """

    value: Value
    tensor: str | None = None
    items: tuple[Entry, ...] | None = None

    def number(self) -> int | None:
        """Return the one integer (or truth value) that a constant holds, None if it is none."""
        data = self.value.data
        if data is None or data.size != 1 or data.dtype.kind not in "biu":
            return None
        return int(data.reshape(-1)[0])


class Scope:
    """The names of one graph body; those it lacks are looked up in the enclosing one."""

    __slots__ = ("attributes", "depth", "names", "opsets", "outer", "prefix")

    def __init__(
        self,
        prefix: str,
        opsets: MutableMapping[str, int],
        attributes: Mapping[str, AttributeProto] | None = None,
        outer: Scope | None = None,
    ) -> None:
        self.prefix = prefix
        self.opsets = opsets
        self.attributes = attributes or {}
        self.outer = outer
        self.names: dict[str, Entry] = {}
        self.depth: int = 0 if outer is None else outer.depth + 1

    def find(self, name: str) -> Entry | None:
        """Return what `name` stands for, None if nothing does."""
        scope: Scope | None = self
        while scope is not None:
            entry = scope.names.get(name)
            if entry is not None:
                return entry
            scope = scope.outer
        return None

    def define(self, name: str, entry: Entry) -> None:
        """Give `name` its one meaning in this body."""
        if name in self.names:
            raise ModelError(f"tensor {quote(name)} is produced twice")
        self.names[name] = entry


def opsets_of(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """Return the version of each imported operator set, the default domain as the empty string."""
    versions: dict[str, int] = {}
    for item in imports:
        domain = normal_domain(item.domain)
        versions[domain] = max(versions.get(domain, 0), item.version)
    versions.setdefault("", 1)
    return versions
