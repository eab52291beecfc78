"""Loops that are not unrolled: what any number of turns reads, from one turn of the body.

The body is added once, for tensors that stand for what a turn is given, and taken away again. What
its outputs keep of these, followed until it no longer changes, bounds what the loop's outputs read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains import kept
from rfgraph.domains.kept import Kept
from rfgraph.errors import BoundError, ModelError
from rfgraph.onnxfile.building.budget import MAX_TRIED, MAX_UNROLLED
from rfgraph.onnxfile.building.order import names_read
from rfgraph.onnxfile.building.scope import Entry, Scope
from rfgraph.onnxfile.control.bodies import run_body
from rfgraph.ops.node import Link, Value
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.graph import shape_of
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Reduce, Regroup

if TYPE_CHECKING:
    import onnx

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.relations.axis_rules import Shape


# From what a turn sees of the carried values and of the scanned inputs, the inputs of the body.
Arranged: TypeAlias = Callable[[list[Entry], list[Entry]], list[Entry]]
# From the ranks of the stacked outputs where their slices go.
Stacking: TypeAlias = "Callable[[list[int]], list[Stacked]]"


@dataclass(frozen=True, slots=True)
class Stacked:
    """An output that stacks a slice of every turn: its axis, and whether the last comes first."""

    axis: int = 0
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """An input that a turn sees, by its number; a scanned one without `axis`."""

    slot: int
    entry: Entry
    axis: int | None = None
    backward: bool = False

    def shape(self) -> Shape | None:
        """Return the shape that a turn sees."""
        whole = self.entry.value.shape
        if whole is None or self.axis is None:
            return whole
        return (*whole[: self.axis], *whole[self.axis + 1 :])

    def reads(self) -> Kept:
        """Return what that keeps of the input."""
        whole = self.entry.value.shape
        if self.axis is None or whole is None:
            return kept.itself(whole)
        steps = Reduce(((self.axis, Whole(whole[self.axis], 1)),)), Regroup(self.shape() or ())
        return kept.of(Relation(whole, steps))


@dataclass(frozen=True, slots=True)
class Repeated:
    """A Loop or Scan that is not unrolled, and why.

    `limit` is its number of turns where it is known, unless the condition, which output 0 of a
    Loop's body is, ends it before; `some` says that there is a turn; `controls` are the inputs that
    say how often.
    """

    call: Call
    body: onnx.GraphProto
    reason: str
    states: Sequence[Part]
    scanned: Sequence[Part]
    arranged: Arranged
    limit: int | None
    some: bool
    controls: Sequence[int] = ()

    @property
    def lead(self) -> int:
        """The outputs of the body before the carried values."""
        return int(self.call.operator.op_type == "Loop")

    def unknown(self, name: str, why: str, shape: Shape | None = None) -> Entry:
        """Return an output that may read all that there is."""
        sources = [*self.call.entries, *captured_entries(self.body, self.call.scope)]
        return self.call.unknown(name, sources, f"{self.reason}, {why}", shape)


def captured_entries(body: onnx.GraphProto, scope: Scope) -> list[Entry]:
    """Return what a body takes from outside."""
    names = {name for node in body.node for name in names_read(node)}
    names.update(value.name for value in body.output)
    entries = map(scope.find, sorted(names))
    return [entry for entry in entries if entry is not None]


class _Turn(NamedTuple):
    """A turn: what the body gave, what each of that reads, and what stood for its inputs."""

    made: list[Entry]
    effects: list[dict[str, Kept]]
    names: list[str]


class _Source(NamedTuple):
    """A tensor that an output reads: the number of the input, or one beyond them, and how."""

    slot: int
    entry: Entry
    kept: Kept


class _Reads(NamedTuple):
    """What all turns together read: of each output its shape and its sources, by number."""

    shapes: list[Shape | None]
    facts: list[dict[str, Kept]]
    sources: dict[str, tuple[int, Entry]]


def outputs(case: Repeated, stacked: Stacking) -> list[Entry]:
    """Return the outputs of a Loop or Scan that is not unrolled."""
    reads = _try_turns(case, stacked)
    names = case.call.outputs
    if isinstance(reads, str):
        return [case.unknown(name, reads) for name in names]
    own = _handed_on(case)
    read = [_read(case, facts, reads.sources) for facts in reads.facts]
    return [
        case.states[k].entry if k in own else _output(case, k, name, shape, sources)
        for k, (name, shape, sources) in enumerate(zip(names, reads.shapes, read, strict=False))
    ]


def _handed_on(case: Repeated) -> set[int]:
    """Return which carried values the body hands on as they are."""
    makers = {name: node for node in case.body.node for name in node.output}
    inputs = [value.name for value in case.body.input]
    given = len(inputs) - len(case.states) - len(case.scanned)
    numbers = set()
    for k in range(len(case.states)):
        name = case.body.output[case.lead + k].name
        while name in makers and _is_identity(makers[name]):
            name = makers[name].input[0]
        if name not in makers and name == inputs[given + k] and inputs.count(name) == 1:
            numbers.add(k)
    return numbers


def _is_identity(node: onnx.NodeProto) -> bool:
    plain = node.op_type == "Identity" and node.domain in ("", "ai.onnx")
    return plain and len(node.input) == 1


# -- one turn --------------------------------------------------------------------------------------


def _try_turns(case: Repeated, stacked: Stacking) -> _Reads | str:
    """Return what the outputs read, or why that is not known; nothing is left in the graph."""
    writer, budget = case.call.writer, case.call.writer.budget
    if any(part.entry.items is not None for part in (*case.states, *case.scanned)):
        return "and it carries a sequence"
    size = case.call.expansion.turn_size(case.call.node, case.body, case.call.scope.find)
    if size > MAX_UNROLLED or budget.tried + size > MAX_TRIED:
        return "and its body is large"
    mark, used = writer.mark(), (budget.expanded, budget.edges)
    try:
        turn = _settle_shapes(case)
        return (
            "and shapes change from turn to turn"
            if turn is None
            else _reads_of_all(case, turn, stacked)
        )
    except (BoundError, ModelError):
        return "and its body could not be followed"
    finally:
        writer.back_to(mark)
        budget.tried += budget.expanded - used[0]
        budget.expanded, budget.edges = used


def _settle_shapes(case: Repeated) -> _Turn | None:
    """Return a turn that gives the shapes it is given; those that change are not known to it."""
    shapes = [part.shape() for part in case.states]
    own = _handed_on(case)
    for _ in range(2):
        mark = case.call.writer.mark()
        turn = _run(case, shapes, own)
        made = [entry.value.shape for entry in turn.made[case.lead :]]
        new = [a if a == b else None for a, b in zip(shapes, made, strict=False)]
        if new == shapes or any(entry.items is not None for entry in turn.made):
            return turn if new == shapes else None
        case.call.writer.back_to(mark)
        shapes = new
    return None


def _run(case: Repeated, shapes: Sequence[Shape | None], own: set[int]) -> _Turn:
    """Add the body once, for tensors that stand for what a turn is given."""
    writer = case.call.writer
    mark = len(writer.graph)
    whole = [*shapes, *(part.shape() for part in case.scanned)]
    given = [stand_in(case, str(k), shape) for k, shape in enumerate(whole)]
    count = len(shapes)
    states = [case.states[k].entry if k in own else given[k] for k in range(count)]
    made = run_body(case.call, case.body, case.arranged(states, given[count:]))
    names = list(islice(writer.graph, mark, None))
    flows = kept.flow(writer.graph, names, writer.budget.connect)
    effects = [_facts(entry, flows) for entry in made]
    return _Turn(made, effects, [entry.tensor or "" for entry in given])


def stand_in(case: Repeated, name: str, shape: Shape | None) -> Entry:
    """Add a tensor that stands for what a turn is given."""
    tensor = case.call.add_tensor(f"{case.call.operator.label}/{name}", shape)
    return Entry(Value(shape), tensor)


def _facts(entry: Entry, found: dict[str, dict[str, Kept]]) -> dict[str, Kept]:
    if entry.tensor is None:
        return {}
    return found.get(entry.tensor, {entry.tensor: kept.itself(entry.value.shape)})


# -- all turns -------------------------------------------------------------------------------------


def _reads_of_all(case: Repeated, turn: _Turn, stacked: Stacking) -> _Reads:
    """Return what any number of turns reads, given one."""
    budget, lead, count = case.call.writer.budget, case.lead, len(case.states)
    parts = (*case.states, *case.scanned)
    before: dict[str, dict[str, Kept]] = {
        name: {name: part.reads()} for name, part in zip(turn.names, parts, strict=True)
    }
    names = turn.names[:count]
    effects = dict(zip(names, turn.effects[lead : lead + count], strict=True))
    kept.fixpoint(before, effects, budget.connect)
    facts = [
        kept.compose(before, effects[name], budget.connect) if case.some else dict(before[name])
        for name in names
    ]
    shapes = [entry.value.shape for entry in turn.made[lead : lead + count]]
    slices = turn.made[lead + count :]
    ranks = [len(entry.value.shape or ()) + 1 for entry in slices]
    for k, place in enumerate(stacked(ranks), lead + count):
        shapes.append(_stacked_shape(case, turn, turn.made[k].value.shape, place))
        facts.append(_of_slices(case, turn, turn.effects[k], before, place))
    sources = {name: (part.slot, part.entry) for name, part in zip(turn.names, parts, strict=True)}
    condition = kept.compose(before, turn.effects[0], budget.connect) if lead else {}
    _control(case, condition, facts, sources)
    return _Reads(shapes, facts, sources)


def _stacked_shape(
    case: Repeated, turn: _Turn, shape: Shape | None, place: Stacked
) -> Shape | None:
    """Return the shape of all slices; a Loop's are as many as its limit if its body never ends."""
    if shape is None or case.limit is None or (case.lead and not turn.made[0].number()):
        return None
    return (*shape[: place.axis], case.limit, *shape[place.axis :])


