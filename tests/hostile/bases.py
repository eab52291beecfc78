"""One plain model for each operator whose attributes or constants steer shapes and positions."""

from __future__ import annotations

import numpy as np

from hostile.make import Base, graph, node, value, weights

MS = "com.microsoft"
IMAGE = (1, 4, 8, 8)
SEQ = (6, 2, 4)


def f(*numbers):
    return np.array(numbers, dtype=np.float32)


def _body(inputs, outputs, nodes):
    return graph(nodes, [value(n) for n in inputs.split()], [value(n) for n in outputs.split()])


LOOP = _body(
    "i c v",
    "c2 v2 s",
    [node("Identity", "c", "c2"), node("Relu", "v", "v2"), node("Relu", "v", "s")],
)
SCAN = _body("v e", "v2 s", [node("Add", "v e", "v2"), node("Relu", "e", "s")])
THEN = _body("", "b", [node("Relu", "in1", "b")])
WINDOW = {"kernel_shape": [3, 3], "strides": [2, 2], "dilations": [1, 1], "pads": [1, 1, 1, 1]}

BASES = [
    Base("Conv", [IMAGE, weights("", 6, 2, 3, 3), weights("", 6)], {**WINDOW, "group": 2}),
    Base("Conv", [IMAGE, weights("", 6, 4, 3, 3)], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    Base(
        "ConvTranspose",
        [IMAGE, weights("", 4, 3, 3, 3)],
        {**WINDOW, "group": 1, "output_padding": [1, 1]},
    ),
    Base(
        "ConvTranspose",
        [IMAGE, weights("", 4, 3, 3, 3)],
        {"strides": [2, 2], "output_shape": [16, 16]},
    ),
    Base("ConvInteger", [IMAGE, weights("", 6, 4, 3, 3, kind=3)], WINDOW),
    Base(
        "QLinearConv",
        [IMAGE, f(1), f(0), weights("", 6, 4, 3, 3, kind=3), f(1), f(0), f(1), f(0)],
        WINDOW,
    ),
    Base(
        "DeformConv",
        [IMAGE, weights("", 6, 4, 3, 3), (1, 18, 6, 6)],
        {"group": 1, "offset_group": 1, "kernel_shape": [3, 3]},
    ),
    Base("MaxPool", [IMAGE], {**WINDOW, "ceil_mode": 1, "storage_order": 0}, 2),
    Base("AveragePool", [IMAGE], {**WINDOW, "ceil_mode": 0, "count_include_pad": 1}),
    Base("LpPool", [IMAGE], {**WINDOW, "p": 2}),
    Base("GlobalAveragePool", [IMAGE]),
    Base(
        "MaxUnpool",
        [(1, 4, 4, 4), (1, 4, 4, 4), [1, 4, 8, 8]],
        {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0]},
    ),
    Base("MaxRoiPool", [IMAGE, (2, 5)], {"pooled_shape": [3, 3], "spatial_scale": 0.5}),
    Base(
        "RoiAlign",
        [IMAGE, (2, 4), [0, 0]],
        {"output_height": 3, "output_width": 3, "sampling_ratio": 2, "spatial_scale": 0.5},
    ),
    Base(
        "Resize",
        [IMAGE, None, f(1, 1, 2, 2)],
        {
            "mode": "linear",
            "coordinate_transformation_mode": "half_pixel",
            "antialias": 0,
            "cubic_coeff_a": -0.5,
            "extrapolation_value": 0.0,
        },
    ),
    Base(
        "Resize",
        [IMAGE, None, f(1, 1, 0.5, 0.5)],
        {"mode": "cubic", "antialias": 1, "exclude_outside": 1},
    ),
    Base(
        "Resize",
        [IMAGE, f(0, 0, 0.1, 0.1, 1, 1, 0.9, 0.9), f(1, 1, 2, 2)],
        {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"},
    ),
    Base(
        "Resize", [IMAGE, None, None, [1, 4, 16, 12]], {"mode": "nearest", "nearest_mode": "floor"}
    ),
    Base(
        "Resize",
        [IMAGE, None, None, [16, 12]],
        {"mode": "nearest", "axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"},
    ),
    Base("Upsample", [IMAGE, f(1, 1, 2, 2)], {"mode": "nearest"}, opset=9),
    Base("Upsample", [IMAGE], {"mode": "nearest", "scales": [1.0, 1.0, 2.0, 2.0]}, opset=7),
    Base(
        "GridSample",
        [IMAGE, (1, 5, 5, 2)],
        {"mode": "linear", "padding_mode": "zeros", "align_corners": 0},
    ),
    Base("AffineGrid", [(1, 2, 3), [1, 1, 5, 5]], {"align_corners": 0}),
    Base(
        "Col2Im",
        [(1, 36, 36), [8, 8], [3, 3]],
        {"strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0]},
    ),
    Base("STFT", [(1, 64, 1), [8], None, [16]], {"onesided": 1}),
    Base("DFT", [(1, 16, 1), [16], [1]], {"onesided": 0, "inverse": 0}),
    Base("Pad", [IMAGE, [0, 0, 1, 1, 0, 0, 1, 1]], {"mode": "reflect"}),
    Base("Pad", [IMAGE, [1, 2], None, [2]], {"mode": "wrap"}),
    Base("Pad", [IMAGE], {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "value": 0.0}, opset=2),
    Base("Slice", [IMAGE, [1, 2], [7, 8], [2, 3], [2, 1]]),
    Base("Slice", [IMAGE], {"starts": [1], "ends": [7], "axes": [2]}, opset=1),
    Base("Reshape", [IMAGE, [1, 16, 2, -1]], {"allowzero": 0}),
    Base("Reshape", [IMAGE], {"shape": [1, 16, -1]}, opset=1),
    Base("Expand", [(1, 4, 1, 1), [1, 4, 8, 8]]),
    Base("Tile", [IMAGE, [1, 1, 2, 2]]),
    Base("Flatten", [IMAGE], {"axis": 1}),
    Base("Squeeze", [(1, 4, 1, 8), [2]]),
    Base("Squeeze", [(1, 4, 1, 8)], {"axes": [2]}, opset=1),
    Base("Unsqueeze", [IMAGE, [0, 5]]),
    Base("Transpose", [IMAGE], {"perm": [0, 2, 3, 1]}),
    Base("Concat", [IMAGE, IMAGE], {"axis": 1}),
    Base("Split", [IMAGE, [1, 3]], {"axis": 1}, 2),
    Base("Split", [IMAGE], {"axis": 1, "num_outputs": 2}, 2),
    Base("DepthToSpace", [IMAGE], {"blocksize": 2, "mode": "CRD"}),
    Base("SpaceToDepth", [IMAGE], {"blocksize": 2}),
    Base("Gather", [IMAGE, [0, 2, -1]], {"axis": 2}),
    Base("GatherElements", [(2, 3), [[0, 1, 0]]], {"axis": 0}),
    Base("GatherND", [(2, 3, 4), [[0, 1], [1, 2]]], {"batch_dims": 0}),
    Base("ScatterElements", [(3, 3), [[0, 1, 2]], (1, 3)], {"axis": 0, "reduction": "add"}),
    Base("Scatter", [(3, 3), [[0, 1, 2]], (1, 3)], {"axis": 0}, opset=9),
    Base("ScatterND", [(4, 4), [[0], [2]], (2, 4)], {"reduction": "none"}),
    Base(
        "TensorScatter",
        [(2, 1, 8, 4), (2, 1, 2, 4), [0, 3]],
        {"axis": -2, "mode": "linear"},
        opset=24,
    ),
    Base("OneHot", [(1, 5), [7], f(0, 1)], {"axis": -1}),
    Base("ConstantOfShape", [[2, 3]]),
    Base("Range", [[0], [10], [2]]),
    Base("EyeLike", [(3, 4)], {"k": 1, "dtype": 1}),
    Base("Compress", [IMAGE, np.array([True, False, True, True])], {"axis": 1}),
    Base("NonZero", [(3, 4)]),
    Base("Unique", [(3, 4)], {"axis": 0, "sorted": 1}, 4),
    Base("TopK", [IMAGE, [2]], {"axis": 1, "largest": 1, "sorted": 1}, 2),
    Base("Trilu", [(1, 4, 4), [1]], {"upper": 0}),
    Base("CumSum", [IMAGE, [2]], {"exclusive": 1, "reverse": 0}),
    Base("ReverseSequence", [SEQ, [6, 5]], {"time_axis": 0, "batch_axis": 1}),
    Base("CenterCropPad", [IMAGE, [4, 12]], {"axes": [2, 3]}),
    Base("ReduceMean", [IMAGE, [2, 3]], {"keepdims": 1, "noop_with_empty_axes": 0}),
    Base("ReduceSum", [IMAGE], {"axes": [2], "keepdims": 0}, opset=1),
    Base("ArgMax", [IMAGE], {"axis": 1, "keepdims": 0, "select_last_index": 0}),
    Base("Softmax", [IMAGE], {"axis": 1}),
    Base("Softmax", [IMAGE], {"axis": 1}, opset=1),
    Base("Hardmax", [IMAGE], {"axis": -1}),
    Base("LogSoftmax", [IMAGE], {"axis": -1}),
    Base("LRN", [IMAGE], {"size": 5, "alpha": 0.1, "beta": 0.75, "bias": 1.0}),
    Base(
        "BatchNormalization",
        [IMAGE, *[weights("", 4)] * 4],
        {"epsilon": 1e-5, "momentum": 0.9, "training_mode": 0},
    ),
    Base("InstanceNormalization", [IMAGE, weights("", 4), weights("", 4)], {"epsilon": 1e-5}),
    Base("LayerNormalization", [IMAGE, weights("", 8)], {"axis": -1, "stash_type": 1}, 3),
    Base("RMSNormalization", [IMAGE, weights("", 8)], {"axis": -1}, opset=23),
    Base("GroupNormalization", [IMAGE, weights("", 4), weights("", 4)], {"num_groups": 2}),
    Base("MeanVarianceNormalization", [IMAGE], {"axes": [0, 2, 3]}),
    Base("LpNormalization", [IMAGE], {"axis": -1, "p": 2}),
    Base("MatMul", [(2, 3, 4), (4, 5)]),
    Base("Gemm", [(3, 4), (5, 4), (5,)], {"transA": 0, "transB": 1, "alpha": 1.0}),
    Base("Einsum", [(2, 3, 4), (2, 4, 5)], {"equation": "bij,bjk->bik"}),
    Base("Add", [IMAGE, (4, 1, 1)]),
    Base("Add", [IMAGE, (4,)], {"axis": 1, "broadcast": 1}, opset=1),
    Base("Clip", [IMAGE, f(0), f(6)]),
    Base("Where", [IMAGE, IMAGE, (8,)]),
    Base("PRelu", [IMAGE, (4, 1, 1)]),
    Base("Cast", [IMAGE], {"to": 1}),
    Base("Dropout", [IMAGE, f(0.5)], {"seed": 1}, 2),
    Base(
        "LSTM",
        [SEQ, weights("", 1, 20, 4), weights("", 1, 20, 5)],
        {"hidden_size": 5, "direction": "forward", "layout": 0, "clip": 1.0},
        3,
    ),
    Base(
        "GRU",
        [SEQ, weights("", 2, 15, 4), weights("", 2, 15, 5)],
        {"hidden_size": 5, "direction": "bidirectional", "linear_before_reset": 1},
        2,
    ),
    Base(
        "RNN",
        [SEQ, weights("", 1, 5, 4), weights("", 1, 5, 5), None, [6, 6]],
        {"hidden_size": 5, "activations": ["Tanh"]},
        2,
    ),
    Base(
        "Attention",
        [(1, 2, 5, 4), (1, 2, 5, 4), (1, 2, 5, 4)],
        {"is_causal": 1, "scale": 0.5},
        opset=23,
    ),
    Base(
        "Attention",
        [(1, 5, 8), (1, 5, 8), (1, 5, 8)],
        {"q_num_heads": 2, "kv_num_heads": 2},
        opset=23,
    ),
    Base(
        "RotaryEmbedding",
        [(1, 2, 5, 4), (8, 2), (8, 2), [[0, 1, 2, 3, 4]]],
        {"interleaved": 0, "num_heads": 2, "rotary_embedding_dim": 4},
        opset=23,
    ),
    Base("NonMaxSuppression", [(1, 6, 4), (1, 2, 6), [3]], {"center_point_box": 0}),
    Base("SequenceConstruct", [IMAGE, IMAGE]),
    Base("SplitToSequence", [IMAGE, [2, 2]], {"axis": 1, "keepdims": 1}),
    Base("Constant", [], {"value_ints": [1, 2]}),
    Base("RandomNormal", [], {"shape": [2, 3], "dtype": 1}),
    Base("HannWindow", [[16]], {"periodic": 1, "output_datatype": 1}),
    Base("MelWeightMatrix", [[8], [16], [8000], f(0), f(4000)]),
    Base(
        "TfIdfVectorizer",
        [(2, 6)],
        {
            "max_gram_length": 2,
            "max_skip_count": 1,
            "min_gram_length": 1,
            "mode": "TF",
            "ngram_counts": [0, 2],
            "ngram_indexes": [0, 1, 2],
            "pool_int64s": [2, 3, 5, 4],
        },
    ),
    Base("If", [np.array(True), IMAGE], {"then_branch": THEN, "else_branch": THEN}),
    Base("Loop", [[3], np.array(True), IMAGE], {"body": LOOP}, 2),
    Base(
        "Scan",
        [(4, 8), (5, 4, 8)],
        {"body": SCAN, "num_scan_inputs": 1, "scan_input_axes": [0], "scan_output_axes": [0]},
        2,
    ),
    Base("Shape", [IMAGE], {"start": 1, "end": 3}),
    Base("Size", [IMAGE]),
    Base("BitShift", [IMAGE, (8,)], {"direction": "LEFT"}),
    Base("Mod", [IMAGE, (8,)], {"fmod": 1}),
    Base(
        "NegativeLogLikelihoodLoss", [(2, 4, 3), (2, 3)], {"reduction": "none", "ignore_index": 1}
    ),
    Base("StringNormalizer", [(3,)], {"stopwords": ["a"]}),
    Base("ImageDecoder", [(100,)], {"pixel_format": "RGB"}),
    Base(
        "FusedConv", [IMAGE, weights("", 6, 4, 3, 3)], {**WINDOW, "activation": "Relu"}, domain=MS
    ),
    Base("QLinearAveragePool", [IMAGE, f(1), f(0), f(1), f(0)], WINDOW, domain=MS),
    Base("MultiHeadAttention", [(1, 5, 8), (1, 5, 8), (1, 5, 8)], {"num_heads": 2}, domain=MS),
    Base(
        "Attention",
        [(1, 5, 8), weights("", 8, 24), weights("", 24)],
        {"num_heads": 2, "unidirectional": 1},
        domain=MS,
    ),
    Base(
        "GroupQueryAttention",
        [(1, 5, 8), (1, 5, 4), (1, 5, 4), None, None, [4], [5]],
        {"num_heads": 2, "kv_num_heads": 1, "local_window_size": 2},
        3,
        domain=MS,
    ),
    Base("NhwcConv", [(1, 8, 8, 4), weights("", 6, 4, 3, 3)], WINDOW, domain=MS),
    Base(
        "SkipLayerNormalization",
        [(1, 5, 8), (1, 5, 8), weights("", 8)],
        {"epsilon": 1e-5},
        domain=MS,
    ),
    Base(
        "GroupNorm",
        [(1, 8, 8, 4), weights("", 4), weights("", 4)],
        {"groups": 2, "channels_last": 1, "activation": 0},
        domain=MS,
    ),
    Base("Inverse", [(2, 3, 3)], domain=MS),
    Base(
        "MatMulNBits",
        [(2, 32), weights("", 4, 1, 16, kind=2), weights("", 4)],
        {"K": 32, "N": 4, "bits": 4, "block_size": 32},
        domain=MS,
    ),
    Base("FastGelu", [IMAGE], domain=MS),
]
