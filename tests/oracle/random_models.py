"""Hypothesis strategies for small random models, valid by construction.

`models` holds windows, transposed windows, resizes and merges, all of which the set evaluator
knows; `wide_models` adds what moves elements about.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from oracle.builder import Builder, window_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

LONGEST = 24
CHANNELS = 4
NODES = 8


class _Maker:
    """A builder with a source of choices."""

    def __init__(self, draw: st.DrawFn, opset: int, rank: int) -> None:
        self.draw = draw
        self.build = Builder(opset, draw(st.integers(0, 99)))
        self.rank = rank

    def pick(self, choices: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(list(choices)))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def coin(self) -> bool:
        return self.draw(st.booleans())

    def each(self, low: int, high: int) -> list[int]:
        """One integer for each spatial axis."""
        return [self.number(low, high) for _ in range(self.rank)]

    def lengths(self, x: str) -> tuple[int, ...]:
        return self.build.shapes[x][2:]

    def channels(self, x: str) -> int:
        return self.build.shapes[x][1]

    def fits(self, lengths: Sequence[int]) -> bool:
        return all(1 <= n <= LONGEST for n in lengths)

    def images(self) -> list[str]:
        """Tensors of the plain layout: batch, channels, spatial axes; the newest last."""
        shapes = self.build.shapes
        return [
            x for x, shape in shapes.items() if len(shape) == 2 + self.rank and self.fits(shape[2:])
        ]

    def latest(self) -> str:
        """Mostly the newest tensor, sometimes an older one."""
        images = self.images()
        return images[-1] if self.number(0, 3) else self.pick(images)


# --- one operator ----------------------------------------------------------------------------


def _window(make: _Maker, x: str, *, dilated: bool = True) -> dict[str, list[int]]:
    """Kernel, strides, dilations and pads whose every window meets the tensor."""
    kernel, strides = make.each(1, 4), make.each(1, 3)
    dilations = make.each(1, 3) if dilated else [1] * make.rank
    begins, ends = ([make.number(0, k - 1) for k in kernel] for _ in range(2))
    for axis, n in enumerate(make.lengths(x)):
        while window_length(n, kernel[axis], 1, dilations[axis], begins[axis], ends[axis]) < 1:
            kernel[axis] -= 1
            begins[axis], ends[axis] = (
                min(p, kernel[axis] - 1) for p in (begins[axis], ends[axis])
            )
    return {"kernel": kernel, "strides": strides, "dilations": dilations, "pads": begins + ends}


def _meets(make: _Maker, x: str, window: dict[str, list[int]]) -> bool:
    """Whether each window of a pool holds an element; NaN or the lowest float would come out."""
    for axis, n in enumerate(make.lengths(x)):
        k, s, d = (window[key][axis] for key in ("kernel", "strides", "dilations"))
        begin, end = window["pads"][axis], window["pads"][axis + make.rank]
        for o in range(window_length(n, k, s, d, begin, end, ceil=True)):
            if not any(0 <= o * s - begin + t * d < n for t in range(k)):
                return False
    return True


def _auto(make: _Maker, x: str, window: dict[str, list[int]]) -> str | None:
    """Sometimes an auto_pad instead of pads; undilated, as runtimes differ there."""
    auto: str | None = make.pick((None, None, None, "SAME_UPPER", "SAME_LOWER", "VALID"))
    strides = zip(window["kernel"], window["strides"], make.lengths(x), strict=True)
    # onnxruntime refuses SAME pads that would be negative.
    if auto not in (None, "VALID") and any((-(-n // s) - 1) * s + k < n for k, s, n in strides):
        auto = "VALID"
    if auto is not None:
        window["pads"] = []
        window["dilations"] = [1] * make.rank
    return auto


def _group(make: _Maker, x: str) -> tuple[int, int]:
    """Return (groups, output channels)."""
    channels = make.channels(x)
    group = make.pick([g for g in range(1, channels + 1) if channels % g == 0])
    return group, group * make.number(1, max(1, CHANNELS // group))


def conv(make: _Maker, x: str) -> str | None:
    window = _window(make, x)
    auto = _auto(make, x, window)
    group, channels = _group(make, x)
    lengths = _lengths(make, x, window, auto)
    if not make.fits(lengths):
        return None
    return make.build.conv(
        x,
        channels,
        window["kernel"],
        strides=window["strides"],
        dilations=window["dilations"],
        pads=window["pads"] or None,
        group=group,
        auto_pad=auto,
    )


def _lengths(make: _Maker, x: str, window: dict[str, list[int]], auto: str | None) -> list[int]:
    pads = window["pads"] or [0] * (2 * make.rank)
    result = []
    for axis, n in enumerate(make.lengths(x)):
        k, s, d = (window[key][axis] for key in ("kernel", "strides", "dilations"))
        if auto is not None and auto.startswith("SAME"):
            result.append(-(-n // s))
        else:
            result.append(window_length(n, k, s, d, pads[axis], pads[axis + make.rank]))
    return result


def pool(make: _Maker, x: str) -> str | None:
    kind = make.pick(("MaxPool", "MaxPool", "AveragePool", "LpPool"))
    opset = make.build.opset
    old = opset < {"MaxPool": 12, "AveragePool": 19, "LpPool": 18}[kind]
    window = _window(make, x, dilated=not old)
    auto = _auto(make, x, window)
    if auto is None and not _meets(make, x, window):
        return None
    if not make.fits(_lengths(make, x, window, auto)):
        return None
    ceil = auto is None and not (kind == "LpPool" and old) and make.coin()
    extra = {"count_include_pad": make.number(0, 1)} if kind == "AveragePool" else {}
    return make.build.pool(
        kind,
        x,
        window["kernel"],
        strides=window["strides"],
        dilations=None if old else window["dilations"],
        pads=window["pads"] or None,
        auto_pad=auto,
        ceil_mode=int(ceil and not _drops(make, x, window)),
        **extra,
    )


def _drops(make: _Maker, x: str, window: dict[str, list[int]]) -> bool:
    """Whether ceil_mode would drop a last window; shape inference before opset 22 does not."""
    for axis, n in enumerate(make.lengths(x)):
        k, s, d = (window[key][axis] for key in ("kernel", "strides", "dilations"))
        pads = window["pads"][axis :: make.rank]
        room = n + sum(pads) - ((k - 1) * d + 1)
        if window_length(n, k, s, d, *pads, ceil=True) != -(-room // s) + 1:
            return True
    return False


def transposed(make: _Maker, x: str) -> str | None:
    kernel, strides, dilations = make.each(1, 4), make.each(1, 3), make.each(1, 2)
    group, channels = _group(make, x)
    style = make.pick(("pads", "pads", "shape", "SAME_UPPER", "SAME_LOWER", "VALID"))
    full = [
        s * (n - 1) + (k - 1) * d + 1
        for n, k, s, d in zip(make.lengths(x), kernel, strides, dilations, strict=True)
    ]
    given: dict[str, Any] = {}
    if style == "pads":
        begins, ends = ([make.number(0, k - 1) for k in kernel] for _ in range(2))
        extra = [make.number(0, s - 1) for s in strides]
        lengths = [f - b - e + p for f, b, e, p in zip(full, begins, ends, extra, strict=True)]
        given = {"pads": begins + ends, "output_padding": extra}
    elif style == "shape":
        lengths = [
            make.number(max(n, f - 3), f) for n, f in zip(make.lengths(x), full, strict=True)
        ]
        given = {"output_shape": lengths}
    elif style == "VALID":
        lengths, given = full, {"auto_pad": style}
    else:
        lengths = [n * s for n, s in zip(make.lengths(x), strides, strict=True)]
        given = {"auto_pad": style}
        if any(f < n for f, n in zip(full, lengths, strict=True)):
            return None
    if not make.fits(lengths):
        return None
    return make.build.transposed(
        x, channels, kernel, strides=strides, dilations=dilations, group=group, **given
    )


def resize(make: _Maker, x: str) -> str | None:
    """By factors that float32 holds exactly: elsewhere a runtime's rounding decides ties."""
    modes = ("nearest", "linear") if make.rank == 1 else ("nearest", "linear", "cubic")
    mode = make.pick(modes)
    transforms = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
    if make.build.opset >= 19:
        transforms.append("half_pixel_symmetric")
    transform = make.pick(transforms)
    lengths = make.lengths(x)
    factors = [make.pick((1, 1.5, 2, 3, 0.5, 4, 2.5)) for _ in lengths]
    if transform == "align_corners" and make.coin():
        wanted = make.each(1, LONGEST)
    else:
        wanted = [int(n * f) for n, f in zip(lengths, factors, strict=True)]
        if any(n * f % 1 for n, f in zip(lengths, factors, strict=True)):
            return None
    if not make.fits(wanted) or wanted == list(lengths):
        return None
    by_scales = transform != "align_corners" and make.coin()
    nearest = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    return make.build.resize(
        x,
        wanted,
        factors if by_scales else None,
        mode=mode,
        coordinate_transformation_mode=transform,
        nearest_mode=make.pick(nearest) if mode == "nearest" else None,
        exclude_outside=make.number(0, 1) if mode == "cubic" else None,
    )