def _of_slices(
    case: Repeated,
    turn: _Turn,
    effect: dict[str, Kept],
    before: dict[str, dict[str, Kept]],
    place: Stacked,
) -> dict[str, Kept]:
    """Return what a stack of slices reads; of what is scanned a slice may read its own alone."""
    count = len(case.states)
    earlier = {key for name in turn.names[:count] if name in effect for key in before[name]}
    alone: dict[str, int] = {
        name: part.axis
        for name, part in zip(turn.names[count:], case.scanned, strict=True)
        if part.axis is not None and name not in earlier and part.backward == place.backward
    }
    facts: dict[str, Kept] = {}
    for name, one in kept.compose(before, effect, case.call.writer.budget.connect).items():
        pairs = {(a, b + (b >= place.axis)) for a, b in one.pairs}
        if name in alone:
            pairs.add((alone[name], place.axis))
        facts[name] = replace(one, pairs=frozenset(pairs))
    return facts


def _control(
    case: Repeated,
    condition: dict[str, Kept],
    facts: list[dict[str, Kept]],
    sources: dict[str, tuple[int, Entry]],
) -> None:
    """Add what says how many turns there are: every unit reads all of that."""
    wholly = {name: replace(one, pairs=frozenset()) for name, one in condition.items()}
    for slot in case.controls:
        entry = case.call.entries[slot] if slot < len(case.call.entries) else None
        if entry is not None and entry.tensor is not None:
            sources[entry.tensor] = slot, entry
            kept.add(wholly, entry.tensor, Kept(frozenset()))
    for one in facts:
        for name, whole in wholly.items():
            kept.add(one, name, whole)


