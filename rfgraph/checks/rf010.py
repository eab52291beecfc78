"""The kernel of a transposed convolution is no multiple of its stride.

Outputs of a transposed convolution overlap: the one of phase f (its index modulo the stride)
sums ceil((kernel - f) / stride) taps of each input channel. If the stride does not divide the
kernel, some phases sum more taps than their neighbours, along each axis and so in a pattern of
squares in two dimensions. Dilation changes which phases, not that they differ.

Why it matters: the pattern shows in what the network draws, as a chequerboard, and training has to
unlearn it.

How to fix it: a kernel that is a multiple of the stride (4 for 2), or a resize with a convolution.

How to silence it: --ignore RF010.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.checks.registry import Check
from rfgraph.relations.axis_rules import Transposed
from rfgraph.relations.graph import edges_into
from rfgraph.relations.steps import Taps
from rfgraph.wording.numbers import axes_text, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.subject import Subject
    from rfgraph.relations.relation import Relation


CHECK = Check(
    "RF010", "note", "The kernel of a transposed convolution is no multiple of its stride"
)


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield a note for each transposed convolution whose phases sum different numbers of taps."""
    graph = subject.result.graph
    for tensor in graph:
        rules = [rule for edge in edges_into(graph, tensor) for rule in _uneven(edge.relation)]
        seen: dict[tuple[int, int, tuple[int, int]], list[int]] = {}
        for axis, rule in dict.fromkeys(rules):
            key = rule.kernel, rule.stride, _taps(rule)
            seen.setdefault(key, []).append(axis)
        for (kernel, stride, taps), axes in seen.items():
            message = (
                f"{axes_text(axes)}: kernel {kernel} is no multiple of stride {stride}, so "
                f"outputs sum {span(*taps)} taps by turns"
            )
            yield subject.finding(CHECK, message, tensor, input=None)


def _uneven(relation: Relation) -> Iterator[tuple[int, Transposed]]:
    for step in relation.steps:
        for axis, rule in step.rules if isinstance(step, Taps) else ():
            if isinstance(rule, Transposed) and rule.stride > 1 and len(set(_taps(rule))) > 1:
                yield axis, rule


def _taps(rule: Transposed) -> tuple[int, int]:
    """Return the least and the largest number of taps over the phases.

    Phases that the dilation shares no residue with have none; the others part the taps.
    """
    apart = rule.stride // math.gcd(rule.stride, rule.dilation)
    least = rule.kernel // apart if apart == rule.stride else 0
    return least, -(-rule.kernel // apart)
