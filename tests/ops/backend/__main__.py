"""Judge every node test of the installed onnx, or those whose names hold one of the arguments."""

from __future__ import annotations

import sys

from ops.backend import sweep
from ops.backend.cases import collected


def main() -> int:
    """Print the counts; the exit code is 1 if something is unsound or unlisted."""
    words = sys.argv[1:] or [""]
    cases = [case for case in collected() if any(word in case.name for word in words)]
    outcomes = list(sweep.run(cases))
    print(*sweep.report(outcomes), sep="\n")
    return int(bool(sweep.wrong(outcomes) or sweep.unlisted(outcomes)))


if __name__ == "__main__":
    raise SystemExit(main())
