"""One measurement in a process of its own: `python -m benchmarks.one NETWORK SIZE [paths]`."""

from __future__ import annotations

import json
import sys
import time

from benchmarks import networks, timing


def main(network: str, size: str, what: str = "fields") -> None:
    """Make a network, analyse it, and print the times and the peak memory as JSON."""
    data = getattr(networks, network)(int(size)).SerializeToString()
    import rfgraph.distribution
    import rfgraph.onnxfile.load  # importing is not part of what is timed

    floor = timing.peak()
    start = time.perf_counter()
    model = rfgraph.load(data)
    loaded = time.perf_counter()
    result = rfgraph.analyze(model)
    target = model.outputs[-1]
    field = result.receptive_field(target, model.inputs[0].name)
    analysed = time.perf_counter()
    found: dict[str, object] = {
        "load": loaded - start,
        "analyze": analysed - loaded,
        "size": field.axes[2].size,
    }
    if what == "paths":
        histogram = rfgraph.path_histogram(result, tensor=target)
        found["histogram"] = time.perf_counter() - analysed
        found["listed"] = histogram.listed
        found["bits"] = histogram.total.bit_length()
        begin = time.perf_counter()
        joint = rfgraph.path_histogram(result, tensor=target, joint=True).joint
        found["joint"] = time.perf_counter() - begin
        found["vectors"] = None if joint is None else len(joint)
        begin = time.perf_counter()
        found["first"] = next(iter(rfgraph.paths(result, target))).sizes[0]
        found["enumerate"] = time.perf_counter() - begin
    found["peak"] = timing.peak()
    found["more"] = timing.peak() - floor
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