# -- the edges -------------------------------------------------------------------------------------


def _output(
    case: Repeated, number: int, name: str, shape: Shape | None, read: list[_Source]
) -> Entry:
    """Add an output with an edge from all that it reads."""
    if not read or not name:
        return Entry(Value(shape, constant=True))
    if shape is None:
        return case.unknown(name, "so its shape is not known")
    if any(source.kept.lost for source in read):
        return case.unknown(name, "and its body reads what is not known", shape)
    reads = []
    for slot, entry, one in read:
        steps = kept.steps(one, entry.value.shape or (), shape)
        reads.append((entry, Link(slot, steps, number, tuple(sorted(one.spatial)))))
    return case.call.add(name, shape, reads)


def _read(
    case: Repeated, facts: dict[str, Kept], sources: dict[str, tuple[int, Entry]]
) -> list[_Source]:
    """Return the inputs that are data and what the body takes from outside, each with its slot."""
    graph, read = case.call.writer.graph, []
    for name, one in facts.items():
        if name in sources:
            slot, entry = sources[name]
            if entry.tensor is not None:
                read.append(_Source(slot, entry, one))
        elif name in graph:
            entry = Entry(Value(shape_of(graph, name)), name)
            read.append(_Source(len(case.call.entries) + len(read), entry, one))
    return read
