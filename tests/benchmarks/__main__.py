"""Benchmarks: `python -m benchmarks [PART ...]` in tests/; the parts are functions below, or all.

Another revision is measured with PYTHONPATH set to its tree.

`python -m benchmarks peers --help` is the comparison with other tools, which it installs apart,
`python -m benchmarks public --help` what is asked of networks of public libraries.

Every figure is a time of this run or a ratio of two; there are no limits that fail.
"""

from __future__ import annotations

import compileall
import math
import sys
import tempfile
from itertools import islice
from pathlib import Path

from benchmarks import networks, timing

FIXTURES = timing.ROOT / "fixtures"


def say(*cells: object) -> None:
    """Print one row."""
    print("  ".join(str(cell) for cell in cells), flush=True)


def startup() -> None:
    """Whole processes against the floor of importing what they need, byte code compiled."""
    import rfgraph

    compileall.compile_dir(str(Path(rfgraph.__file__).parent), quiet=1)
    floor = timing.process([sys.executable, "-c", "import onnx, networkx, numpy"], 9)
    say("import onnx, networkx, numpy", f"{floor.wall:.3f} s", f"{floor.peak:.0f} MB")
    for name in ("resnet50", "densenet201", "unet_nearest", "exports/unet_ts"):
        model = str(FIXTURES / f"{name}.onnx")
        run = timing.process([sys.executable, "-m", "rfgraph", model, "--format", "json"], 9)
        times = f"{run.wall / floor.wall:.2f} times the floor"
        say(f"rfgraph {name} --format json", f"{run.wall:.3f} s", times, f"{run.peak:.0f} MB")
    run = timing.process([sys.executable, "-m", "rfgraph", "--version"], 9)
    say("rfgraph --version", f"{run.wall:.3f} s")


def weights() -> None:
    """One graph with 1 MB and with 1 GB of weights."""
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for size in (1 << 20, 1 << 30):
            path = str(Path(folder) / f"{size}.onnx")
            networks.weighty(path, size)
            command = [sys.executable, "-m", "rfgraph", path, "--format", "json"]
            runs.append(timing.process(command, 7))
            say(f"{size >> 20} MB of weights", f"{runs[-1].wall:.3f} s", f"{runs[-1].peak:.0f} MB")
        small, large = runs
        say("ratio", f"{large.wall / small.wall:.2f}", f"{large.peak - small.peak:.0f} MB more")


def analysis() -> None:
    """Calls after import."""
    import rfgraph
    import rfgraph.onnxfile.load  # importing is not part of what is timed

    for path in [*sorted(FIXTURES.glob("*.onnx")), *sorted(FIXTURES.glob("exports/*.onnx"))]:
        data = path.read_bytes()
        rfgraph.load(data)
        load = timing.call(lambda data=data: rfgraph.load(data), 5)
        model = rfgraph.load(data)
        fields = timing.call(lambda model=model: rfgraph.analyze(model), 5)
        say(
            f"{path.stem:30}",
            f"{model.nodes:5} nodes",
            f"load {load * 1000:7.1f} ms",
            f"analyze {fields * 1000:7.1f} ms",
        )


def paths() -> None:
    """The distribution, from DenseNet-201 to 20,000 residual blocks."""
    import rfgraph

    result = rfgraph.analyze(str(FIXTURES / "densenet201.onnx"))
    target = result.outputs[0].before_global[0]
    best = timing.call(lambda: rfgraph.path_histogram(result, tensor=target), 5)
    first = timing.call(lambda: list(islice(rfgraph.paths(result, target), 10)), 3)
    say(f"densenet201: histogram {best * 1000:.0f} ms, first 10 paths {first * 1000:.0f} ms")
    for network, size in (
        ("residual", 2000),
        ("residual", 20000),
        ("complete", 1000),
        ("powers", 40),
        ("inception", 20),
        ("cells", 18),
        ("decoder", 960),
        ("decoder", 2048),
    ):
        found = timing.apart("benchmarks.one", network, str(size), "paths")
        say(
            f"{network} {size}: load {found['load']:.1f} s, analyze {found['analyze']:.1f} s, "
            f"all fields {found['measure']:.1f} s, histogram {found['histogram']:.1f} s "
            f"(listed: {found['listed']}, "
            f"total has {found['bits']} bits), first path {found['enumerate']:.2f} s, "
            f"joint {found['joint']:.1f} s ({found['vectors']} sizes), peak {found['peak']:.0f} MB"
        )


