"""Run one command: `python -S launch.py SECONDS OUT COMMAND...`; prints what it took, as JSON.

A small process in between, for a child's peak memory starts from that of whoever started it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path


def main(limit: str, out: str, *command: str) -> None:
    start = time.perf_counter()
    with Path(out).open("wb") as file:
        try:
            done = subprocess.run(
                command, stdout=file, stderr=subprocess.STDOUT, timeout=float(limit), check=False
            )
            code: int | None = done.returncode
        except subprocess.TimeoutExpired:
            code = None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "wall": time.perf_counter() - start,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss / 1024,
        "code": code,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
