"""Operators of detection and decoding whose results, in number or place, depend on data."""

from __future__ import annotations

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import OpNode, Outcome, RuleError, UnresolvedError
from rfgraph.ops.registry import rule


@rule("AffineGrid", ignores="align_corners")
def affine_grid(node: OpNode) -> Outcome:
    """An output reads, of its batch's matrix, the row of its own coordinate.

    Exact. Unknown: where the size is computed, for then the shape is. All versions.
    """
    batch, rows, columns = node.ranked(0, 3, 3)
    node.expect_shape(0, (batch, rows, rows + 1))
    size = node.known_ints(1)
    if rows not in (2, 3) or size is None or len(size) != rows + 2 or min(size) < 0:
        raise RuleError(
            f"requires a matrix of 2 or 3 rows and a size of {rows + 2} lengths, "
            f"found {rows} rows and {size and size[:8]}"
        )
    if size[0] != batch:
        raise RuleError(f"requires a size of {batch} batches, found {size[0]}")
    shape = (batch, *size[2:], rows)
    chain = Chain((batch, rows, columns)).reduce([2], weighted=True)
    chain.regroup((batch, *(1,) * rows, rows)).broadcast(shape)
    return Outcome((shape,), (chain.link(0),))


@rule("NonMaxSuppression", ignores="center_point_box")
def non_max_suppression(node: OpNode) -> Outcome:
    """An output may read every box and every score, and how many outputs there are depends on them.

    Unknown: the shape depends on data. All versions.
    """
    raise UnresolvedError("how many boxes are kept depends on data")


@rule("ImageDecoder", ignores="pixel_format")
def image_decoder(node: OpNode) -> Outcome:
    """An output may read all of the encoded stream, which also says how large the image is.

    Unknown: the shape depends on data. All versions.
    """
    raise UnresolvedError("the size of the image depends on data")


@rule("DisentangledAttention_TRT EfficientNMS_TRT MultilevelCropAndResize_TRT PyramidROIAlign_TRT")
def tensorrt_plugin(node: OpNode) -> Outcome:
    """An output may read all of every input: a plugin of TensorRT, which onnx does not define.

    Unknown: what the plugin does is not part of the model. Versions: of onnxruntime.
    """
    raise UnresolvedError("a plugin of TensorRT, which is not part of the model")