def pointwise(make: _Maker, x: str) -> str:
    kind = make.pick(("Relu", "Sigmoid", "LeakyRelu", "Identity", "BatchNormalization", "Silu"))
    if kind == "Silu":
        return make.build.same("Mul", x, make.build.same("Sigmoid", x))
    if kind == "BatchNormalization":
        size = (make.channels(x),)
        stored = [make.build.floats(size, positive=slot == 3) for slot in range(4)]
        return make.build.one(kind, [x, *stored], make.build.shapes[x])
    return make.build.same(kind, x)


def merge(make: _Maker, x: str) -> str | None:
    """Add or concatenate with another tensor, cropped to equal lengths where needed."""
    other = make.pick(make.images())
    lengths = [min(pair) for pair in zip(make.lengths(x), make.lengths(other), strict=True)]
    pair = [
        y if make.lengths(y) == tuple(lengths) else make.build.crop(y, lengths) for y in (x, other)
    ]
    both = {make.channels(y) for y in pair}
    if (len(both) == 1 or 1 in both) and make.coin():
        return make.build.same(make.pick(("Add", "Sum", "Mul", "Sub", "Max")), *pair)
    if sum(make.channels(y) for y in pair) > 2 * CHANNELS:
        return None
    return make.build.concat(pair)


def border(make: _Maker, x: str) -> str | None:
    """Pad with zeros, or crop; both by Pad."""
    before, after = make.each(-1, 2), make.each(-1, 2)
    lengths = [n + b + a for n, b, a in zip(make.lengths(x), before, after, strict=True)]
    if not make.fits(lengths):
        return None
    return make.build.pad(x, [0, 0, *before], [0, 0, *after], "constant")


