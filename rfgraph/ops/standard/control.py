"""Control flow and sequences: how they are followed while the graph is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.ops.node import UnresolvedError
from rfgraph.ops.registry import rule

if TYPE_CHECKING:
    from rfgraph.ops.node import OpNode, Outcome


@rule("If", ignores="then_branch else_branch")
def if_operator(node: OpNode) -> Outcome:
    """An output reads what either branch's output reads, and the condition.

    Exact. A constant condition takes its branch alone. Unknown where the branches' shapes
    differ.
    Versions: all.
    """
    return _while_building(node)


@rule("Loop", ignores="body")
def loop(node: OpNode) -> Outcome:
    """An output reads what the body reads, once per turn.

    Exact where the number of turns is known and at most 256. Upper bound otherwise, the fixpoint
    over any number of turns: its own position on axes along which no turn reads another, and all of
    the others; and all of what decides how often it turns. Unknown are outputs that stack a slice
    of each of an unknown number of turns, whose shape changes from turn to turn, or whose body
    reads what is not known. Versions: all.
    """
    return _while_building(node)


@rule(
    "Scan",
    ignores="""body num_scan_inputs directions scan_input_axes scan_input_directions
    scan_output_axes scan_output_directions""",
)
def scan(node: OpNode) -> Outcome:
    """An output reads what the body reads, once per position of the scanned axis.

    Exact up to 256 positions. Upper bound beyond, as for a Loop: all of the scanned axis, unless
    each position is read alone. Unknown where shapes change from turn to turn or the body reads
    what is not known, and in version 8, which has lengths of its own.
    Versions: 8, 9 and later.
    """
    return _while_building(node)


@rule(
    """SequenceConstruct SequenceEmpty SequenceAt SequenceInsert SequenceErase SequenceLength
    SplitToSequence ConcatFromSequence SequenceMap""",
    ignores="axis body dtype keepdims new_axis",
)
def sequences(node: OpNode) -> Outcome:
    """An element of a sequence is followed as the tensor that it is.

    Exact where positions and chunk lengths are constants. Unknown where they are computed, and for
    sequences that are graph inputs. Versions: all.
    """
    return _while_building(node)


def _while_building(node: OpNode) -> Outcome:
    raise UnresolvedError(f"{node.op_type} is followed only within a graph")
