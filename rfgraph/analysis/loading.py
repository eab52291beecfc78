"""Load a model from any source, without reading its weights."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from rfgraph.errors import RfgraphError
from rfgraph.wording.names import shown_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx
    from numpy.typing import ArrayLike

    from rfgraph.ops.registry import Rule
    from rfgraph.relations.graph import Model


Source: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | onnx.ModelProto"


def load(
    source: Source,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    masks: bool = False,
    override_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Model:
    """Return an ONNX model as a graph of data dependences, without reading its weights.

    `source` is a path, bytes, a binary file object or an onnx.ModelProto. `input_shapes` binds the
    dimensions of inputs (the name "" stands for the only input); dimensions left open are probed
    and reported. `input_values` makes inputs constants. `rules` are your own, by (domain,
    operator); they come before those of rfgraph. With `masks`, constants that are added to the
    scores of an attention, or put in their place, are looked at: a score whose constant lies 87.34
    or more below the highest of its row has a weight of zero (less than any normal float32), which
    cuts the dependence. Scores themselves are taken to differ by less than what is left of that,
    and data to leave each row a key. `Model.masks` says where. `override_shapes` are the shapes of
    inputs, like `input_shapes`, but take the place of lengths that the file declares. Raises
    RfgraphError, one line that names file, node or tensor.
    """
    from rfgraph.onnxfile.load import as_array
    from rfgraph.onnxfile.load import load as load_file

    shapes = {name: tuple(int(n) for n in shape) for name, shape in (input_shapes or {}).items()}
    others = {name: tuple(map(int, shape)) for name, shape in (override_shapes or {}).items()}
    values = {name: as_array(value) for name, value in (input_values or {}).items()}
    try:
        return load_file(source, shapes, values, rules or {}, masks=masks, override_shapes=others)
    except RfgraphError as error:
        raise type(error)(f"{source_name(source)}: {error}") from None


def source_name(source: object) -> str:
    """Return what to call a model source in a message."""
    if isinstance(source, str | os.PathLike):
        return shown_path(os.fspath(source))
    return "<bytes>" if isinstance(source, bytes) else f"<{type(source).__name__}>"
