"""The distributions over paths as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.json import dumps
from rfgraph.version import HEAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.relations.graph import StoredMasks


def paths_json(count: str, shown: Sequence[Distribution], masks: StoredMasks | None = None) -> str:
    """Return the report of `rfgraph paths`; `masks` is what stored masks cut, if they may."""
    document = {
        **HEAD,
        "count": count,
        "paths": [item.to_dict() for item in shown],
    }
    return dumps(document if masks is None else {**document, "masks": masks.to_dict()})
