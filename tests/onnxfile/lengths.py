"""Random nets whose inputs leave lengths open: tied by arithmetic, fixed by weights, time first."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from oracle.builder import Builder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import onnx

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Net:
    """A model with open dimensions, and the lengths with which it was made, by symbol."""

    model: onnx.ModelProto
    lengths: Mapping[str, int]


def opened(
    build: Builder, outputs: list[str], dims: Mapping[str, tuple[int | str, ...]]
) -> onnx.ModelProto:
    """Return the model with the dims of its inputs replaced, and its outputs of unknown shape."""
    model = build.model(*outputs)
    for value in model.graph.input:
        for dim, said in zip(value.type.tensor_type.shape.dim, dims[value.name], strict=True):
            if isinstance(said, str):
                dim.dim_param = said
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return model


def unsqueezed(build: Builder, x: str, axis: int) -> str:
    shape = build.shapes[x]
    return build.one("Unsqueeze", [x, build.ints([axis])], (*shape[:axis], 1, *shape[axis:]))


def squeezed(build: Builder, x: str, axis: int) -> str:
    shape = build.shapes[x]
    return build.one("Squeeze", [x, build.ints([axis])], (*shape[:axis], *shape[axis + 1 :]))


class Runtime:
    """onnxruntime's word on shapes: whether it runs with them."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def accepts(self, shapes: Mapping[str, Shape]) -> bool:
        feeds = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
        try:
            self.session.run(None, feeds)
        except Exception:
            return False
        return True


# -- tied by arithmetic ----------------------------------------------------------------------------


def _floored(pick: random.Random, symbol: str, more: int, by: int) -> str:
    """Return floor((symbol + more) / by) + 1 in one of the ways in which exporters write it."""
    sign = f"+ {more}" if more >= 0 else f"- {-more}"
    return pick.choice(
        [
            f"floor(({symbol} {sign})/{by}) + 1",
            f"(({symbol} {sign})//{by}) + 1",
            f"1 + ({more} + {symbol})//{by}",
            f"floor({symbol}/{by} + {more}/{by}) + 1",
            f"FloorDiv({symbol} {sign}, {by}) + 1",
        ]
    )


def _strided(pick: random.Random, build: Builder, x: str, text: str) -> tuple[str, str]:
    """Return a window's output and the text of its length, whose input's length is `text`."""
    k, s, p, d = pick.randint(1, 4), pick.randint(2, 3), pick.randint(0, 2), pick.randint(1, 2)
    extent = (k - 1) * d + 1
    y = build.conv(x, 2, [k], strides=[s], pads=[p, p], dilations=[d])
    inner = text if text.isidentifier() else f"({text})"
    return y, _floored(pick, inner, 2 * p - extent, s)


def _doubled(pick: random.Random, build: Builder, x: str, text: str) -> tuple[str, str]:
    y = build.transposed(x, 2, [2], strides=[2])
    return y, pick.choice([f"2*({text})", f"({text})*2", f"({text}) + ({text})"])


def _cut(pick: random.Random, build: Builder, x: str, text: str) -> tuple[str, str]:
    n = pick.randint(1, 3)
    length = build.shapes[x][2]
    y = build.slice(x, [2], [n], [2**62])
    assert build.shapes[y][2] == length - n
    return y, pick.choice([f"({text}) - {n}", f"-{n} + {text}"])


def arithmetic(seed: int) -> Net:
    """Return a net in which other inputs join a chain of windows where their lengths meet."""
    pick = random.Random(seed)
    build = Builder(18, seed)
    length = pick.randint(40, 90)
    hidden = pick.random() < 0.3
    x = build.input((1, 1, 2 * length if hidden else length))
    text = "2*s1" if hidden else "s1"
    dims: dict[str, tuple[int | str, ...]] = {x: ("s0", 1, text)}
    y = x
    for _ in range(pick.randint(1, 3)):
        y, text = pick.choice([_strided, _strided, _doubled, _cut])(pick, build, y, text)
        if pick.random() < 0.7:
            other = build.input((1, 3, build.shapes[y][2]))
            dims[other] = ("s0", 3, text)
            y = build.concat([y, other])
    return Net(opened(build, [y], dims), {"s0": 1, "s1": length})


# -- fixed by weights ------------------------------------------------------------------------------


def _matmul(pick: random.Random, build: Builder, x: str) -> str:
    shape = build.shapes[x]
    k = pick.randint(2, 9)
    return build.one("MatMul", [x, build.floats((shape[-1], k))], (*shape[:-1], k))


def _scaled(pick: random.Random, build: Builder, x: str) -> str:
    kind = pick.choice(["Add", "Mul"])
    return build.one(kind, [x, build.floats((build.shapes[x][-1],))], build.shapes[x])


def _normed(pick: random.Random, build: Builder, x: str) -> str:
    scale = build.floats((build.shapes[x][-1],))
    return build.one("LayerNormalization", [x, scale], build.shapes[x], axis=-1)


