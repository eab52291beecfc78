"""Loop and Scan: unrolled where the number of turns is a constant within the bound.

Beyond it their outputs read what any number of turns may read, on axes that some turn moves along
all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.budget import MAX_TURNS
from rfgraph.onnxfile.building.scope import Entry
from rfgraph.onnxfile.control import any_turns
from rfgraph.onnxfile.control.bodies import run_body
from rfgraph.ops.node import Link, OpNode, Value
from rfgraph.relations.axis_rules import Shape, Shift
from rfgraph.relations.steps import Regroup, Select
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx

    from rfgraph.onnxfile.building.call import Call


def loop(call: Call) -> list[Entry]:
    """A Loop: its body once per turn, if the number of turns is known."""
    body = call.subgraph("body")
    carried = [entry for entry in call.entries[2:] if entry is not None]
    if len(carried) + 2 != len(body.input) or len(body.output) < len(carried) + 1:
        least = len(carried) + 1
        raise ModelError(
            f"requires a body with {least + 1} inputs and at least {least} outputs, "
            f"found {len(body.input)} and {len(body.output)}"
        )
    turns = _turns(call)
    going = _truth(call.entry(1))
    fits = call.expansion.turns_that_fit(call.node, body, call.scope.find)
    if turns is None or going is None or (_always_goes(body) and turns > fits):
        return _any_turns(call, body)
    scanned: list[list[Entry]] = [[] for _ in body.output[len(carried) + 1 :]]
    condition = Entry(Value((), constant=True, data=np.array(True)))
    turn, before = 0, call.writer.mark()
    while going and turn < turns:
        number = Entry(Value((), constant=True, data=np.array(turn, dtype=np.int64)))
        made = run_body(call, body, (number, condition, *carried))
        going, turn = _truth(made[0]), turn + 1
        if going is None or (going and fits <= turn < turns):
            call.writer.back_to(before)
            return _any_turns(call, body)
        carried = made[1 : len(carried) + 1]
        for column, entry in zip(scanned, made[len(carried) + 1 :], strict=True):
            column.append(entry)
    return [*carried, *(_stack(call, k, column) for k, column in enumerate(scanned))]


def _always_goes(body: onnx.GraphProto) -> bool:
    """Whether a body hands on the condition that it is given, so that only the number ends it."""
    makers = {name: node for node in body.node for name in node.output}
    name = body.output[0].name
    while name in makers and makers[name].op_type in ("Identity", "Cast") and makers[name].input:
        name = makers[name].input[0]
    return name not in makers or makers[name].op_type == "Constant"


def _turns(call: Call) -> int | None:
    """Return the number of turns, None if it is not known; left out, the condition decides."""
    entry = call.entry(0)
    return 1 << 62 if entry is None else entry.number()


def _truth(entry: Entry | None) -> bool | None:
    if entry is None:
        return True
    number = entry.number()
    return None if number is None else bool(number)


def _any_turns(call: Call, body: onnx.GraphProto) -> list[Entry]:
    """Return what a Loop reads however often it turns."""
    limit = _turns(call)
    going = _truth(call.entry(1))
    present = [
        (slot, entry) for slot, entry in enumerate(call.entries) if slot > 1 and entry is not None
    ]

    def arrange(states: list[Entry], _: list[Entry]) -> list[Entry]:
        number = any_turns.stand_in(case, "turn", ())
        return [number, Entry(Value((), constant=True, data=np.array(True))), *states]

    case = any_turns.Repeated(
        call,
        body,
        f"its number of turns is computed, or more than {MAX_TURNS}",
        states=[any_turns.Part(slot, entry) for slot, entry in present],
        scanned=[],
        arranged=arrange,
        limit=limit if going and call.entry(0) is not None else None,
        some=bool(going) and limit is not None and limit > 0,
        controls=(0, 1),
    )
    return any_turns.outputs(case, lambda ranks: [any_turns.Stacked()] * len(ranks))


def _stack(call: Call, number: int, slices: Sequence[Entry], axis: int = 0) -> Entry:
    """Return the slices of all turns as one tensor, on a new axis."""
    shapes = {entry.value.shape for entry in slices}
    name = f"{call.operator.label}/scan{number}"
    if len(shapes) != 1 or None in shapes:
        return call.unknown(name, slices, "its slices have no common shape")
    slice_shape: Shape = shapes.pop() or ()
    count = len(slices)
    thin = (*slice_shape[:axis], 1, *slice_shape[axis:])
    shape = (*slice_shape[:axis], count, *slice_shape[axis:])
    reads = []
    for turn, entry in enumerate(slices):
        moved = Select(((axis, Shift(-turn, 1, 1, count, "absent")),))
        reads.append((entry, Link(turn, (Regroup(thin), moved))))
    return call.add(name, shape, reads)


# -- Scan ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a Scan carries, and along which axes it goes: `states` of its inputs come first."""

    body: onnx.GraphProto
    op_node: OpNode
    given: Sequence[tuple[int, Entry]]
    states: int
    axes: Sequence[int]
    turns: int

    def goes_backward(self, number: int) -> bool:
        """Whether a scanned input is read from its end."""
        directions = self.op_node.ints("scan_input_directions")
        return directions is not None and number < len(directions) and bool(directions[number])

    def stack_places(self, ranks: Sequence[int]) -> list[any_turns.Stacked]:
        """Return where the slices of the stacked outputs go, given the ranks of these."""
        reverse = self.op_node.ints("scan_output_directions") or [0] * len(ranks)
        axes = _axes(self.op_node, "scan_output_axes", ranks)
        return [any_turns.Stacked(axis, bool(reverse[k])) for k, axis in enumerate(axes)]


