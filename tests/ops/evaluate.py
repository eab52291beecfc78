"""A brute evaluator of relations, and the comparison of a rule with onnxruntime on one node.

The evaluator takes one output index back through the steps, as sets of index tuples, clipped to
every tensor on the way. It shares nothing with the domains.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from oracle.perturb import Prober, session
from rfgraph.ops.node import OpNode, Outcome, Value
from rfgraph.ops.registry import find_rule
from rfgraph.relations.axis_rules import (
    AxisRule,
    Band,
    Blocks,
    Listed,
    Pick,
    Repeat,
    Resample,
    Shape,
    Shift,
    Transposed,
    Whole,
    Window,
)
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Along, Everything, Permute, Pointwise, Regroup, Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

Index = tuple[int, ...]
Reading = dict[Index, set[Index]]


# --- relations -------------------------------------------------------------------------------


def reads(relation: Relation, index: Sequence[int]) -> set[Index]:
    """Return the input indices that the output element at `index` reads."""
    found = {tuple(index)}
    shapes = [*relation.shapes]
    for step, before, after in reversed(
        list(zip(relation.steps, shapes, shapes[1:], strict=False))
    ):
        found = set(itertools.chain.from_iterable(_back(step, before, after, at) for at in found))
    return found


def indices(shape: Shape) -> Iterable[Index]:
    """Return every index of a tensor of this shape."""
    return itertools.product(*map(range, shape))


def hulls(relation: Relation) -> dict[Index, tuple[tuple[int, int], ...] | None]:
    """Return the tight box per output index, inclusive; None where nothing is read."""
    return {index: hull(reads(relation, index)) for index in indices(relation.out_shape)}


def hull(found: Collection[Index]) -> tuple[tuple[int, int], ...] | None:
    """Return the tight box around some indices, inclusive; None if there are none."""
    if not found:
        return None
    return tuple((min(axis), max(axis)) for axis in zip(*found, strict=True))


def _back(step: Step, before: Shape, after: Shape, at: Index) -> Iterable[Index]:
    """Return the indices before `step` that index `at` after it reads."""
    match step:
        case Pointwise():
            own = at[len(after) - len(before) :]
            return [tuple(0 if n == 1 else i for i, n in zip(own, before, strict=True))]
        case Permute():
            source_axes = {source: axis for axis, source in enumerate(step.perm)}
            return [tuple(at[source_axes[source]] for source in range(len(at)))]
        case Regroup():
            if math.prod(before) != math.prod(after):
                raise ValueError(f"{step} does not keep the number of elements of {before}")
            return [_unravel(_ravel(at, after), before)]
        case Everything():
            return indices(before)
    return _along(step, before, at)


def _along(step: Along, before: Shape, at: Index) -> Iterable[Index]:
    per_axis: list[Iterable[int]] = [[i] for i in at]
    for axis, rule in step.rules:
        if rule.in_len != before[axis]:
            raise ValueError(f"{rule} does not fit axis {axis} of {before}")
        per_axis[axis] = [*dict.fromkeys(positions(rule, at[axis]))]
    return itertools.product(*per_axis)


def positions(rule: AxisRule, o: int) -> Iterable[int]:
    """Return the input positions in range that output position `o` of one axis reads."""
    match rule:
        case Resample():
            return _resampled(rule, o)
        case Shift():
            return _shifted(rule, o)
        case Whole():
            return range(rule.in_len)
        case Blocks():
            size, block = rule.in_len // rule.groups, o // (rule.out_len // rule.groups)
            return range(block * size, (block + 1) * size)
    return _inside(_unbounded(rule, o), rule.in_len)


def _unbounded(rule: Window | Transposed | Repeat | Pick | Listed | Band, o: int) -> Iterable[int]:
    match rule:
        case Pick():
            return [rule.indices[o]]
        case Listed():
            return rule.lists[o]
        case Band():
            first = 0 if rule.before is None else o - rule.before
            last = rule.in_len - 1 if rule.after is None else o + rule.after
            return range(first, last + 1)
    return rule.taps(o)


def _inside(found: Iterable[int], length: int) -> list[int]:
    return [i for i in found if 0 <= i < length]


def _resampled(rule: Resample, o: int) -> Iterable[int]:
    last = rule.in_len - 1
    if rule.crop and not 0 <= rule.coordinate(o) <= last:
        return []
    if not rule.clamp:
        return _inside(rule.taps(o), rule.in_len)
    return [min(max(i, 0), last) for i in rule.taps(o)]


def _shifted(rule: Shift, o: int) -> Iterable[int]:
    at, last = rule.start + o * rule.step, rule.in_len - 1
    if 0 <= at <= last or rule.outside in ("pad", "absent"):
        return _inside([at], rule.in_len)
    if rule.outside == "edge":
        return [min(max(at, 0), last)]
    if rule.outside == "wrap":
        return [at % rule.in_len]
    while not 0 <= at <= last:
        at = -at if at < 0 else 2 * last - at
    return [at]


def _ravel(index: Index, shape: Shape) -> int:
    flat = 0
    for i, n in zip(index, shape, strict=True):
        flat = flat * n + i
    return flat


def _unravel(flat: int, shape: Shape) -> Index:
    index = []
    for n in reversed(shape):
        flat, i = divmod(flat, n)
        index.append(i)
    return tuple(reversed(index))


# --- one node --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Data:
    """A graph input of one node: its shape, its type, and the half-open range of integer values.

    `fixed` is what is fed, for an input that is dynamic but not probed.
    """

    shape: Shape
    dtype: str = "float32"
    span: tuple[int, int] | None = None
    fixed: Any = None


@dataclass(frozen=True)
class Case:
    """One node: inputs are shapes (float graph inputs), Data, arrays (initializers) or None."""

    op: str
    inputs: Sequence[Shape | Data | np.ndarray[Any, Any] | None]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    version: int = 22
    outputs: Sequence[bool] = (True,)
    domain: str = ""

    def __str__(self) -> str:
        shapes = [getattr(entry, "shape", entry) for entry in self.inputs]
        return f"{self.op}-{self.version} {shapes} {dict(self.attributes)}"

    def data(self) -> dict[int, Data]:
        """Return the graph inputs by slot."""
        found = {}
        for slot, entry in enumerate(self.inputs):
            if isinstance(entry, tuple):
                found[slot] = Data(entry)
            elif isinstance(entry, Data):
                found[slot] = entry
        return found


def op_node(case: Case) -> OpNode:
    """Return the node as a rule is given it."""
    values = [_value(entry) for entry in case.inputs]
    return OpNode(
        case.op,
        values,
        case.outputs,
        dict(case.attributes),
        version=case.version,
        domain=case.domain,
    )


def _value(entry: Shape | Data | np.ndarray[Any, Any] | None) -> Value | None:
    if entry is None:
        return None
    if isinstance(entry, np.ndarray):
        return Value(tuple(entry.shape), constant=True, data=entry)
    return Value(entry if isinstance(entry, tuple) else entry.shape)


def outcome(case: Case) -> Outcome:
    """Return what the registered rule says of the node."""
    entry = find_rule(case.domain, case.op)
    if entry is None:
        raise LookupError(f"no rule for {case.domain}.{case.op}")
    return entry.function(op_node(case))


def relations(case: Case, output: int = 0) -> dict[int, list[Relation]]:
    """Return the relations into one output by input slot."""
    found: dict[int, list[Relation]] = {}
    for link in outcome(case).links:
        if link.output == output:
            shape = op_node(case).shape(link.input)
            found.setdefault(link.input, []).append(Relation(shape, link.steps, link.spatial))
    return found


def read_at(case: Case, slot: int, index: Index, output: int = 0) -> set[Index]:
    """Return what the output at `index` reads of one input."""
    found = relations(case, output).get(slot, [])
    return set[Index]().union(*(reads(relation, index) for relation in found))


def one_node(case: Case) -> onnx.ModelProto:
    """Return the model that holds the node alone."""
    names = ["" if entry is None else f"x{slot}" for slot, entry in enumerate(case.inputs)]
    outputs = [f"y{slot}" if there else "" for slot, there in enumerate(case.outputs)]
    node = helper.make_node(case.op, names, outputs, domain=case.domain, **case.attributes)
    inputs = [
        helper.make_tensor_value_info(
            f"x{slot}", helper.np_dtype_to_tensor_dtype(np.dtype(data.dtype)), data.shape
        )
        for slot, data in case.data().items()
    ]
    constants = [
        numpy_helper.from_array(entry, f"x{slot}")
        for slot, entry in enumerate(case.inputs)
        if isinstance(entry, np.ndarray)
    ]
    graph = helper.make_graph(
        [node], "g", inputs, [onnx.ValueInfoProto(name=name) for name in outputs if name], constants
    )
    opsets = [helper.make_opsetid("", case.version)]
    if case.domain:
        opsets = [helper.make_opsetid("", 22), helper.make_opsetid(case.domain, case.version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10 if case.version > 8 else 8)


def prober(case: Case) -> Prober:
    """Return the node made ready for probing under onnxruntime."""
    data = case.data()
    keep = [f"x{slot}" for slot, entry in enumerate(case.inputs) if isinstance(entry, np.ndarray)]
    return Prober(
        one_node(case),
        [f"y{slot}" for slot, there in enumerate(case.outputs) if there],
        ranges={f"x{slot}": entry.span for slot, entry in data.items() if entry.span},
        fixed={f"x{slot}": entry.fixed for slot, entry in data.items() if entry.fixed is not None},
        keep=keep,
    )


def mismatches(
    case: Case,
    hull_only: Collection[int] = (),
    within: Collection[int] = (),
    probe: Any = None,
) -> list[str]:
    """Return where the rule and onnxruntime differ, empty if nowhere.

    Shapes of all outputs are compared, and for every unit of every output what it reads of every
    probed input: the exact set; the hull for the slots in `hull_only`; for those in `within`, that
    nothing outside the rule's set is read. `probe` takes the place of the usual prober.
    """
    probe = prober(case) if probe is None else probe
    shapes = outcome(case).shapes
    found = []
    for number, there in enumerate(case.outputs):
        name = f"y{number}"
        if not there:
            continue
        if probe.shape(name) != shapes[number]:
            found.append(f"{name}: shape {shapes[number]}, onnxruntime {probe.shape(name)}")
            continue
        linked = relations(case, number)
        for slot, data in case.data().items():
            if data.fixed is not None:
                continue
            compare = "hull" if slot in hull_only else "within" if slot in within else "set"
            truth = probe.elements(name, f"x{slot}")
            found.extend(_differences(name, slot, linked.get(slot, []), truth, compare))
    return found


def _differences(
    name: str, slot: int, linked: list[Relation], truth: np.ndarray[Any, Any], compare: str
) -> Iterable[str]:
    rank = truth.ndim - len(linked[0].in_shape) if linked else None
    if rank is None:
        return [f"{name} reads input {slot}, no link says so"] if truth.any() else []
    for relation in linked:
        if relation.out_shape != truth.shape[:rank]:
            return [f"{name}: the link from input {slot} gives shape {relation.out_shape}"]
    found = []
    for index in indices(truth.shape[:rank]):
        said = set().union(*(reads(relation, index) for relation in linked))
        seen = {tuple(map(int, at)) for at in np.argwhere(truth[index])}
        same = hull(said) == hull(seen) if compare == "hull" else said == seen
        if not (seen <= said if compare == "within" else same):
            found.append(
                f"{name}{list(index)} of input {slot}: rule {sorted(said)[:12]}, "
                f"onnxruntime {sorted(seen)[:12]}"
            )
    return found


def responses(case: Case, slot: int = 0, base: float = 0.0, tolerance: float = 2e-6) -> Reading:
    """Return what each unit of the first output reads of one input, by impulses under onnxruntime.

    Every element in turn is raised by one from `base`; what moves by more than `tolerance` reads
    it. No weight of zero leaks, unlike with NaN: for operators that are linear, or monotone.
    """
    run = session(one_node(case))
    feeds = {
        f"x{number}": np.full(data.shape, base, data.dtype) for number, data in case.data().items()
    }
    rest = run.run(None, feeds)[0]
    found: Reading = {index: set() for index in indices(rest.shape)}
    for at in indices(case.data()[slot].shape):
        poked = feeds[f"x{slot}"].copy()
        poked[at] += 1
        moved = np.abs(run.run(None, {**feeds, f"x{slot}": poked})[0] - rest) > tolerance
        for index in np.argwhere(moved):
            found[tuple(map(int, index))].add(at)
    return found


def claims(case: Case, slot: int = 0) -> Reading:
    """Return what the rule says that each unit of the first output reads of one input."""
    (shape, *_) = outcome(case).shapes
    linked = relations(case).get(slot, [])
    return {
        index: set().union(*(reads(relation, index) for relation in linked))
        for index in indices(shape)
    }


def tied(rule: Resample, o: int, tolerance: Fraction = Fraction(1, 100_000)) -> bool:
    """Whether a point is so near a decision that float32 may come down on the other side.

    Where the scale is a power of two, float32 is exact.
    """
    if not rule.crop and _power_of_two(rule.ratio):
        return False
    x = rule.coordinate(o)
    offsets = [Fraction(0), Fraction(1, 2)] if rule.reach is None else [rule.reach, -rule.reach]
    return any(abs(x + at - round(x + at)) <= tolerance * rule.in_len for at in offsets)


def _power_of_two(ratio: Fraction) -> bool:
    return all(n > 0 and n & (n - 1) == 0 for n in (ratio.numerator, ratio.denominator))
