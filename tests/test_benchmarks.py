"""The benchmarks' own questions to rfgraph are answered: they are run by hand, and names move."""

from __future__ import annotations

from benchmarks import networks
from benchmarks.peers import worker
from benchmarks.public import run
from checks.nets import fixture


def test_the_comparison_gets_the_published_size():
    # Araujo et al. 2019: ResNet-18 reads 435 positions; a block has one shortcut, so 2 ^ 8 paths.
    answer = worker.use_rfgraph("resnet18", str(fixture("resnet18")))()
    assert answer["largest"] == answer["union"] == 435
    assert answer["paths"] == str(2**8)


def test_public_networks_are_asked_and_judged(tmp_path):
    path = tmp_path / "residual.onnx"
    path.write_bytes(networks.residual(3).SerializeToString())
    found = run.costs(str(path))
    asked = {"load", "analyze", "fields", "unit", "histogram", "erf", "tiles"}
    assert {key for key, value in found.items() if isinstance(value, float)} >= asked
    assert run.unsound(str(path)) == {"judged": run.JUDGED, "unsound": []}
