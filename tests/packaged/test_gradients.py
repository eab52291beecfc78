"""What noise measures of a network whose gradient is known: it is its weights."""

from __future__ import annotations

import numpy as np
import pytest

from effective.nets import Net

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("PIL")
pytest.importorskip("matplotlib")


def test_noise_measures_the_squared_gradient_by_block(monkeypatch):
    from packaged import gradients

    monkeypatch.setattr(gradients, "SIDE", 48)
    net = Net((1, 3, 48, 48))
    kernel = np.random.default_rng(0).normal(size=(64, 3, 41, 41)).astype(np.float32)
    kernel[:, :, :, 30:] *= 3
    y = net.node("Conv", "x", net.const(kernel), pads=[20] * 4)
    content = net.model(y).SerializeToString()
    session = onnxruntime.InferenceSession(content)
    images = gradients.crops(0.0, 1.0)
    assert [image.shape for image in images] == [(1, 3, 48, 48)] * 4
    found = gradients.measure(session, images, [y])[y]
    # The unit in the middle reads positions 4 to 44.
    squares = np.pad((kernel**2).sum(axis=(0, 1)), ((4, 3), (4, 3)))
    want = squares.reshape(3, 16, 3, 16).sum(axis=(1, 3))
    np.testing.assert_allclose(found, want, rtol=0.3)
    assert found.sum() == pytest.approx(want.sum(), rel=0.1)
    lines = list(gradients.compare(content, (0.0, 1.0), [y]))
    near = [float(line.split()[-3]) for line in lines[1:]]
    assert [line.split()[0] for line in lines[1:]] == ["uniform", "random", "stored"]
    # Columns that weigh three times as much are known to the weights alone.
    assert near[2] > 0.99 > 0.9 > max(near[:2])