def farm() -> None:
    """A thousand small models checked in one run, against a process for each."""
    models = 1000
    with tempfile.TemporaryDirectory() as folder:
        for number in range(models):
            proto = networks.SMALL[number % len(networks.SMALL)](5 + number % 50)
            (Path(folder) / f"{number:04}.onnx").write_bytes(proto.SerializeToString())
        command = [sys.executable, "-m", "rfgraph", "check", "--stat", "union", "--exit-zero"]
        samples = [str(path) for path in sorted(Path(folder).iterdir())[:: models // 20]]
        runs = [timing.process([*command, path], 1) for path in samples]
        alone = timing.Run(*(sum(values) / len(runs) for values in zip(*runs, strict=True)))
        say(
            f"a process for each model: {alone.wall * 1000:.0f} ms, of processors "
            f"{alone.cpu * 1000:.0f} ms (mean of {len(samples)})"
        )
        for jobs in (1, 2):
            run = timing.process([*command, "--jobs", str(jobs), folder], 1)
            say(
                f"{models} models in one run, --jobs {jobs}: {run.wall * 1000 / models:.1f} ms "
                f"a model, of processors {run.cpu * 1000 / models:.1f} ms "
                f"({alone.wall * models / run.wall:.0f} times as fast), {run.peak:.0f} MB"
            )


def scale() -> None:
    """Growth: times and memory from one size to another, and the exponent of the time in both."""
    for network, sizes in (
        ("chain", (10_000, 100_000)),
        ("fan", (10_000, 100_000)),
        ("residual", (2_000, 20_000)),
        ("dense", (50, 200)),
        ("complete", (250, 1_000)),
        ("unet", (3, 12)),
        ("transformer", (12, 120)),
        ("many_outputs", (100, 1_000)),
        ("many_inputs", (100, 1_000)),
        ("long_axis", (100_000, 1_000_000)),
        ("decoder", (240, 2_048)),
        ("wide_field", (10**11, 10**12)),
    ):
        found = [timing.apart("benchmarks.one", network, str(size)) for size in sizes]
        spent = [item["load"] + item["analyze"] for item in found]
        edges = found[1]["edges"] / found[0]["edges"]
        times = math.log(spent[1] / spent[0])
        exponent = f"exponent {times / math.log(sizes[1] / sizes[0]):.2f}"
        if edges >= 2:
            exponent += f", in edges {times / math.log(edges):.2f}"
        say(
            f"{network} {sizes[0]} -> {sizes[1]}: {spent[0]:.2f} s -> {spent[1]:.2f} s "
            f"({spent[1] / spent[0]:.1f} times, {exponent}), "
            f"{found[0]['more']:.0f} MB -> {found[1]['more']:.0f} MB "
            f"({found[1]['more'] / max(found[0]['more'], 1):.1f} times)"
        )


def units() -> None:
    """What single units read: the first question on a tensor, and fifteen more."""
    import rfgraph
    from rfgraph.relations.graph import shape_of

    sources: dict[str, bytes] = {
        "densenet201": (FIXTURES / "densenet201.onnx").read_bytes(),
        "detector_ts": (FIXTURES / "exports" / "detector_ts.onnx").read_bytes(),
        "cells 18": networks.cells(18).SerializeToString(),
        "inception 20": networks.inception(20).SerializeToString(),
    }
    for name, data in sources.items():
        result = rfgraph.analyze(rfgraph.load(data))
        tensor = result.model.outputs[-1]
        index = [length // 2 for length in shape_of(result.graph, tensor) or ()]
        first = timing.call(lambda r=result, t=tensor, i=index: rfgraph.unit(r, t, i), 1)
        more = timing.call(
            lambda r=result, t=tensor, i=index: [rfgraph.unit(r, t, i) for _ in range(15)], 3
        )
        say(f"{name:15}", f"first {first * 1000:7.1f} ms", f"15 more {more * 1000:7.1f} ms")


def reports() -> None:
    """Whole reports of long networks, and of those with many inputs and outputs."""
    cases = (
        ("chain", (10_000, 100_000), ["--format", "json"]),
        ("side_by_side", (1_000, 10_000), []),
        ("crossed", (300, 3_000), []),
        ("crossed", (300, 3_000), ["check", "--exit-zero"]),
        ("crossed", (3_000,), ["--format", "json"]),
    )
    with tempfile.TemporaryDirectory() as folder:
        for network, sizes, words in cases:
            for size in sizes:
                path = Path(folder) / f"{network}{size}.onnx"
                path.write_bytes(getattr(networks, network)(size).SerializeToString())
                command = [sys.executable, "-m", "rfgraph", *words, str(path)]
                run = timing.process(command, 1)
                what = f"{network} {size} {' '.join(words) or 'text'}"
                say(
                    f"{what:40}",
                    f"{run.wall:.2f} s",
                    f"{run.cpu:.2f} s of processors",
                    f"{run.peak:.0f} MB",
                )


PARTS = {
    part.__name__: part for part in (startup, weights, analysis, units, paths, farm, scale, reports)
}


def main() -> None:
    """Run the parts named on the command line, all of them by default."""
    if sys.argv[1:2] == ["peers"]:
        from benchmarks.peers import run

        run.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["public"]:
        from benchmarks.public import run as public

        raise SystemExit(public.main(sys.argv[2:]))
    for name in sys.argv[1:] or PARTS:
        if name not in (*PARTS, "all"):
            raise SystemExit(f"no part {name}; there are {', '.join(PARTS)}")
        for part in PARTS if name == "all" else [name]:
            say(f"-- {part}")
            PARTS[part]()


if __name__ == "__main__":
    main()
