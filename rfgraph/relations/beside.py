"""Records that stand beside the graph of a model: not followed, masked, changed, the file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rfgraph.relations.operator import Operator


@dataclass(frozen=True, slots=True)
class Unanalysed:
    """An operator that could not be followed exactly: why, and the tensors it made."""

    operator: Operator
    reason: str
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MaskCut:
    """An operator in which a stored mask cut what is read.

    `highest` is what the mask adds to the element that it cuts with the least margin, compared with
    the highest of its row: at most -87.34, or minus infinity.
    """

    operator: Operator
    highest: float


@dataclass(frozen=True, slots=True)
class StoredMasks:
    """What stored masks were taken to cut.

    `left` are the operators in which a constant that may be a mask cut nothing, and why.
    """

    cut: tuple[MaskCut, ...] = ()
    left: tuple[tuple[Operator, str], ...] = ()

    def to_dict(self) -> dict[str, list[dict[str, str | float]]]:
        """Return the entry of the JSON reports; minus infinity is the text "-inf"."""
        return {
            "cut": [
                {
                    "node": item.operator.label,
                    "op_type": item.operator.op_type,
                    "highest": "-inf" if math.isinf(item.highest) else item.highest,
                }
                for item in self.cut
            ],
            "left": [
                {"node": operator.label, "op_type": operator.op_type, "reason": reason}
                for operator, reason in self.left
            ],
        }


# A value of an attribute, and those that nodes have instead of the file's, by node and attribute.
Setting: TypeAlias = "int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]"
Changes: TypeAlias = "Mapping[tuple[str, str], Setting]"


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """An attribute of a node with another value than in the file; None where it has none.

    `follows` says that it was not asked for: pads that keep up with the extent of their window, or
    that are left out where `auto_pad` gives them.
    """

    node: str
    attribute: str
    before: Setting | None
    after: Setting | None
    follows: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of the JSON report."""
        return {
            "node": self.node,
            "attribute": self.attribute,
            "before": _for_json(self.before),
            "after": _for_json(self.after),
            "follows": self.follows,
        }


def _for_json(value: Setting | None) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Revision:
    """What a model has instead of what its file says, and what its author should know of that."""

    changes: tuple[AttributeChange, ...]
    warnings: tuple[str, ...] = ()


class FileNode(NamedTuple):
    """A node of the file's main graph: its name, "" if it has none, its type, what it makes."""

    name: str
    op_type: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileGraph:
    """The main graph as it stands in the file, nodes in order.

    `external` are the files that hold weights beside it, by the names that it gives.
    """

    name: str
    nodes: tuple[FileNode, ...]
    external: tuple[str, ...] = ()
