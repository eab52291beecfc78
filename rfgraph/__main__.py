"""`python -m rfgraph`."""

from __future__ import annotations

import sys

from rfgraph.cli import main

if __name__ == "__main__":
    sys.exit(main())
