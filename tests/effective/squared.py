"""Networks beside the expected squares of their derivatives, by definition."""

from __future__ import annotations

import numpy as np

import rfgraph
from effective.nets import Net


class Squared:
    """A network beside the expected squares of its derivatives, as matrices by definition.

    Each method appends a node and keeps, by tensor, its shape and a matrix (its elements, those of
    the input) of the mean square of the derivative over independent signs of all weights.
    """

    def __init__(self, shape, seed=0):
        self.net = Net(shape)
        self.random = np.random.default_rng(seed)
        count = int(np.prod(shape))
        self.shapes, self.squares = {"x": tuple(shape)}, {"x": np.eye(count)}

    def draw(self, *shape):
        return self.random.normal(size=shape).astype(np.float32)

    def add(self, shape, matrix, kind, *reads, channels=None, **attributes):
        """Append a node that multiplies the elements of its first operand by a matrix."""
        name = self.net.node(kind, *reads, channels=channels or shape[1], **attributes)
        self.shapes[name], self.squares[name] = tuple(shape), matrix**2 @ self.squares[reads[0]]
        return name

    def conv(self, x, maps, k=3, s=1, d=1, p=None, g=1, weight=None):
        shape = self.shapes[x]
        w = self.draw(maps, shape[1] // g, k, k) if weight is None else weight
        pad = d * (k // 2) if p is None else p
        length = [(n + 2 * pad - d * (k - 1) - 1) // s + 1 for n in shape[2:]]
        out = (1, maps, *length)
        matrix = np.zeros((*out[1:], *shape[1:]))
        each = shape[1] // g, maps // g
        for o, y, z in np.ndindex(*out[1:]):
            for i, a, b in np.ndindex(*w.shape[1:]):
                at = y * s - pad + a * d, z * s - pad + b * d
                if all(0 <= place < n for place, n in zip(at, shape[2:], strict=True)):
                    matrix[(o, y, z, o // each[1] * each[0] + i, *at)] = w[o, i, a, b]
        more = {"strides": [s] * 2, "dilations": [d] * 2, "pads": [pad] * 4, "group": g}
        flat = matrix.reshape(np.prod(out), -1)
        return self.add(out, flat, "Conv", x, self.net.const(w), **more)

    def widen(self, x, maps, k=3, s=2, p=1, g=1):
        shape = self.shapes[x]
        w = self.draw(shape[1], maps // g, k, k)
        out = (1, maps, *((n - 1) * s - 2 * p + k for n in shape[2:]))
        matrix = np.zeros((*out[1:], *shape[1:]))
        for i, y, z in np.ndindex(*shape[1:]):
            for o, a, b in np.ndindex(*w.shape[1:]):
                at = y * s - p + a, z * s - p + b
                if all(0 <= place < n for place, n in zip(at, out[2:], strict=True)):
                    first = i // (shape[1] // g) * (maps // g)
                    matrix[(first + o, *at, i, y, z)] = w[i, o, a, b]
        more = {"strides": [s] * 2, "pads": [p] * 4, "group": g}
        flat = matrix.reshape(np.prod(out), -1)
        return self.add(out, flat, "ConvTranspose", x, self.net.const(w), **more)

    def norm(self, x):
        shape = self.shapes[x]
        gain, shift, mean = (self.draw(shape[1]) for _ in range(3))
        spread = np.abs(self.draw(shape[1])) + np.float32(0.1)
        factor = gain.astype(float) / np.sqrt(spread.astype(float) + 2**-7)
        stored = [self.net.const(each) for each in (gain, shift, mean, spread)]
        matrix = np.diag(np.repeat(factor, np.prod(shape[2:])))
        return self.add(shape, matrix, "BatchNormalization", x, *stored, epsilon=2**-7)

    def times(self, x, divided=False):
        shape = self.shapes[x]
        w = self.draw(shape[1], 1, 1)
        factor = 1 / w.astype(float) if divided else w.astype(float)
        matrix = np.diag(np.broadcast_to(factor, shape[1:]).ravel())
        return self.add(shape, matrix, "Div" if divided else "Mul", x, self.net.const(w))

    def sum(self, x, y):
        name = self.net.node("Add", x, y)
        self.shapes[name] = self.shapes[x]
        self.squares[name] = self.squares[x] + self.squares[y]
        return name

    def concat(self, *parts):
        shapes = [self.shapes[part] for part in parts]
        out = (1, sum(shape[1] for shape in shapes), *shapes[0][2:])
        name = self.net.node("Concat", *parts, axis=1, channels=out[1])
        self.shapes[name] = out
        self.squares[name] = np.concatenate([self.squares[part] for part in parts])
        return name

    def slice(self, x, start, stop, step=1):
        shape = self.shapes[x]
        places = np.arange(np.prod(shape)).reshape(shape)[:, start:stop:step]
        ends = [self.net.const([n]) for n in (start, stop, 1, step)]
        chosen = np.eye(np.prod(shape))[places.ravel()]
        return self.add(places.shape, chosen, "Slice", x, *ends)

    def shuffle(self, x, groups):
        """Channels in another order, by Reshape, Transpose and Reshape."""
        n, c, h, w = self.shapes[x]
        places = np.arange(c * h * w).reshape(groups, c // groups, h, w).swapaxes(0, 1)
        split = self.net.node("Reshape", x, self.net.const([n, groups, c // groups, h, w]))
        turned = self.net.node("Transpose", split, perm=[0, 2, 1, 3, 4])
        name = self.net.node("Reshape", turned, self.net.const([n, c, h, w]), channels=c)
        self.shapes[name] = (n, c, h, w)
        self.squares[name] = self.squares[x][places.ravel()]
        return name

    def head(self, x, maps, kind="Gemm", turned=False):
        count = int(np.prod(self.shapes[x]))
        flat = self.net.node("Flatten", x)
        w = self.draw(count, maps)
        more, scale = {}, 1.0
        if kind == "Gemm":
            more, scale = {"alpha": 0.75, "transB": int(turned)}, 0.75
        self.squares[flat] = self.squares[x]
        stored = self.net.const(np.ascontiguousarray(w.T) if turned else w)
        return self.add((1, maps), scale * w.T.astype(float), kind, flat, stored, **more)

    def want(self, tensor, index):
        """The map of the units at an index, None for all of an axis, by the matrices."""
        shape, into = self.shapes[tensor], self.shapes["x"]
        rows = self.squares[tensor].reshape(*shape, *into)
        rows = rows[tuple(slice(None) if at is None else slice(at, at + 1) for at in index)]
        axes = tuple(range(len(shape)))
        return np.sqrt(rows.sum(axis=(*axes, *(len(shape) + a for a in (0, 1)))))

    def check(self, tensor, index=None):
        shape = self.shapes[tensor]
        index = index or (None, None, *(n // 2 for n in shape[2:]))
        found = rfgraph.erf(self.net.model(tensor), tensor, index, map="stored")
        assert found.assumed == ()
        assert found.approximate == ()
        np.testing.assert_allclose(found.map, self.want(tensor, index), rtol=1e-12)
        return found