def strided_slice(make: _Maker, x: str) -> str | None:
    axis = 2 + make.number(0, make.rank - 1)
    n = make.build.shapes[x][axis]
    start, step = make.number(0, n - 1), make.pick((1, 2, 3, -1, -2))
    end = make.number(start + 1, n) if step > 0 else -n - 1
    return make.build.slice(x, [axis], [start], [end], [step])


# --- shapes of whole networks ----------------------------------------------------------------


def residual(make: _Maker, x: str) -> str:
    y = make.build.same_conv(x, make.channels(x), make.pick((1, 3, 5)), make.number(1, 2))
    if make.coin():
        y = make.build.same("Relu", y)
    return make.build.same(make.pick(("Add", "Sum")), x, y)


def dense(make: _Maker, x: str) -> str:
    return make.build.concat([x, make.build.same_conv(x, 1, make.pick((1, 3)))])


def inception(make: _Maker, x: str) -> str:
    kernels = [make.pick((1, 3, 5)) for _ in range(make.number(2, 3))]
    return make.build.concat([make.build.same_conv(x, 1, k, make.number(1, 2)) for k in kernels])


def split_concat(make: _Maker, x: str) -> str:
    """Split the channels, work on one half, and put them together, sometimes swapped."""
    channels = make.channels(x)
    if channels < 2:
        return residual(make, x)
    first = make.number(1, channels - 1)
    a, b = make.build.split(x, [first, channels - first])
    a = make.build.same_conv(a, make.build.shapes[a][1], 3)
    return make.build.concat([b, a] if make.coin() else [a, b])


def stacked(make: _Maker, x: str) -> str:
    """Blocks with two routes each, one behind the other."""
    for _ in range(make.number(2, 3)):
        x = make.pick((residual, dense, split_concat))(make, x)
    return x


def unet(make: _Maker, x: str) -> str:
    """Down by 2, a convolution, up again, and the skip beside it, cropped where lengths are odd."""
    if min(make.lengths(x)) < 4:
        return dense(make, x)
    two = [2] * make.rank
    if make.coin():
        down = make.build.pool("MaxPool", x, two, strides=two)
    else:
        down = make.build.conv(x, 2, two, strides=two)
    middle = make.build.same_conv(down, 2, 3)
    lengths = [2 * n for n in make.lengths(middle)]
    if make.coin():
        up = make.build.transposed(middle, 1, two, strides=two)
    else:
        up = make.build.resize(middle, lengths, None, mode=make.pick(("nearest", "linear")))
    skip = x if make.lengths(x) == tuple(lengths) else make.build.crop(x, lengths)
    return make.build.concat([skip, up])


# --- what moves elements ---------------------------------------------------------------------