def _recurrent(pick: random.Random, build: Builder, x: str) -> str:
    batch, time, size = build.shapes[x]
    hidden = pick.randint(1, 4)
    turned = build.transpose(x, [1, 0, 2])
    kind, gates = pick.choice([("LSTM", 4), ("GRU", 3), ("RNN", 1)])
    weights = build.floats((1, gates * hidden, size)), build.floats((1, gates * hidden, hidden))
    y = build.one(kind, [turned, *weights], (time, 1, batch, hidden), hidden_size=hidden)
    return build.transpose(squeezed(build, y, 1), [1, 0, 2])


def _channels(pick: random.Random, build: Builder, x: str) -> str:
    """Convolve over the middle axis, the last as channels, in groups where they divide."""
    turned = build.transpose(x, [0, 2, 1])
    size = build.shapes[x][2]
    group = pick.choice([n for n in (1, 2, 3, size) if size % n == 0])
    return build.transpose(build.conv(turned, 2 * group, [3], pads=[1, 1], group=group), [0, 2, 1])


def _reshaped(pick: random.Random, build: Builder, x: str) -> str:
    batch, time, size = build.shapes[x]
    parts = pick.choice([n for n in range(1, size + 1) if size % n == 0])
    ints = build.ints([0, 0, parts, size // parts])
    return build.one("Reshape", [x, ints], (batch, time, parts, size // parts))


def _strided_before(pick: random.Random, build: Builder, x: str) -> str:
    """Halve the last axis, so that two lengths of it may fit what follows."""
    batch, time, size = build.shapes[x]
    kept = build.slice(x, [2], [0], [2**62], [2])
    assert build.shapes[kept] == (batch, time, -(-size // 2))
    return _matmul(pick, build, kept)


def _dense(pick: random.Random, build: Builder, x: str) -> str:
    """Flatten time and features into one product."""
    batch, time, size = build.shapes[x]
    flat = build.one("Flatten", [x], (batch, time * size), axis=1)
    return build.one("Gemm", [flat, build.floats((time * size, 3))], (batch, 3))


WEIGHTED: tuple[Callable[[random.Random, Builder, str], str], ...] = (
    _matmul, _scaled, _normed, _recurrent, _channels, _reshaped, _strided_before, _dense,
)  # fmt: skip


def weights(seed: int) -> Net:
    """Return a net [batch, time, features] in which a constant meets the features."""
    pick = random.Random(seed)
    build = Builder(18, seed)
    size = pick.choice([pick.randint(2, 60), pick.randint(61, 300), 256])
    x = build.input((1, pick.choice([7, 12]), size))
    layer = WEIGHTED[seed % len(WEIGHTED)]
    before = build.same("Relu", x) if pick.random() < 0.5 else x
    y = layer(pick, build, before)
    if len(build.shapes[y]) == 3 and pick.random() < 0.5:
        y = _matmul(pick, build, y)
    time = build.shapes[x][1]
    said: int | str = time if layer is _dense and pick.random() < 0.8 else "T"
    return Net(opened(build, [y], {x: ("N", said, "D")}), {"N": 1, "T": time, "D": size})


# -- time first ------------------------------------------------------------------------------------


def _pointwise(pick: random.Random, build: Builder, x: str) -> str:
    return build.same(pick.choice(["Relu", "Sigmoid"]), x)


def _project(pick: random.Random, build: Builder, x: str) -> str:
    return _matmul(pick, build, x)


def _along_time(pick: random.Random, build: Builder, x: str) -> str:
    """Convolve over axis 0."""
    time, size = build.shapes[x]
    image = unsqueezed(build, build.transpose(x, [1, 0]), 0)
    k = pick.choice([2, 3])
    y = build.conv(image, size, [k], pads=[k - 1, 0])
    assert build.shapes[y] == (1, size, time)
    return build.transpose(squeezed(build, y, 0), [1, 0])


def _rnn(pick: random.Random, build: Builder, x: str) -> str:
    time, size = build.shapes[x]
    weights = build.floats((1, size, size)), build.floats((1, size, size))
    sequence = unsqueezed(build, x, 1)
    y = build.one("RNN", [sequence, *weights], (time, 1, 1, size), hidden_size=size)
    return squeezed(build, squeezed(build, y, 1), 1)


def _later(pick: random.Random, build: Builder, x: str) -> str:
    """Cut the first positions of axis 0."""
    return build.slice(x, [0], [pick.randint(1, 2)], [2**62])


def _one(pick: random.Random, build: Builder, x: str) -> str:
    """Take one position of axis 0, and keep the axis."""
    at = build.ints([pick.choice([0, -1])])
    return build.one("Gather", [x, at], (1, build.shapes[x][1]), axis=0)


STILL = (_pointwise, _project)
MOVING = (_along_time, _rnn, _later, _one)


def time_first(seed: int) -> tuple[Net, bool]:
    """Return a net [T, features], and whether some layer of it moves along axis 0."""
    pick = random.Random(seed)
    build = Builder(18, seed)
    x = y = build.input((11, pick.randint(2, 5)))
    moving = pick.random() < 0.6
    layers = [pick.choice(STILL) for _ in range(pick.randint(1, 3))]
    if moving:
        layers.insert(pick.randint(0, len(layers)), pick.choice(MOVING))
    for layer in layers:
        y = layer(pick, build, y)
    return Net(opened(build, [y], {x: ("T", build.shapes[x][1])}), {"T": 11}), moving
