"""The model itself again, with its fields as metadata of the nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.errors import UsageError
from rfgraph.reports.exports.values import PREFIX, by_node, named_texts, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.analysis import Analysis


def onnx_bytes(result: Analysis) -> Iterator[bytes]:
    """Yield the file's own bytes with `rfgraph.size` and so on at its nodes.

    Weights are copied, not parsed; data in external files stays there. Raises UsageError for a
    model that was built by hand, ModelError where the file is gone or changed.
    """
    several = len(result.model.inputs) > 1
    notes = {
        number: named_texts(values, several=several)
        for number, values in by_node(result, values_of(result)).items()
    }
    if result.model.annotated is None:
        raise UsageError("this format requires a model that was read from a file")
    return result.model.annotated(notes, PREFIX)
