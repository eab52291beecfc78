"""Which tensors are functions of one element of another: x times a gate of x is one such.

Fused and written out, an activation is then one edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.domains.effective.activations import ARGUMENT, COMBINED, Op
from rfgraph.relations.graph import Edge
from rfgraph.relations.how import How
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Pointwise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Of a function in steps, and of the tensors that one tensor is known as a function of.
MAX_PROGRAM, MAX_ORIGINS = 32, 12


def curves_of(edges: Sequence[Edge], known: Mapping[str, dict[str, Op]]) -> dict[str, Op]:
    """Return the functions that a tensor is of others, by these, the nearest last."""
    operands = [{**known.get(edge.source, {}), edge.source: ARGUMENT} for edge in edges]
    hows = [edge.how for edge in edges if edge.how and edge.relation.is_identity]
    if not edges or len(hows) < len(edges):
        return {}
    if len(edges) == 1:
        op = _own_op(hows[0])
        functions = {} if op is None else {o: _then(p, op) for o, p in operands[0].items()}
    else:
        word = _word(edges)
        shared = set.intersection(*map(set, operands)) if word else ()
        functions = {
            origin: Op(word, (), tuple(curves[origin] for curves in operands))
            for origin in operands[0]
            if origin in shared
        }
    short = [(o, p) for o, p in functions.items() if len(p.names) <= MAX_PROGRAM]
    return dict(short[-MAX_ORIGINS:])


def fuse(edges: Sequence[Edge], curves: Mapping[str, Op]) -> tuple[Edge, Op] | None:
    """Return one edge for those by which a tensor is multiplied by a function of itself."""
    if len(edges) < 2 or not curves or _word(edges) not in ("gate", "quotient"):
        return None
    origin, program = list(curves.items())[-1]
    shape = edges[0].relation.in_shape
    target, operator = edges[0].target, edges[0].operator
    relation = Relation(shape, (Pointwise(shape),))
    return Edge(origin, target, relation, operator, slot=-1, how=How("activation")), program


def _word(edges: Iterable[Edge]) -> str:
    hows = [edge.how for edge in edges if edge.how]
    words = {how.word for how in hows}
    word = words.pop() if len(words) == 1 else ""
    if word == "quotient" and [how.name for how in hows] != ["over", "under"]:
        return ""
    return word if word in COMBINED else ""


def _own_op(how: How) -> Op | None:
    """Return what one edge does to an element, None where that is not known."""
    if how.word == "select":
        return ARGUMENT
    if how.word in ("scale", "shift") and how.values:
        return Op(how.word, how.values)
    return Op(how.name, how.values) if how.word == "activation" else None


def _then(program: Op, op: Op) -> Op:
    return op._replace(reads=(program,)) if op.name else program
