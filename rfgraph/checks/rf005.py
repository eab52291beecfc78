"""An operator without a rule, or whose positions depend on data.

What such an operator reads is not known from the file alone: a custom operator, GridSample or
NonZero whose positions are computed from the input, a shape that could not be resolved. From
there on the receptive field is `unknown`: it is never given a plausible default, and the numbers
of paths that avoid the operator stay exact. Each operator is named once.

Why it matters: RF001 fails on an axis that is unknown, and every other number speaks of the
remaining paths only.

How to fix it: bind what steers shapes (--input-shape, --input-value), export with a newer opset
or with the function bodies of custom operators, or ask at a tensor before it (--at TENSOR).

How to silence it: --ignore RF005.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each operator that could not be followed exactly."""
    yield from subject.result.findings
