"""Random networks whose units near the borders read otherwise than those between.

Unrolled cells, cached streams, attention within chunks and within shifted windows, along one axis.
All weights are positive and all sums small, so that what is read shows when it is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx

from oracle.builder import Builder
from oracle.perturb import session

if TYPE_CHECKING:
    import numpy.typing as npt

WIDE = 2


class Net(NamedTuple):
    """A model, the input that is probed, and whether each unit reads all that came before."""

    model: onnx.ModelProto
    input: str
    axis: int
    unbounded: bool = False


def stored(build: Builder, value: npt.ArrayLike) -> str:
    name = f"m{len(build.stored)}"
    build.stored.append(onnx.numpy_helper.from_array(np.asarray(value), name))
    return name


def conv(build: Builder, x: str, kernel: int, pads: tuple[int, int], **attributes: int) -> str:
    stride, dilation = attributes.get("stride", 1), attributes.get("dilation", 1)
    length = (build.shapes[x][2] + sum(pads) - (kernel - 1) * dilation - 1) // stride + 1
    weight = stored(build, np.full((WIDE, WIDE, kernel), 1 / kernel, np.float32))
    return build.one(
        "Conv", [x, weight], (1, WIDE, length),
        pads=list(pads), strides=[stride], dilations=[dilation],
    )  # fmt: skip


def unrolled(random: np.random.Generator, scale: int) -> Net:
    """y[t] reads x[s*t + ahead] and the states before it: all of them, or so many."""
    step, ahead, memory = (int(random.integers(*ends)) for ends in ((1, 3), (0, 3), (0, 5)))
    steps = 12 + 8 * scale
    build = Builder(18, 0)
    x = build.input((1, step * steps + ahead, WIDE))
    weight = stored(build, np.full((WIDE, WIDE), 0.3, np.float32))
    inner, states = [], []
    for t in range(steps):
        at = stored(build, np.array(step * t + ahead, np.int64))
        taken = build.one("Gather", [x, at], (1, WIDE), axis=1)
        inner.append(build.one("MatMul", [taken, weight], (1, WIDE)))
        before = states[-1:] if memory == 4 else inner[max(0, t - memory) : t]
        state = build.one("Sum", [inner[-1], *before], (1, WIDE))
        states.append(state)
    ones = build.ints([1])
    apart = [build.one("Unsqueeze", [state, ones], (1, 1, WIDE)) for state in states]
    return Net(build.model(build.concat(apart, 1)), x, 1, memory == 4)


def cached(random: np.random.Generator, scale: int) -> Net:
    """Causal convolutions with what came before as an input of its own."""
    build = Builder(18, 0)
    x = first = build.input((1, WIDE, 40 + 24 * scale))
    for _ in range(int(random.integers(1, 4))):
        kernel, dilation = int(random.integers(2, 5)), int(random.integers(1, 4))
        cache = build.input((1, WIDE, (kernel - 1) * dilation))
        made = conv(build, build.concat([cache, x], 2), kernel, (0, 0), dilation=dilation)
        skip = (None, x, first)[int(random.integers(3))]
        x = made if skip is None else build.same("Add", made, skip)
    return Net(build.model(x), first, 2)


def attention(build: Builder, x: str, shape: tuple[int, ...], mask: npt.ArrayLike | None) -> str:
    """Attention between the rows of a tensor of `shape`, which has the elements of x."""
    rows, length = shape[0], shape[1]
    x = build.reshape(x, shape)
    turned = build.transpose(x, [0, 2, 1])
    scores = build.one("MatMul", [x, turned], (rows, length, length))
    small = stored(build, np.float32(0.001))
    scores = build.one("Mul", [scores, small], (rows, length, length))
    if mask is not None:
        hidden = np.where(mask, 0, -1e4).astype(np.float32)
        scores = build.one("Add", [scores, stored(build, hidden)], (rows, length, length))
    weights = build.one("Softmax", [scores], (rows, length, length), axis=-1)
    return build.one("MatMul", [weights, x], shape)


def chunked(random: np.random.Generator, scale: int) -> Net:
    """Attention to one's own chunk and some before it, after a convolution that may skip."""
    chunk, left, layers = (int(random.integers(*ends)) for ends in ((2, 5), (0, 3), (1, 3)))
    stride = int(random.integers(1, 3))
    length = chunk * (2 * left * layers + 8 + 3 * scale)
    build = Builder(18, 0)
    first = build.input((1, WIDE, stride * length))
    x = conv(build, first, 3, (1, 1), stride=stride)
    chunks = np.arange(length) // chunk
    behind = chunks[:, None] - chunks[None]
    for _ in range(layers):
        tokens = build.transpose(x, [0, 2, 1])
        made = attention(build, tokens, (1, length, WIDE), (behind >= 0) & (behind <= left))
        x = build.same("Add", x, build.transpose(made, [0, 2, 1]))
    if random.integers(2):
        x = conv(build, x, 3, (2, 0))
    return Net(build.model(x), first, 2)


def shifted(random: np.random.Generator, scale: int) -> Net:
    """Attention within windows, then within windows that are shifted, masked or wrapping."""
    window = int(random.integers(2, 6))
    shift = int(random.integers(1, window))
    length = window * (9 + 2 * scale)
    build = Builder(18, 0)
    first = build.input((1, WIDE, length))
    x = conv(build, first, 3, (1, 1)) if random.integers(2) else first
    masked = bool(random.integers(2))
    for by in (0, shift)[int(random.integers(2)) :]:
        tokens = build.transpose(x, [0, 2, 1])
        if by:
            tokens = build.concat(
                [build.slice(tokens, [1], [by], [length]), build.slice(tokens, [1], [0], [by])], 1
            )
        mask = None
        if by and masked:
            wraps = (np.arange(length) + by >= length).reshape(-1, window)
            mask = wraps[:, :, None] == wraps[:, None]
        made = attention(build, tokens, (length // window, window, WIDE), mask)
        made = build.reshape(made, (1, length, WIDE))
        if by:
            back = length - by
            made = build.concat(
                [build.slice(made, [1], [back], [length]), build.slice(made, [1], [0], [back])], 1
            )
        x = build.same("Add", x, build.transpose(made, [0, 2, 1]))
    return Net(build.model(conv(build, x, 3, (1, 1))), first, 2)


KINDS = {kind.__name__: kind for kind in (unrolled, cached, chunked, shifted)}


def read(net: Net) -> npt.NDArray[np.bool_]:
    """Return which positions of the probed axis each unit on it reads, found by changing them."""
    running = session(net.model)
    shapes = {item.name: item.shape for item in running.get_inputs()}
    base = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    (plain,) = running.run(None, base)
    found = []
    for position in range(shapes[net.input][net.axis]):
        changed = base[net.input].copy()
        changed[(slice(None),) * net.axis + (position,)] += 4
        (other,) = running.run(None, {**base, net.input: changed})
        axes = tuple(axis for axis in range(other.ndim) if axis != net.axis)
        found.append((other != plain).any(axis=axes))
    return np.array(found).T
