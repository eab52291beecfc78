"""More is read ahead than allowed, or past a unit's own step.

Asked with --causal (no unit of an output reads past its own step, the positions up to where the
next one begins: nothing is waited for; at stride 3 a look-ahead of 2 is causal) or with
--max-lookahead N (input positions past a unit's own; 40ms with --rate, positions per second). What
pads read is counted as the graph has it, and all paths count: one gate that pools over time reads
ahead without end. The axis is the input's only spatial one, or --axis.

Why it matters: a stream waits for what is read ahead. A network that was trained with it can not
do without, and a convolution padded on both sides looks the same in every test of shapes.

How to fix it: pad on the left only (rfgraph stream names what reads ahead), or allow what is read.

How to silence it: leave out --causal and --max-lookahead, or --ignore RF009.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rfgraph.analysis.streaming import Streaming, stream
from rfgraph.checks.registry import Check
from rfgraph.checks.subject import Measurement, Said
from rfgraph.errors import UsageError
from rfgraph.wording.names import printable, quote
from rfgraph.wording.numbers import figure, fraction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.ahead import Ahead
    from rfgraph.checks.subject import Subject
    from rfgraph.relations.graph import ModelInput


CHECK = Check(
    "RF009", "error", "More is read ahead than allowed, or past a unit's own step", needs="ahead"
)


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield an error for each output and input that reads further ahead than allowed.

    UsageError where it is not said what is.
    """
    for item, one in _measurements(subject):
        if not one.holds:
            yield from subject.along(CHECK, one.tensor or "", item, [one.said()])


def measurements(subject: Subject) -> Iterator[Measurement]:
    """Yield how far each output reads ahead, and whether that is allowed."""
    return (one for _, one in _measurements(subject))


def _measurements(subject: Subject) -> Iterator[tuple[ModelInput, Measurement]]:
    asked = subject.settings.ahead
    if asked is None:
        raise UsageError(
            f"{CHECK.code} compares with what may be read ahead, and nothing is said of it: "
            "give it (--causal, or --max-lookahead N)"
        )
    for item, tensor in subject.outputs():
        streaming = stream(subject.result, tensor, item.name, axis=asked.axis, rate=asked.rate)
        text, ahead = _what_is_wrong(streaming, asked), streaming.lookahead
        said = partial(Said, streaming.axis, text or "", required=asked.positions, found=ahead)
        yield (
            item,
            Measurement(tensor, item.name, streaming.axis, 0, ahead, holds=text is None, said=said),
        )


def _what_is_wrong(found: Streaming, asked: Ahead) -> str | None:
    """Return what is wrong, None if nothing is."""
    if asked.causal and found.causal is not True:
        return f"required causal (nothing past a unit's own step), found {_lookahead_text(found)}"
    if asked.positions is not None:
        limit, ahead = asked.positions, found.lookahead
        if ahead is None or ahead > limit:
            most = _positions_text(limit, found)
            return f"required a look-ahead of at most {most}, found {_lookahead_text(found)}"
    return None


def _lookahead_text(found: Streaming) -> str:
    if found.lookahead is not None:
        return f"a look-ahead of {_positions_text(found.lookahead, found)}"
    if found.breakers:
        first = found.breakers[0]
        return f"{printable(first.op_type)} {quote(first.node)}: {first.why}"
    return "a look-ahead that is not known"


def _positions_text(positions: Fraction | int, found: Streaming) -> str:
    ms = found.milliseconds(positions)
    said = f"{fraction(positions)} position{'' if positions == 1 else 's'}"
    return said if ms is None else f"{said} ({figure(ms)} ms)"
