"""Loop and Scan: unrolled where the number of turns is a constant within the bound.

Beyond it their outputs read what any number of turns may read, on axes that some turn moves along
all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.attributes import decode_all
from rfgraph.onnxfile.building.budget import MAX_TURNS
from rfgraph.onnxfile.building.scope import Entry, Scope
from rfgraph.onnxfile.control import any_turns as fixpoint
from rfgraph.onnxfile.control.bodies import Handler, run_body, subgraph
from rfgraph.ops.node import Link, OpNode, Value
from rfgraph.relations.axis_rules import Shape, Shift
from rfgraph.relations.steps import Regroup, Select, Step
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from rfgraph.onnxfile.builder import Builder
    from rfgraph.relations.graph import Operator


def loop(
    builder: Builder,
    operator: Operator,
    node: onnx.NodeProto,
    entries: Sequence[Entry | None],
    scope: Scope,
) -> list[Entry]:
    """A Loop: its body once per turn, if the number of turns is known."""
    body = subgraph(node, "body", scope)
    carried = [entry for entry in entries[2:] if entry is not None]
    if len(carried) + 2 != len(body.input) or len(body.output) < len(carried) + 1:
        least = len(carried) + 1
        raise ModelError(
            f"requires a body with {least + 1} inputs and at least {least} outputs, "
            f"found {len(body.input)} and {len(body.output)}"
        )
    turns = _turns(entries)
    going = _truth(entries[1] if len(entries) > 1 else None)
    fits = builder.expansion.turns_that_fit(node, body, scope.find)
    if turns is None or going is None or (_always_goes(body) and turns > fits):
        return _any_turns(builder, operator, node, entries, scope, body)
    scanned: list[list[Entry]] = [[] for _ in body.output[len(carried) + 1 :]]
    condition = Entry(Value((), constant=True, data=np.array(True)))
    turn, before = 0, builder.mark()
    while going and turn < turns:
        number = Entry(Value((), constant=True, data=np.array(turn, dtype=np.int64)))
        made = run_body(builder, scope, node, body, (number, condition, *carried))
        going, turn = _truth(made[0]), turn + 1
        if going is None or (going and fits <= turn < turns):
            builder.back_to(before)
            return _any_turns(builder, operator, node, entries, scope, body)
        carried = made[1 : len(carried) + 1]
        for column, entry in zip(scanned, made[len(carried) + 1 :], strict=True):
            column.append(entry)
    return [
        *carried,
        *(_stack(builder, operator, node, k, c, scope) for k, c in enumerate(scanned)),
    ]


def _always_goes(body: onnx.GraphProto) -> bool:
    """Whether a body hands on the condition that it is given, so that only the number ends it."""
    makers = {name: node for node in body.node for name in node.output}
    name = body.output[0].name
    while name in makers and makers[name].op_type in ("Identity", "Cast") and makers[name].input:
        name = makers[name].input[0]
    return name not in makers or makers[name].op_type == "Constant"


def _turns(entries: Sequence[Entry | None]) -> int | None:
    """Return the number of turns, None if it is not known; left out, the condition decides."""
    entry = entries[0] if entries else None
    if entry is None:
        return 1 << 62
    return entry.number()


def _truth(entry: Entry | None) -> bool | None:
    if entry is None:
        return True
    number = entry.number()
    return None if number is None else bool(number)


def _any_turns(
    builder: Builder,
    operator: Operator,
    node: onnx.NodeProto,
    entries: Sequence[Entry | None],
    scope: Scope,
    body: onnx.GraphProto,
) -> list[Entry]:
    """Return what a Loop reads however often it turns."""
    limit = _turns(entries)
    going = _truth(entries[1] if len(entries) > 1 else None)
    present = [
        (slot, entry) for slot, entry in enumerate(entries) if slot > 1 and entry is not None
    ]

    def arranged(states: list[Entry], _: list[Entry]) -> list[Entry]:
        number = fixpoint.standing(case, "turn", ())
        return [number, Entry(Value((), constant=True, data=np.array(True))), *states]

    case = fixpoint.Unrolled(
        builder,
        operator,
        node,
        body,
        scope,
        entries,
        f"its number of turns is computed, or more than {MAX_TURNS}",
        states=[fixpoint.Part(slot, entry) for slot, entry in present],
        scanned=[],
        arranged=arranged,
        limit=limit if going and entries and entries[0] is not None else None,
        some=bool(going) and limit is not None and limit > 0,
        controls=(0, 1),
    )
    return fixpoint.outputs(case, lambda ranks: [fixpoint.Stacked()] * len(ranks))


def _stack(
    builder: Builder,
    operator: Operator,
    node: onnx.NodeProto,
    number: int,
    slices: Sequence[Entry],
    scope: Scope,
    axis: int = 0,
) -> Entry:
    """Return the slices of all turns as one tensor, on a new axis."""
    shapes = {entry.value.shape for entry in slices}
    if len(shapes) != 1 or None in shapes:
        name = f"{operator.label}/scan{number}"
        return builder.unknown(name, slices, operator, scope, "its slices have no common shape")
    slice_shape: Shape = shapes.pop() or ()
    count = len(slices)
    thin = (*slice_shape[:axis], 1, *slice_shape[axis:])
    shape = (*slice_shape[:axis], count, *slice_shape[axis:])
    if all(entry.tensor is None for entry in slices):
        return Entry(Value(shape, constant=True))
    tensor = builder.add_tensor(f"{scope.prefix}{operator.label}/scan{number}", shape, operator)
    for turn, entry in enumerate(slices):
        if entry.tensor is not None:
            moved = Select(((axis, Shift(-turn, 1, 1, count, "absent")),))
            builder.add_edge(entry, tensor, operator, Link(turn, (Regroup(thin), moved)), shape, {})
    return Entry(Value(shape), tensor)


# -- Scan ------------------------------------------------------------------------------------------


def scan(
    builder: Builder,
    operator: Operator,
    node: onnx.NodeProto,
    entries: Sequence[Entry | None],
    scope: Scope,
) -> list[Entry]:
    """A Scan (since version 9): one turn per position of the scanned inputs."""
    values = [None if entry is None else entry.value for entry in entries]
    op_node = OpNode("Scan", values, attributes=decode_all(node, scope.attributes))
    body = subgraph(node, "body", scope)
    sources = [*entries, *fixpoint.captured(body, scope)]
    if scope.opsets.get("", 1) < 9:
        reason = "Scan before version 9 has a batch axis and lengths of its own"
        return [builder.unknown(name, sources, operator, scope, reason) for name in node.output]
    given = [entry for entry in entries if entry is not None]
    count = op_node.int("num_scan_inputs")
    states = len(given) - count
    if not 0 < count <= len(given) or len(body.input) != len(given) or len(body.output) < states:
        raise ModelError(f"attribute 'num_scan_inputs' requires a fit to the body, found {count}")
    shapes = [entry.value.shape for entry in given[states:]]
    if any(shape is None for shape in shapes):
        reason = "the shape of a scanned input is not known"
        return [builder.unknown(name, sources, operator, scope, reason) for name in node.output]
    known = [shape for shape in shapes if shape is not None]
    in_axes = _axes(op_node, "scan_input_axes", [len(shape) for shape in known])
    lengths = {shape[axis] for shape, axis in zip(known, in_axes, strict=True)}
    if len(lengths) != 1:
        raise ModelError(f"requires scanned inputs of one length, found {sorted(lengths)[:4]}")
    turns = lengths.pop()
    if turns > builder.expansion.turns_that_fit(node, body, scope.find):
        return _any_positions(
            builder, operator, node, op_node, entries, states, in_axes, turns, body, scope
        )
    return _scan_turns(builder, operator, node, op_node, given, states, in_axes, turns, body, scope)


def _any_positions(
    builder: Builder,
    operator: Operator,
    node: onnx.NodeProto,
    op_node: OpNode,
    entries: Sequence[Entry | None],
    states: int,
    in_axes: Sequence[int],
    turns: int,
    body: onnx.GraphProto,
    scope: Scope,
) -> list[Entry]:
    """Return what a Scan reads of more positions than are unrolled."""
    present = [(slot, entry) for slot, entry in enumerate(entries) if entry is not None]
    backward = op_node.ints("scan_input_directions") or [0] * len(in_axes)
    reverse = op_node.ints("scan_output_directions") or [0] * (len(body.output) - states)

    def stacking(ranks: list[int]) -> list[fixpoint.Stacked]:
        axes = _axes(op_node, "scan_output_axes", ranks)
        return [fixpoint.Stacked(axis, bool(reverse[k])) for k, axis in enumerate(axes)]

    case = fixpoint.Unrolled(
        builder,
        operator,
        node,
        body,
        scope,
        entries,
        f"more than {MAX_TURNS} turns",
        states=[fixpoint.Part(slot, entry) for slot, entry in present[:states]],
        scanned=[
            fixpoint.Part(slot, entry, axis, k < len(backward) and bool(backward[k]))
            for k, ((slot, entry), axis) in enumerate(zip(present[states:], in_axes, strict=True))
        ],
        arranged=lambda carried, slices: [*carried, *slices],
        limit=turns,
        some=True,
    )
    return fixpoint.outputs(case, stacking)


def _scan_turns(
    builder: Builder,
    operator: Operator,
    node: onnx.NodeProto,
    op_node: OpNode,
    given: Sequence[Entry],
    states: int,
    in_axes: Sequence[int],
    turns: int,
    body: onnx.GraphProto,
    scope: Scope,
) -> list[Entry]:
    backward = op_node.ints("scan_input_directions") or [0] * len(in_axes)
    carried = list(given[:states])
    scanned: list[list[Entry]] = [[] for _ in body.output[states:]]
    for turn in range(turns):
        arguments = list(carried)
        for k, (source, axis) in enumerate(zip(given[states:], in_axes, strict=True)):
            place = turns - 1 - turn if k < len(backward) and backward[k] else turn
            arguments.append(
                _slice(
                    builder, operator, source, axis, place, f"{operator.label}/{turn}/{k}", scope
                )
            )
        made = run_body(builder, scope, node, body, arguments)
        carried = made[:states]
        for column, entry in zip(scanned, made[states:], strict=True):
            column.append(entry)
    reverse = op_node.ints("scan_output_directions") or [0] * len(scanned)
    ranks = [len(column[0].value.shape or ()) + 1 if column else 1 for column in scanned]
    out_axes = _axes(op_node, "scan_output_axes", ranks)
    stacked = [
        _stack(
            builder, operator, node, k, column[::-1] if reverse[k] else column, scope, out_axes[k]
        )
        for k, column in enumerate(scanned)
    ]
    return [*carried, *stacked]


def _axes(op_node: OpNode, name: str, ranks: Sequence[int]) -> list[int]:
    axes = op_node.ints(name) or [0] * len(ranks)
    if len(axes) != len(ranks) or not all(-r <= a < r for a, r in zip(axes, ranks, strict=True)):
        raise ModelError(
            f"attribute {quoted(name)} requires {len(ranks)} axes within range, found {axes[:8]}"
        )
    return [axis % rank for axis, rank in zip(axes, ranks, strict=True)]


def _slice(
    builder: Builder,
    operator: Operator,
    source: Entry,
    axis: int,
    place: int,
    name: str,
    scope: Scope,
) -> Entry:
    shape = source.value.shape or ()
    made = (*shape[:axis], *shape[axis + 1 :])
    if source.tensor is None:
        data = source.value.data
        return Entry(
            Value(made, constant=True, data=None if data is None else data.take(place, axis))
        )
    tensor = builder.add_tensor(scope.prefix + name, made, operator)
    steps: tuple[Step, ...] = (Select(((axis, Shift(place, 1, shape[axis], 1)),)), Regroup(made))
    builder.add_edge(source, tensor, operator, Link(0, steps), made, {})
    return Entry(Value(made), tensor)


HANDLERS: dict[str, Handler] = {"Loop": loop, "Scan": scan}