def patches(make: _Maker, x: str) -> str | None:
    """Cut into patches, mix within each by a matrix or not at all, and put back."""
    shape = make.build.shapes[x]
    size = [make.pick([p for p in (1, 2, 3, 4) if n % p == 0]) for n in shape[2:]]
    rank, build = make.rank, make.build
    grid = [n // p for n, p in zip(shape[2:], size, strict=True)]
    apart = [n for pair in zip(grid, size, strict=True) for n in pair]
    y = build.reshape(x, (*shape[:2], *apart))
    perm = [0, *range(2, 2 + 2 * rank, 2), 1, *range(3, 3 + 2 * rank, 2)]
    y = build.transpose(y, perm)
    moved, inner = build.shapes[y], math.prod((shape[1], *size))
    y = build.reshape(y, (shape[0], math.prod(grid), inner))
    if make.coin():
        y = build.one("MatMul", [y, build.floats((inner, inner))], build.shapes[y])
    y = build.reshape(y, moved)
    y = build.transpose(y, [perm.index(axis) for axis in range(len(perm))])
    return build.reshape(y, shape)


def roll(make: _Maker, x: str) -> str | None:
    axis = 2 + make.number(0, make.rank - 1)
    n = make.build.shapes[x][axis]
    if n < 2:
        return None
    by = make.number(1, n - 1)
    parts = [make.build.slice(x, [axis], [by], [n]), make.build.slice(x, [axis], [0], [by])]
    return make.build.concat(parts, axis)


def gather(make: _Maker, x: str) -> str | None:
    axis = make.number(1, 1 + make.rank)
    shape = list(make.build.shapes[x])
    limit = CHANNELS if axis == 1 else 8
    indices = [make.number(-shape[axis], shape[axis] - 1) for _ in range(make.number(1, limit))]
    shape[axis] = len(indices)
    return make.build.one("Gather", [x, make.build.ints(indices)], tuple(shape), axis=axis)


def shuffle(make: _Maker, x: str) -> str | None:
    """DepthToSpace or SpaceToDepth, in two dimensions."""
    if make.rank != 2:
        return None
    if make.coin():
        x = make.build.same_conv(x, 4, 1)
    shape = make.build.shapes[x]
    if shape[1] % 4 == 0 and max(shape[2:]) * 2 <= LONGEST:
        up = (shape[0], shape[1] // 4, shape[2] * 2, shape[3] * 2)
        mode = make.pick(("DCR", "CRD"))
        return make.build.one("DepthToSpace", [x], up, blocksize=2, mode=mode)
    if shape[2] % 2 == 0 and shape[3] % 2 == 0 and shape[1] <= 2:
        down = (shape[0], shape[1] * 4, shape[2] // 2, shape[3] // 2)
        return make.build.one("SpaceToDepth", [x], down, blocksize=2)
    return None


def swap(make: _Maker, x: str) -> str | None:
    """Turn the spatial axes over, or send channels to the end and back around something."""
    if make.rank == 2 and make.coin():
        return make.build.transpose(x, [0, 1, 3, 2])
    last = [0, *range(2, 2 + make.rank), 1]
    y = make.build.same("Relu", make.build.transpose(x, last))
    return make.build.transpose(y, [0, 1 + make.rank, *range(1, 1 + make.rank)])


def mirrored(make: _Maker, x: str) -> str | None:
    mode = make.pick(("reflect", "edge") + (("wrap",) if make.build.opset >= 19 else ()))
    lengths = make.lengths(x)
    before, after = ([make.number(0, min(2, n - 1)) for n in lengths] for _ in range(2))
    wanted = [n + b + a for n, b, a in zip(lengths, before, after, strict=True)]
    if not make.fits(wanted):
        return None
    return make.build.pad(x, [0, 0, *before], [0, 0, *after], mode)


# --- strategies ------------------------------------------------------------------------------

_SINGLE = (conv, conv, pool, transposed, resize, merge, merge, pointwise, border, strided_slice)
_SHAPED = (residual, dense, inception, split_concat, stacked, unet)
_MOVING = (patches, roll, gather, shuffle, swap, mirrored)


@st.composite
def models(
    draw: st.DrawFn, *, rank: int | None = None, wide: bool = False, nodes: int = NODES
) -> onnx.ModelProto:
    """Draw a model of 1 or 2 spatial axes and at most about `nodes` nodes; its output is last."""
    spatial = draw(st.integers(1, 2)) if rank is None else rank
    make = _Maker(draw, draw(st.integers(17, 21)), spatial)
    longest = LONGEST if spatial == 1 else 10
    for _ in range(make.pick((1, 1, 1, 2))):
        shape = (1, make.number(1, CHANNELS), *make.each(3, longest))
        make.build.input(shape)
    choices = _SINGLE + _SHAPED + (_MOVING * 2 if wide else ())
    for _ in range(make.number(1, nodes)):
        if len(make.build.nodes) >= nodes:
            break
        operator = make.pick(choices)
        x = make.latest()
        if make.channels(x) <= 2 * CHANNELS:
            operator(make, x)
    outputs = [x for x in make.images() if x not in make.build.inputs]
    if not outputs:
        outputs = [make.build.same_conv(make.build.inputs[0], 1, 3)]
    return make.build.model(outputs[-1])


def wide_models(
    *, rank: int | None = None, nodes: int = NODES
) -> st.SearchStrategy[onnx.ModelProto]:
    """Draw models that also reshape, transpose, gather, roll, shuffle and mirror."""
    return models(rank=rank, wide=True, nodes=nodes)
