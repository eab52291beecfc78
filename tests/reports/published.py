"""The published table of the AlexNet calculator, and fixtures with expected numbers."""

from __future__ import annotations

import functools
from pathlib import Path

import fixtures
import rfgraph
from fixtures.expected import load

FOLDER = Path(fixtures.__file__).parent
FILES = sorted(FOLDER.glob("*.onnx"))
ROWS = load()

# layer, n, jump, size, start; "A guide to receptive field arithmetic", input 227. Its start is
# counted from 0.5.
ALEXNET = [
    ("input", 227, 1, 1, 0.5),
    ("conv1", 55, 4, 11, 5.5),
    ("pool1", 27, 8, 19, 9.5),
    ("conv2", 27, 8, 51, 9.5),
    ("pool2", 13, 16, 67, 17.5),
    ("conv3", 13, 16, 99, 17.5),
    ("conv4", 13, 16, 131, 17.5),
    ("conv5", 13, 16, 163, 17.5),
    ("pool5", 6, 32, 195, 33.5),
    ("fc6", 1, 32, 355, 113.5),
    ("fc7", 1, 32, 355, 113.5),
]


@functools.cache
def analysed(path, shape=None):
    return rfgraph.analyze(path, input_shapes={"": shape} if shape else None)


def expected(path, keys):
    """The expected rows of a fixture by the input shape that they hold for (None: its own)."""
    found = {}
    for row in ROWS:
        if row.model == path.stem and row.key in keys and row.axis is not None:
            found.setdefault(row.input_shape, []).append(row)
    return found
