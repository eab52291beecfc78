"""What a model may be given as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import os
    from typing import BinaryIO

    import onnx


class ExporterProgram(Protocol):
    """What an exporter returns, as torch.onnx.ONNXProgram: the model is its `model_proto`."""

    @property
    def model_proto(self) -> onnx.ModelProto:
        """The model."""


class IrModel(Protocol):
    """An onnx_ir.Model, which its own library serializes."""

    @property
    def graph(self) -> Any:
        """The graph, with nodes and tensors of that library."""

    @property
    def ir_version(self) -> Any:
        """The version of ONNX's representation."""

    @property
    def opset_imports(self) -> Any:
        """The operator sets by domain."""


# A path, bytes, a binary file object, or an object that holds a model.
Source: TypeAlias = (
    "str | os.PathLike[str] | bytes | BinaryIO | onnx.ModelProto | ExporterProgram | IrModel"
)
