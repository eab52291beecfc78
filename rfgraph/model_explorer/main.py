"""The provider of node data that Model Explorer runs on a model which is open in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_explorer import (  # type: ignore[import-not-found]
    GetConfigEditorsResult,
    NodeDataProvider,
    NodeDataProviderFilter,
    NodeDataProviderMetadata,
    NodeDataProviderResult,
)
from model_explorer.node_data_builder import (  # type: ignore[import-not-found]
    GradientItem,
    GraphNodeData,
    NodeDataResult,
)

from rfgraph.analysis.result import analyze
from rfgraph.errors import RfgraphError
from rfgraph.reports.exports import METRICS
from rfgraph.reports.exports.nodes import NAMELESS, file_graph, node_data

if TYPE_CHECKING:
    from rfgraph.analysis.result import Result

# What the adapter for ONNX calls a node without a name.
NODE = "<node_{number}>"


class ReceptiveFields(NodeDataProvider):  # type: ignore[misc]
    """Size, stride, start and effective size of each node's receptive field."""

    metadata = NodeDataProviderMetadata(
        id="rfgraph",
        name="Receptive fields",
        description="Size, stride, start and effective size of what each node reads of the input",
        icon="center_focus_strong",
        filter=NodeDataProviderFilter(modelFileExts=["onnx"]),
    )

    def get_config_editors(self, provider_id: str) -> Any:
        """Return nothing to choose."""
        return GetConfigEditorsResult(configEditors=[])

    def run(
        self,
        provider_id: str,
        model_path: str,
        graph_id: str,
        config_values: dict[str, Any],
        graph: Any = None,
    ) -> Any:
        """Return one set of node data for each metric, or one line that says why there is none."""
        try:
            result = analyze(model_path)
            main = file_graph(result).name or NAMELESS
        except RfgraphError as error:
            return NodeDataProviderResult(error=str(error))
        if graph_id != main:
            return NodeDataProviderResult(error="only the main graph has receptive fields")
        return NodeDataProviderResult(result=[_data(result, metric) for metric in METRICS])


def _data(result: Result, metric: str) -> Any:
    data = node_data(result, metric, NODE)
    return GraphNodeData(
        name=f"receptive field: {metric}",
        results={name: NodeDataResult(**entry) for name, entry in data["results"].items()},
        gradient=[GradientItem(**stop) for stop in data["gradient"]],
    )
