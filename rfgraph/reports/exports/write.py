"""Write a model with its receptive fields as a file for another tool."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rfgraph.analysis.analysis import Analysis
from rfgraph.analysis.result import analyze
from rfgraph.arguments import describe, keywords_named
from rfgraph.errors import UsageError
from rfgraph.reports.exports import FORMATS, GRAPHS, METRICS
from rfgraph.reports.formats.file import write_file
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.graph import Model


@keywords_named
def export(
    result: Analysis | Model | Source,
    path: str | os.PathLike[str],
    to: str = "netron",
    *,
    metric: str = "size",
    condensed: bool = False,
) -> tuple[str, ...]:
    """Write the receptive fields of a model into `path` for another tool.

    `to` "netron": an attachment that Netron 9 shows beside the model; "model-explorer": node data
    with one `metric` ("size", "stride", "start" or "effective"); "dot" and "graphml": the graph of
    `rfgraph.simple_graph` with these numbers, or, `condensed`, in at most 150 boxes; "onnx": the
    model itself with metadata at its nodes.
    Sizes are in input positions; "effective" is about how many of them hold 95 % of what counts at
    initialisation. Returns the external data files that an ONNX file needs beside it, which are not
    copied. A source is analysed first. Raises UsageError for an unknown format or metric and where
    `path` is the model itself, RfgraphError where it cannot be written.
    """
    known, parts = parts_of(result, to, metric, condensed=condensed)
    _refuse_itself(known, path)
    write_file(path, parts)
    if to != "onnx" or known.model.file_graph is None:
        return ()
    return known.model.file_graph().external


def parts_of(
    result: Analysis | Model | Source, to: str, metric: str, *, condensed: bool
) -> tuple[Analysis, Iterable[bytes]]:
    """Return the analysis, and what `export` writes; UsageError for what no format has."""
    if to not in FORMATS:
        raise UsageError(f"to requires one of {', '.join(FORMATS)}, found {describe(to)}")
    if metric not in METRICS:
        raise UsageError(f"metric requires one of {', '.join(METRICS)}, found {describe(metric)}")
    if condensed and to not in GRAPHS:
        raise UsageError(f"condensed requires the format {' or '.join(GRAPHS)}, found {quote(to)}")
    known = result if isinstance(result, Analysis) else analyze(result)
    return known, _content(known, to, metric, condensed=condensed)


def _content(result: Analysis, to: str, metric: str, *, condensed: bool) -> Iterable[bytes]:
    if to in GRAPHS:
        from rfgraph.reports.exports import graphs

        graph = graphs.condensed_graph(result) if condensed else graphs.valued_graph(result)
        return [graphs.graphml(graph) if to == "graphml" else graphs.dot(graph).encode()]
    from rfgraph.reports.exports import nodes

    if to == "onnx":
        return nodes.onnx_bytes(result)
    if to == "netron":
        return [nodes.netron_json(result).encode()]
    return [nodes.model_explorer_json(result, metric).encode()]


def _refuse_itself(result: Analysis, path: str | os.PathLike[str]) -> None:
    """Raise UsageError where a path leads to the model or to a file that holds its weights."""
    model = Path(result.model.file)
    named = result.model.file_graph().external if result.model.file_graph is not None else ()
    for own in (model, *(model.parent / name for name in named)):
        with contextlib.suppress(OSError, ValueError):
            if Path(path).samefile(own):
                raise UsageError(f"{quote(str(path))} is the model itself, which is kept")
