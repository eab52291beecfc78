"""Networks whose tables are large: a detector, cells of separable convolutions, dense blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle.examples import builder

if TYPE_CHECKING:
    import onnx

    from oracle.builder import Builder


def _down(build: Builder, x: str, channels: int) -> str:
    return build.conv(x, channels, [3, 3], strides=[2, 2], pads=[1, 1, 1, 1])


def detector(size: int, width: int = 2, classes: int = 80) -> tuple[onnx.ModelProto, str]:
    """Return a detector that joins the boxes and classes of three strides, and its output."""
    build, x = builder(1, 3, size, size)
    levels = []
    for channels in (width, width, width, width, width):
        x = build.same("Relu", _down(build, x, channels))
        left, right = build.split(build.conv(x, 2 * channels, [1, 1]), [channels, channels])
        inner = build.same("Add", right, build.same_conv(build.same_conv(right, channels, 3), 1, 3))
        x = build.conv(build.concat([left, right, inner]), channels, [1, 1])
        levels.append(x)
    top = levels[-1]
    pooled = [top]
    for _ in range(3):
        pooled.append(build.pool("MaxPool", pooled[-1], [5, 5], pads=[2, 2, 2, 2]))
    heads = [build.conv(build.concat(pooled), width, [1, 1])]
    for level in (levels[3], levels[2]):
        lengths = build.shapes[level][2:]
        up = build.resize(heads[0], lengths, [2.0, 2.0], mode="nearest")
        heads.insert(0, build.same_conv(build.concat([up, level]), width, 3))
    flat = []
    for head in heads:
        boxes = build.conv(build.same_conv(head, width, 3), 64, [1, 1])
        kinds = build.conv(build.same_conv(head, width, 3), classes, [1, 1])
        joined = build.concat([boxes, kinds])
        units = build.shapes[joined][2] * build.shapes[joined][3]
        flat.append(build.reshape(joined, (1, 64 + classes, units)))
    boxes, kinds = build.split(build.concat(flat, axis=2), [64, classes])
    units = build.shapes[boxes][2]
    boxes = build.transpose(build.reshape(boxes, (1, 4, 16, units)), [0, 2, 1, 3])
    boxes = build.conv(build.same("Softmax", boxes, axis=1), 1, [1, 1])
    y = build.concat([build.reshape(boxes, (1, 4, units)), build.same("Sigmoid", kinds)])
    return build.model(y), y


def cells(size: int, filters: int, repeats: int) -> tuple[onnx.ModelProto, str]:
    """Return cells as of NASNet, each of which reads the two before it, and its last map."""
    build, x = builder(1, 3, size, size)
    before = x = _down(build, x, filters)
    for stage in range(2):
        for _ in range(repeats):
            before, x = x, _cell(build, x, before, filters)
        before, x = x, _reduction(build, x, filters)
        filters *= 1 + (stage == 0)
    y = build.same("Relu", _cell(build, x, before, filters))
    return build.model(y), y


def _separable(build: Builder, x: str, channels: int, kernel: int, stride: int = 1) -> str:
    x = build.same("Relu", x)
    group, pads = build.shapes[x][1], [kernel // 2] * 4
    kernels, strides = [kernel, kernel], [stride, stride]
    x = build.conv(x, group, kernels, strides=strides, pads=pads, group=group)
    return build.conv(x, channels, [1, 1])


def _fitted(build: Builder, x: str, like: str, channels: int) -> str:
    """Return a map of an earlier cell at the lengths of `like`: two strided halves, one shifted."""
    if build.shapes[x][2:] == build.shapes[like][2:]:
        return build.conv(x, channels, [1, 1])
    height, width = build.shapes[x][2:]
    padded = build.pad(x, [0, 0, 0, 0], [0, 0, 1, 1], "constant")
    shifted = build.slice(padded, [2, 3], [1, 1], [height + 1, width + 1])
    halves = [build.pool("AveragePool", part, [1, 1], strides=[2, 2]) for part in (x, shifted)]
    return build.concat([build.conv(half, channels, [1, 1]) for half in halves])


def _cell(build: Builder, x: str, before: str, channels: int) -> str:
    here = build.conv(x, channels, [1, 1])
    past = build.conv(_fitted(build, before, x, channels), channels, [1, 1])
    branches = [
        build.same(
            "Add", _separable(build, here, channels, 5), _separable(build, past, channels, 3)
        ),
        build.same("Add", build.pool("AveragePool", here, [3, 3], pads=[1] * 4), past),
        build.same("Add", _separable(build, here, channels, 3), here),
    ]
    return build.concat([past, *branches])


def _reduction(build: Builder, x: str, channels: int) -> str:
    here = build.conv(x, channels, [1, 1])
    pooled = build.pool("MaxPool", here, [3, 3], strides=[2, 2], pads=[1] * 4)
    return build.concat(
        [_separable(build, here, channels, 5, 2), _separable(build, here, channels, 7, 2), pooled]
    )


def dense(size: int, blocks: tuple[int, ...], growth: int) -> tuple[onnx.ModelProto, str]:
    """Return blocks in which each layer reads all before it, joined anew, and the pooled output."""
    build, x = builder(1, 3, size, size)
    x = build.conv(x, 2 * growth, [7, 7], strides=[2, 2], pads=[3] * 4)
    x = build.pool("MaxPool", x, [3, 3], strides=[2, 2], pads=[1] * 4)
    for number, layers in enumerate(blocks):
        parts = [x]
        for _ in range(layers):
            joined = build.concat(parts) if len(parts) > 1 else x
            narrow = build.conv(build.same("Relu", joined), 2 * growth, [1, 1])
            parts.append(build.same_conv(build.same("Relu", narrow), growth, 3))
        x = build.concat(parts)
        if number < len(blocks) - 1:
            x = build.conv(x, build.shapes[x][1] // 2, [1, 1])
            x = build.pool("AveragePool", x, [2, 2], strides=[2, 2])
    shape = (*build.shapes[x][:2], 1, 1)
    y = build.one("GlobalAveragePool", [x], shape)
    return build.model(y), y


def circular(length: int, layers: int) -> tuple[onnx.ModelProto, str]:
    """Return convolutions of doubling dilation with circular padding by Slice and Concat."""
    build, x = builder(1, 2, length)
    for number in range(layers):
        d = 2 << number
        head, tail = build.slice(x, [2], [0], [d]), build.slice(x, [2], [-d], [length])
        x = build.conv(build.concat([tail, x, head], axis=2), 2, [3], dilations=[d])
    return build.model(x), x
