"""Coverage-guided fuzzing of the Python API with atheris, which is installed apart.

    python -m venv /tmp/atheris && /tmp/atheris/bin/pip install -q .. atheris
    /tmp/atheris/bin/python -m hostile.coverage -max_total_time=600

in tests/ (CPython as atheris supports it, 3.11 to 3.13). Options are libFuzzer's; a folder named
last keeps what was found. It starts from the small fixtures and the plain operators, and mutates
fields as the seeded fuzzer does as well as bytes. It ends at the first error of another kind than
RfgraphError, or question that takes too long, and writes the file that did it beside.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

SECONDS = 20.0  # for each question
LONGEST = 32_768  # bytes of a mutant


def seeds(folder: str) -> None:
    """Write the files that the run starts from."""
    from hostile.fuzz import sources

    for number, data in enumerate(sources()):
        (Path(folder) / f"{number:04}.onnx").write_bytes(data)


def try_one(data: bytes) -> None:
    """Ask everything of some bytes; the first error of another kind is raised."""
    from hostile.probe import probe

    for error in probe(data, SECONDS).escaped.values():
        raise error


def mutate(data: bytes, limit: int, seed: int) -> bytes:
    """Change fields of a message, or bytes as libFuzzer does, by the toss of a coin."""
    import atheris

    from hostile.mutate import mutated

    if seed % 2:
        made = mutated(data, seed)
        if len(made) <= limit:
            return made
    changed: bytes = atheris.Mutate(data, limit)
    return changed


def main() -> None:
    """Run until the time is over or something escapes."""
    import atheris

    # What is imported on demand is instrumented if it is demanded here.
    with atheris.instrument_imports(include=["rfgraph"]):
        from hostile.fuzz import sources
        from hostile.probe import probe

        for data in sources()[::10]:
            probe(data)
    with tempfile.TemporaryDirectory() as folder:
        seeds(folder)
        options = [
            f"-max_len={LONGEST}",
            "-timeout=120",
            "-report_slow_units=60",
            *sys.argv[1:],
            folder,
        ]
        atheris.Setup([sys.argv[0], *options], try_one, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
