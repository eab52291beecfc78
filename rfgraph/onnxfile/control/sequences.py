"""Sequences of tensors, followed element by element where their positions are constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.scope import Entry
from rfgraph.onnxfile.control.bodies import run_body
from rfgraph.ops.node import Link, OpNode, Value, normal_axis
from rfgraph.relations.axis_rules import Shape, Shift
from rfgraph.relations.steps import Regroup, Select, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.onnxfile.building.call import Call


MAX_ITEMS = 4096


def _tensor(entry: Entry) -> Entry:
    """Return an element of a sequence; sequences of sequences, which ONNX lacks, may be endless."""
    if entry.items is not None:
        raise ModelError("requires tensors as the elements of a sequence, found a sequence")
    return entry


def _sequence_of(items: Sequence[Entry]) -> list[Entry]:
    return [Entry(Value(None), None, tuple(items))]


def _position(call: Call, slot: int, default: int) -> int | None:
    """Return a constant position, None if it is not known before the model runs."""
    entry = call.entry(slot)
    if entry is None:
        return default
    return entry.number()


def construct_sequence(call: Call) -> list[Entry]:
    """SequenceConstruct and SequenceEmpty."""
    return _sequence_of([_tensor(entry) for entry in call.entries if entry is not None])


def element_at(call: Call) -> list[Entry]:
    """SequenceAt: the element at a constant position; else any of them."""
    sequence = call.require(0)
    if sequence.items is None:
        return call.unknown_outputs("its sequence is not known")
    position = _position(call, 1, 0)
    if position is None:
        return call.unknown_outputs("its position is computed")
    items = sequence.items
    if not -len(items) <= position < len(items):
        raise ModelError(f"requires a position within {len(items)} elements, found {position}")
    return [items[position]]


def insert_or_erase(call: Call) -> list[Entry]:
    """SequenceInsert and SequenceErase."""
    sequence = call.require(0)
    inserts = call.operator.op_type == "SequenceInsert"
    items = sequence.items
    position = _position(call, 2 if inserts else 1, len(items or ()) if inserts else -1)
    if items is None or position is None:
        return call.unknown_outputs("its sequence or position is not known")
    limit = len(items)
    if not -limit <= position <= limit or (not inserts and position == limit):
        raise ModelError(f"requires a position within {limit} elements, found {position}")
    changed = list(items)
    if inserts:
        if limit >= MAX_ITEMS:
            return call.unknown_outputs(f"more than {MAX_ITEMS} elements")
        changed.insert(position, _tensor(call.require(1)))
    else:
        del changed[position]
    return _sequence_of(changed)


def sequence_length(call: Call) -> list[Entry]:
    """SequenceLength: a constant where the sequence is followed."""
    sequence = call.require(0)
    data = None if sequence.items is None else np.array(len(sequence.items), dtype=np.int64)
    return [Entry(Value((), constant=True, data=data))]


def split_to_sequence(call: Call) -> list[Entry]:
    """SplitToSequence: one element per chunk of constant length."""
    source = call.require(0)
    op_node = call.op_node()
    shape = source.value.shape
    chunks = None if shape is None else _chunks(op_node, call.entry(1), shape)
    if chunks is None or shape is None:
        return call.unknown_outputs("its chunks are not known")
    axis = op_node.axis("axis", 0, len(shape))
    drops = not op_node.int("keepdims", 1) and len(call.entries) < 2
    items, start = [], 0
    for number, size in enumerate(chunks):
        made = (*shape[:axis], *(() if drops else (size,)), *shape[axis + 1 :])
        steps: list[Step] = [Select(((axis, Shift(start, 1, shape[axis], size)),))]
        if drops:
            steps.append(Regroup(made))
        name = f"{call.outputs[0]}/{number}"
        items.append(call.add(name, made, [(source, Link(0, tuple(steps)))]))
        start += size
    return _sequence_of(items)


def _chunks(op_node: OpNode, lengths: Entry | None, shape: Shape) -> list[int] | None:
    total = shape[normal_axis(op_node.int("axis", 0), len(shape))]
    if lengths is not None:
        data = lengths.value.data
        if data is None:
            return None
        if data.dtype.kind not in "iu" or not data.size:
            raise ModelError(f"requires integers as chunk lengths, found {data.dtype}")
        sizes = [int(item) for item in data.reshape(-1)]
        if data.ndim:
            if any(size < 0 for size in sizes) or sum(sizes) != total:
                raise ModelError(f"requires chunks that sum to {total}, found {sizes[:8]}")
            return sizes
        step = sizes[0]
    else:
        step = 1
    if step < 1:
        raise ModelError(f"requires a chunk length of at least 1, found {step}")
    if total > MAX_ITEMS * step:
        return None
    return [min(step, total - begin) for begin in range(0, total, step)]


def concat_from_sequence(call: Call) -> list[Entry]:
    """ConcatFromSequence: a Concat of the elements, on a new axis if asked for."""
    sequence = call.require(0)
    items = sequence.items
    if items is None or any(item.value.shape is None for item in items):
        return call.unknown_outputs("its sequence is not known")
    op_node = call.op_node()
    shapes = [item.value.shape or () for item in items]
    if not shapes or len(set(map(len, shapes))) != 1:
        raise ModelError("requires elements of one rank, at least one")
    new = bool(op_node.int("new_axis", 0))
    axis = op_node.axis("axis", 0, len(shapes[0]) + new)
    parts = [(*s[:axis], 1, *s[axis:]) if new else s for s in shapes]
    if any(p[:axis] + p[axis + 1 :] != parts[0][:axis] + parts[0][axis + 1 :] for p in parts):
        raise ModelError("requires elements that agree off the axis")
    total = sum(part[axis] for part in parts)
    shape = (*parts[0][:axis], total, *parts[0][axis + 1 :])
    reads, start = [], 0
    for slot, (item, part) in enumerate(zip(items, parts, strict=True)):
        steps: tuple[Step, ...] = (Regroup(part),) if new else ()
        moved = Select(((axis, Shift(-start, 1, part[axis], total, "absent")),))
        reads.append((item, Link(slot, (*steps, moved))))
        start += part[axis]
    return [call.add(call.outputs[0], shape, reads)]


def sequence_map(call: Call) -> list[Entry]:
    """SequenceMap: the body applied to each element."""
    sequence = call.require(0)
    if sequence.items is None:
        return call.unknown_outputs("its sequence is not known")
    body = call.subgraph("body")
    columns: list[list[Entry]] = [[] for _ in call.outputs]
    for number in range(len(sequence.items)):
        arguments = []
        for entry in call.entries:
            if entry is None:
                raise ModelError("requires all inputs")
            if entry.items is not None and len(entry.items) != len(sequence.items):
                raise ModelError(f"requires sequences of {len(sequence.items)} elements")
            arguments.append(entry if entry.items is None else entry.items[number])
        made = run_body(call, body, arguments)
        if len(made) != len(columns):
            raise ModelError(f"requires {len(columns)} outputs of its body, found {len(made)}")
        for column, entry in zip(columns, made, strict=True):
            column.append(_tensor(entry))
    return [Entry(Value(None), None, tuple(column)) for column in columns]


def pass_on(call: Call) -> list[Entry] | None:
    """Identity and Optional of a sequence; tensors are left to their rules."""
    entry = call.entry(0)
    return None if entry is None or entry.items is None else [entry]