def scan(call: Call) -> list[Entry]:
    """A Scan (since version 9): one turn per position of the scanned inputs."""
    op_node = call.op_node()
    body = call.subgraph("body")
    sources = [*call.entries, *any_turns.captured_entries(body, call.scope)]
    if call.scope.opsets.get("", 1) < 9:
        reason = "Scan before version 9 has a batch axis and lengths of its own"
        return call.unknown_outputs(reason, sources)
    given = [(slot, entry) for slot, entry in enumerate(call.entries) if entry is not None]
    count = op_node.int("num_scan_inputs")
    states = len(given) - count
    if not 0 < count <= len(given) or len(body.input) != len(given) or len(body.output) < states:
        raise ModelError(f"attribute 'num_scan_inputs' requires a fit to the body, found {count}")
    shapes = [entry.value.shape for _, entry in given[states:]]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return call.unknown_outputs("the shape of a scanned input is not known", sources)
    axes = _axes(op_node, "scan_input_axes", [len(shape) for shape in known])
    lengths = {shape[axis] for shape, axis in zip(known, axes, strict=True)}
    if len(lengths) != 1:
        raise ModelError(f"requires scanned inputs of one length, found {sorted(lengths)[:4]}")
    case = _Scan(body, op_node, given, states, axes, lengths.pop())
    if case.turns > call.expansion.turns_that_fit(call.node, body, call.scope.find):
        return _any_positions(call, case)
    return _each_position(call, case)


def _any_positions(call: Call, case: _Scan) -> list[Entry]:
    """Return what a Scan reads of more positions than are unrolled."""
    scanned = zip(case.given[case.states :], case.axes, strict=True)
    repeated = any_turns.Repeated(
        call,
        case.body,
        f"more than {MAX_TURNS} turns",
        states=[any_turns.Part(slot, entry) for slot, entry in case.given[: case.states]],
        scanned=[
            any_turns.Part(slot, entry, axis, case.goes_backward(k))
            for k, ((slot, entry), axis) in enumerate(scanned)
        ],
        arranged=lambda carried, slices: [*carried, *slices],
        limit=case.turns,
        some=True,
    )
    return any_turns.outputs(repeated, case.stack_places)


def _each_position(call: Call, case: _Scan) -> list[Entry]:
    """Unroll a Scan: the body once for each position."""
    carried = [entry for _, entry in case.given[: case.states]]
    columns: list[list[Entry]] = [[] for _ in case.body.output[case.states :]]
    for turn in range(case.turns):
        made = run_body(call, case.body, [*carried, *_slices(call, case, turn)])
        carried = made[: case.states]
        for column, entry in zip(columns, made[case.states :], strict=True):
            column.append(entry)
    ranks = [len(column[0].value.shape or ()) + 1 if column else 1 for column in columns]
    places = zip(columns, case.stack_places(ranks), strict=True)
    return [
        *carried,
        *(
            _stack(call, k, column[::-1] if place.backward else column, place.axis)
            for k, (column, place) in enumerate(places)
        ),
    ]


def _slices(call: Call, case: _Scan, turn: int) -> Iterator[Entry]:
    """Yield what a turn sees of the scanned inputs."""
    for k, ((_, source), axis) in enumerate(zip(case.given[case.states :], case.axes, strict=True)):
        place = case.turns - 1 - turn if case.goes_backward(k) else turn
        yield _slice(call, source, axis, place, f"{call.operator.label}/{turn}/{k}")


def _axes(op_node: OpNode, name: str, ranks: Sequence[int]) -> list[int]:
    axes = op_node.ints(name) or [0] * len(ranks)
    if len(axes) != len(ranks) or not all(-r <= a < r for a, r in zip(axes, ranks, strict=True)):
        raise ModelError(
            f"attribute {quote(name)} requires {len(ranks)} axes within range, found {axes[:8]}"
        )
    return [axis % rank for axis, rank in zip(axes, ranks, strict=True)]


def _slice(call: Call, source: Entry, axis: int, place: int, name: str) -> Entry:
    shape = source.value.shape or ()
    made = (*shape[:axis], *shape[axis + 1 :])
    if source.tensor is None:
        data = source.value.data
        own = None if data is None else data.take(place, axis)
        return Entry(Value(made, constant=True, data=own))
    taken = Select(((axis, Shift(place, 1, shape[axis], 1)),))
    return call.add(name, made, [(source, Link(0, (taken, Regroup(made))))])
