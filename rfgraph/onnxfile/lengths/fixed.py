"""Which lengths of open dimensions the file fixes, whatever the others are."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING

from rfgraph.onnxfile.lengths.refusal import Refusal
from rfgraph.onnxfile.lengths.solving import differences
from rfgraph.onnxfile.lengths.trials import Built, Choice, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.onnxfile.lengths.dimensions import Dimension, Lengths
    from rfgraph.onnxfile.lengths.trials import Trials


# Lengths that a dimension does not have if the file fixes it, beside its neighbours and its double.
OTHERS = (1, 2, 3, 64, 100, 256)


def with_fixed(
    choice: Choice[Built], asked: Sequence[Dimension], trials: Trials[Built]
) -> Choice[Built]:
    """Return a choice that says which of the lengths that are `asked` about the file fixes."""
    lengths = choice.lengths
    doubled = {key: 2 * length for key, length in lengths.items()}
    if not asked or choice.is_large or trials.accepts(doubled):
        return choice
    fixed = {key: node for key in asked if (node := _fixing_node(key, lengths, trials))}
    if not fixed or not trials.accepts({**doubled, **{key: lengths[key] for key in fixed}}):
        return choice
    tied = {
        key
        for one, other in combinations(fixed, 2)
        if any(map(trials.accepts, _trades(one, other, lengths)))
        for key in (one, other)
    }
    reasons = {
        key: Reason(f"fixed by {node}", fixed=True)
        for key, node in fixed.items()
        if key not in tied
    }
    return Choice(choice.built, lengths, {**choice.reasons, **reasons})


def _fixing_node(key: Dimension, lengths: Lengths, trials: Trials[Built]) -> str:
    """Return the node that accepts one length of a dimension, one that it states; "" if none.

    What the node gets for that is told from what it gets for two others.
    """
    length = lengths[key]
    near, far = (trials.ask({**lengths, key: n}) for n in (length + 1, 2 * length + 2))
    if not isinstance(near, Refusal) or not isinstance(far, Refusal):
        return ""
    given = [
        Fraction((length + 2) * near.found[place] - far.found[place], length + 1)
        for place in differences(near, far)
    ]
    others = {length - 1, 2 * length, *OTHERS}.difference((0, length))
    if not any(one in near.stated for one in given):
        return ""
    refused = not any(trials.accepts({**lengths, key: n}) for n in sorted(others))
    return near.node if refused else ""


def _trades(one: Dimension, other: Dimension, lengths: Lengths) -> Iterator[Lengths]:
    """Yield lengths by which one dimension makes up for another: product, or sum, is kept."""
    for more, less in ((one, other), (other, one)):
        yield {**lengths, more: lengths[one] * lengths[other], less: 1}
        if lengths[less] % 2 == 0:
            yield {**lengths, more: 2 * lengths[more], less: lengths[less] // 2}
        if lengths[less] > 1:
            yield {**lengths, more: lengths[more] + 1, less: lengths[less] - 1}
