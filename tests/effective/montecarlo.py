"""Gradients of small networks over random weights, by a reverse pass of its own in NumPy.

A network is a list of layers on single images (channels, rows, columns): ("conv", kernel, dilation,
stride), ("relu",), ("push",) and ("add",), which put the current value aside and add it back, and
("mix", K, kept), which mixes rows and columns by a matrix of weights (output, input) and is
taken to keep that part of the variance along each.
"""

from __future__ import annotations

import numpy as np


def windows(x, k, d, s):
    """The taps of every output position, zeros outside: (channels, k, k, rows, columns)."""
    pad = d * (k // 2)
    wide = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    rows, columns = (-(-n // s) for n in x.shape[1:])
    return np.array(
        [
            [
                wide[
                    :,
                    a * d : a * d + s * (rows - 1) + 1 : s,
                    b * d : b * d + s * (columns - 1) + 1 : s,
                ]
                for b in range(k)
            ]
            for a in range(k)
        ]
    ).transpose(2, 0, 1, 3, 4)


def unwindowed(taps, shape, k, d, s):
    pad = d * (k // 2)
    wide = np.zeros((shape[0], shape[1] + 2 * pad, shape[2] + 2 * pad))
    rows, columns = taps.shape[3:]
    for a in range(k):
        for b in range(k):
            wide[
                :, a * d : a * d + s * (rows - 1) + 1 : s, b * d : b * d + s * (columns - 1) + 1 : s
            ] += taps[:, a, b]
    return wide[:, pad : pad + shape[1], pad : pad + shape[2]]


def gradient(layers, side, channels, random, data=3):
    """The gradient of all channels of the middle unit with respect to the input."""
    y, tape = forward(layers, random.normal(size=(data, side, side)), channels, random)
    return backward(tape, middle(y.shape))


def middle(shape):
    found = np.zeros(shape)
    found[:, shape[1] // 2, shape[2] // 2] = 1
    return found


def forward(layers, x, channels, random):
    """The output, and what the reverse pass needs."""
    tape, aside = [], []
    second = [1.0]  # the mean square of what flows, as the convention scales it
    for name, *values in layers:
        if name == "conv":
            k, d, s = values
            weight = random.normal(size=(channels, len(x), k, k))
            weight /= np.sqrt(len(x) * k * k * second[-1])
            taps = windows(x, k, d, s)
            tape.append((name, weight, x.shape, k, d, s))
            x = np.einsum("oiab,iabrc->orc", weight, taps)
            second[-1] = 1.0
        elif name == "relu":
            tape.append((name, x > 0))
            x = np.maximum(x, 0)
            second[-1] *= 0.5 - 0.5 / np.pi  # 1 / (q - m2) of a Relu
        elif name == "mix":
            mixing, kept = values
            tape.append((name, mixing))
            x = np.einsum("or,pc,irc->iop", mixing, mixing, x)
            second[-1] *= kept**2
        elif name == "push":
            tape.append((name,))
            aside.append(x)
            second.append(second[-1])
        else:
            tape.append((name,))
            x = x + aside.pop()
            second[-2:] = [second[-1] + second[-2]]
    return x, tape


def backward(tape, g):
    waiting = []
    for name, *values in reversed(tape):
        if name == "conv":
            weight, shape, k, d, s = values
            g = unwindowed(np.einsum("oiab,orc->iabrc", weight, g), shape, k, d, s)
        elif name == "relu":
            g = g * values[0]
        elif name == "mix":
            g = np.einsum("or,pc,iop->irc", *values, *values, g)
        elif name == "add":
            waiting.append(g)
        else:
            g = g + waiting.pop()
    return g


def mean_squares(layers, side, channels, runs, seed=0):
    """The mean over runs of the squared gradient, summed over channels, for two halves apart."""
    halves = []
    for half in (0, 1):
        random = np.random.default_rng([seed, half])
        total = np.zeros((side, side))
        for _ in range(runs // 2):
            total += (gradient(layers, side, channels, random) ** 2).sum(axis=0)
        halves.append(total / (runs // 2))
    return halves
