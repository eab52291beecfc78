"""What Luo et al. 2016 varied, on stacks of 3x3 convolutions (python -m effective.luo)."""

from __future__ import annotations

import rfgraph
from effective.nets import stack

PLAIN = [(1, 1)] * 10
CASES = [
    *((f"{n} layers", {"layers": [(1, 1)] * n}, 2 * n + 3) for n in (5, 10, 20, 40)),
    ("10, no Relu", {"layers": PLAIN, "relu": False}, 45),
    ("10, dropout", {"layers": PLAIN, "dropout": True}, 45),
    ("10, dilation 2", {"layers": [(2, 1)] * 10}, 45),
    ("10, first with stride 2", {"layers": [(1, 2), *PLAIN[1:]]}, 45),
    ("10, skip connections", {"layers": PLAIN, "skip": True}, 45),
]


def table() -> str:
    """Return the table of the README, one network to a line."""
    lines = [
        "| 3x3 convolutions | theoretical | effective 95 % | ratio | sigma |",
        "|---|---|---|---|---|",
    ]
    for name, options, side in CASES:
        axis = rfgraph.erf(stack(side, **options)).axes[2]
        cells = (axis.theoretical, axis.size, f"{axis.ratio:.2f}", f"{axis.sigma:.2f}")
        lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
