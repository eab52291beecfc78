"""One tool on one network, in a process of its own: `python worker.py TOOL NETWORK FILE CALLS`.

The last line printed is JSON: the answer or the error, and the best wall and processor time of
CALLS calls, imports and the making of the network left out. CALLS 0 makes one call.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Answer: TypeAlias = "dict[str, object]"
Call: TypeAlias = "Callable[[], Answer]"


def summed(sizes: list[int], paths: str | None = None) -> Answer:
    """Say a set of sizes in short."""
    found = sorted(set(sizes))
    return {"largest": found[-1], "smallest": found[0], "distinct": len(found), "paths": paths}


def use_rfgraph(name: str, file: str) -> Call:
    import rfgraph
    import rfgraph.analysis.histogram
    import rfgraph.onnxfile.load

    def call() -> Answer:
        result = rfgraph.analyze(file)
        output = result.outputs[0]
        tensor = (output.before_global or [output.name])[0]
        axis = result.receptive_field(tensor).axes[2]
        found = rfgraph.path_histogram(result, tensor=tensor).axes[2]
        counts = dict(found.counts)
        union = axis.size if axis.local is None else axis.local.size
        reads = {"union": int(union), "scope": str(axis.scope)}
        return {**summed(list(counts), str(sum(counts.values()))), **reads}

    return call


def load_onnx(name: str, file: str) -> Call:
    import onnx

    return lambda: {"nodes": len(onnx.load(file).graph.node)}


def infer_shapes(name: str, file: str) -> Call:
    import onnx
    from onnx import shape_inference

    def call() -> Answer:
        model = shape_inference.infer_shapes(onnx.load(file))
        return {"shapes": len(model.graph.value_info)}

    return call


def use_rfa(name: str, file: str) -> Call:
    import collections.abc

    # It names collections.Sequence, which Python 3.10 took away: put back, so that it runs at all.
    collections.Sequence = collections.abc.Sequence  # type: ignore[attr-defined]
    from nets import CASES, network
    from rfa_toolbox import create_graph_from_pytorch_model

    net = network(name)
    shape = (1, *CASES[name].shape)

    def call() -> Answer:
        graph = create_graph_from_pytorch_model(net, input_res=shape)
        sizes = [s[0] if isinstance(s, tuple) else s for s in graph.receptive_field_sizes]
        if float("inf") in sizes:
            return {"error": "infinite"}
        return summed([int(size) for size in sizes])

    return call


def use_torchscan(name: str, file: str) -> Call:
    from nets import CASES, network
    from torchscan import crawl_module

    net = network(name)

    def call() -> Answer:
        last = crawl_module(net, CASES[name].shape)["layers"][-1]
        if "rf" not in last:
            return {"error": "each layer's own window only, nothing composed"}
        return {"largest": int(last["rf"])}

    return call


def use_receptivefield(name: str, file: str) -> Call:
    from nets import CASES, prepared
    from receptivefield.image import ImageShape
    from receptivefield.pytorch import PytorchReceptiveField

    net = prepared(name)
    net.register_forward_hook(lambda module, _, y: setattr(module, "feature_maps", [y]))
    c, h, w, *deep = CASES[name].probe

    # It also looks one unit further along both axes: twice the width, for there to be one.
    def call() -> Answer:
        if deep:
            raise ValueError("takes images (width, height, channels) only")
        found = PytorchReceptiveField(lambda: net).compute(ImageShape(w=2 * w, h=h, c=c))[0].rf.size
        return {"largest": int(max(found))}

    return call


def use_rf_calc(name: str, file: str) -> Call:
    from nets import CASES, network
    from rf_calc import search_rf

    net = network(name)
    return lambda: {"largest": int(search_rf(net, CASES[name].shape))}


def probe(name: str, ready: bool) -> Call:
    """Gradient probing by hand: which input positions does the unit in the middle depend on."""
    import torch
    from nets import CASES, network, prepared

    net = (prepared if ready else network)(name).double()
    shape = (1, *CASES[name].probe)

    def call() -> Answer:
        x = torch.rand(shape, dtype=torch.float64, requires_grad=True)
        y = net(x)
        y[(0, slice(None), *(n // 2 for n in y.shape[2:]))].sum().backward()
        read = x.grad[0].flatten(2).abs().sum((0, 2)).nonzero().flatten()
        size = int(read[-1] - read[0]) + 1
        return {"largest": size, "clipped": size == shape[2]}

    return call


def use_probe(name: str, file: str) -> Call:
    return probe(name, ready=False)


def use_prepared_probe(name: str, file: str) -> Call:
    return probe(name, ready=True)


def export(name: str, file: str) -> Call:
    """Write the network as ONNX; not a tool, but what makes the files that some read."""
    import torch
    from nets import CASES, network

    net, x = network(name), torch.rand(1, *CASES[name].shape)

    def call() -> Answer:
        torch.onnx.export(net, (x,), file, dynamo=False, opset_version=17, input_names=["x"])
        return {}

    return call


TOOLS: dict[str, Callable[[str, str], Call]] = {
    "onnx.load": load_onnx,
    "onnx.shape_inference": infer_shapes,
    "rfgraph": use_rfgraph,
    "rfa_toolbox": use_rfa,
    "torchscan 0.1.2": use_torchscan,
    "torchscan 0.2.0": use_torchscan,
    "receptivefield": use_receptivefield,
    "receptive-field-calculation": use_rf_calc,
    "gradient, as it is": use_probe,
    "gradient, prepared": use_prepared_probe,
    "torch.onnx.export": export,
}


def measured(tool: str, name: str, file: str, calls: int) -> dict[str, object]:
    """Return the answer and the best times, or the error in one line."""
    call = TOOLS[tool](name, file)
    times = []
    answer: Answer = {}
    for _ in range(calls or 1):
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            answer = call()
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:160]}
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return {**answer, "wall": min(t[0] for t in times), "cpu": min(t[1] for t in times)}


def main(tool: str, name: str, file: str, calls: str, folder: str = "") -> None:
    """Measure, with the packages of `folder` before all others."""
    warnings.simplefilter("ignore")
    if folder:
        sys.path.insert(0, folder)
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        found = measured(tool, name, file, int(calls))
    except ImportError as error:
        found = {"error": f"cannot be imported: {error}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
