"""One measurement in processor time, apart: `python -m benchmarks.one NETWORK SIZE [paths]`."""

from __future__ import annotations

import json
import sys
import time

from benchmarks import networks, timing


def main(network: str, size: str, what: str = "fields") -> None:
    """Make a network, analyse it, and print the times and the peak memory as JSON."""
    data = getattr(networks, network)(int(size)).SerializeToString()
    import rfgraph.analysis.paths
    import rfgraph.onnxfile.load  # importing is not part of what is timed

    floor = timing.peak()
    start = time.process_time()
    model = rfgraph.load(data)
    loaded = time.process_time()
    result = rfgraph.analyze(model)
    target = model.outputs[-1]
    field = result.receptive_field(target, model.inputs[0].name)
    analysed = time.process_time()
    for tensor in model.graph:
        if tensor in result.forms[model.inputs[0].name]:
            result.receptive_field(tensor, model.inputs[0].name)
    found: dict[str, object] = {
        "load": loaded - start,
        "analyze": analysed - loaded,
        "measure": time.process_time() - analysed,
        "size": max(axis.size or 0 for axis in field.axes.values()),
        "edges": model.graph.number_of_edges(),
    }
    if what == "paths":
        analysed = time.process_time()
        histogram = rfgraph.path_histogram(result, tensor=target)
        found["histogram"] = time.process_time() - analysed
        found["listed"] = histogram.listed
        found["bits"] = histogram.total.bit_length()
        begin = time.process_time()
        joint = rfgraph.path_histogram(result, tensor=target, joint=True).joint
        found["joint"] = time.process_time() - begin
        found["vectors"] = None if joint is None else len(joint)
        begin = time.process_time()
        found["first"] = next(iter(rfgraph.paths(result, target))).sizes[0]
        found["enumerate"] = time.process_time() - begin
    found["peak"] = timing.peak()
    found["more"] = timing.peak() - floor
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
