"""Ground truth by perturbation: change inputs under onnxruntime and see which outputs change.

Shares nothing with the package under test. One probe alone misses dependences (MaxPool and
comparisons absorb NaN, finite steps vanish in rounding, saturations hide both), so what counts
is the union of several. Where an operator multiplies a finite weight of zero into its result
(linear and cubic Resize), NaN and infinity would leak through it and only finite probes are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]

from oracle.weights import randomized

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

Shape = tuple[int, ...]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]
Slab = tuple[slice, ...]

_DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(int16)": np.int16,
    "tensor(uint16)": np.uint16,
    "tensor(int32)": np.int32,
    "tensor(uint32)": np.uint32,
    "tensor(int64)": np.int64,
    "tensor(uint64)": np.uint64,
    "tensor(bool)": np.bool_,
}
# (kind of probe, number of the baseline it starts from); a number is the size of a finite step.
_PROBES: tuple[tuple[str | float, int], ...] = (
    ("nan", 0),
    ("inf", 0),
    (1e12, 0),
    (0.5, 0),
    (0.5, 1),
    (-1e6, 1),
)
_FINITE_PROBES: tuple[tuple[str | float, int], ...] = (
    (1e4, 0),
    (1e12, 0),
    (1e25, 0),
    (0.5, 0),
    (0.5, 1),
    (-1e6, 1),
)
_ONE_BY_ONE = 48


def session(model: onnx.ModelProto) -> ort.InferenceSession:
    """Return an onnxruntime session that runs the graph as it is written, on one thread."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def with_outputs(model: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """Return a copy whose outputs are `tensors`, without the nodes that none of them needs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    needed, nodes = set(tensors), []
    for node in reversed(copy.graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(_names_read(node))
    kept = list(reversed(nodes))
    inputs = {value.name for value in copy.graph.input}
    del copy.graph.node[:], copy.graph.output[:]
    copy.graph.node.extend(kept)
    # onnxruntime refuses an output that is also an input.
    copy.graph.output.extend(onnx.ValueInfoProto(name=t) for t in tensors if t not in inputs)
    return copy


def _names_read(node: onnx.NodeProto) -> set[str]:
    """Names a node reads, those its subgraphs capture included."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            names.update(output.name for output in graph.output)
            for inner in graph.node:
                names.update(_names_read(inner))
    return names


def run_all(
    model: onnx.ModelProto, shapes: Mapping[str, Shape] | None = None, seed: int = 0
) -> dict[str, Array]:
    """Return the value of every tensor, inputs and initializers included, for one random input."""
    tensors = [name for node in model.graph.node for name in node.output if name]
    prober = Prober(model, tensors, shapes=shapes, seed=seed)
    values = dict(prober.baselines[0][0])
    values.update(zip(prober.tensors, prober.baselines[0][1], strict=False))
    for initializer in prober.model.graph.initializer:
        values[initializer.name] = onnx.numpy_helper.to_array(initializer)
    return values


class Prober:
    """A model made ready for probing: positive random weights, and `tensors` as its outputs.

    `shapes` gives the shape of inputs whose dims are not all known, `fixed` the values of inputs
    that are not probed, `ranges` the half-open range of integer inputs (0 or 1 where not given),
    `keep` the names of float constants whose stored values matter.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        tensors: Sequence[str],
        *,
        shapes: Mapping[str, Shape] | None = None,
        fixed: Mapping[str, Array] | None = None,
        ranges: Mapping[str, tuple[int, int]] | None = None,
        keep: Collection[str] = (),
        seed: int = 0,
    ) -> None:
        self.tensors = list(dict.fromkeys(tensors))
        self.ranges = dict(ranges or {})
        self.seed = seed
        weighted = randomized(model, seed, keep)
        self.guards = _leaky_inputs(weighted)
        self.model = with_outputs(weighted, [*self.tensors, *self.guards])
        self.session = session(self.model)
        self._fetch = [output.name for output in self.model.graph.output]
        self._cache: dict[tuple[str, Any], dict[str, Bools]] = {}
        fed = _fed(self.model, self.session, shapes or {}, fixed or {})
        self.shapes = {name: shape for name, (shape, _) in fed.items()}
        self.inputs = {name: s for name, s in self.shapes.items() if name not in (fixed or {})}
        self.baselines = [self._baseline(fed, fixed or {}, number) for number in (0, 1)]

    def _baseline(
        self, fed: Mapping[str, tuple[Shape, Any]], fixed: Mapping[str, Array], number: int
    ) -> tuple[dict[str, Array], list[Array]]:
        random = np.random.default_rng([self.seed, number])
        feeds = {}
        for name, (shape, dtype) in fed.items():
            feeds[name] = self._start(random, name, shape, dtype)
            if name in fixed:
                feeds[name] = np.asarray(fixed[name], dtype)
        values = self._run(feeds)
        for tensor, value in zip(self.tensors, values, strict=False):
            if value.dtype.kind == "f" and np.isnan(value).any():
                raise ValueError(f"the baseline of {tensor!r} holds NaN: probes would be blind")
        return feeds, values

    def _start(
        self, random: np.random.Generator, name: str, shape: Shape, dtype: npt.DTypeLike
    ) -> Array:
        if np.dtype(dtype).kind == "f":
            return random.uniform(0.5, 1.5, shape).astype(dtype)
        low, high = self.ranges.get(name, (0, 2))
        return random.integers(low, high, shape).astype(dtype)

    def _run(self, feeds: Mapping[str, Array]) -> list[Array]:
        got = dict(zip(self._fetch, self.session.run(self._fetch, dict(feeds)), strict=True))
        return [got.get(t, feeds.get(t)) for t in [*self.tensors, *self.guards]]  # type: ignore[misc]

    def _probes(self, dtype: npt.DTypeLike) -> tuple[tuple[str | float, int], ...]:
        if np.dtype(dtype).kind != "f":
            return (("int", 0), ("int", 1), ("int", 0))
        probes = _FINITE_PROBES if self.guards else _PROBES
        if dtype == np.float16:
            return tuple((min(p, 1e3) if isinstance(p, float) else p, b) for p, b in probes)
        return probes

    def _poke(
        self, random: np.random.Generator, name: str, value: Array, kind: str | float
    ) -> Array:
        """Return what a slab of an input is changed to; random, so that no norm cancels it."""
        if kind in ("nan", "inf"):
            return np.full_like(value, float(kind))
        if isinstance(kind, float):
            return (value + kind * random.uniform(0.5, 1.5, value.shape)).astype(value.dtype)
        low, high = self.ranges.get(name, (0, 2))
        step = random.integers(1, high - low, value.shape, endpoint=high - low == 1)
        return ((value.astype(np.int64) - low + step) % (high - low) + low).astype(value.dtype)

    def changed(self, name: str, slab: Slab) -> dict[str, Bools]:
        """Return, per tensor, which of its units change when this slab of an input does."""
        key = (name, tuple((s.start, s.stop) for s in slab))
        if key not in self._cache:
            self._cache[key] = self._probe(name, slab)
        return self._cache[key]

    def _probe(self, name: str, slab: Slab) -> dict[str, Bools]:
        result = {
            tensor: np.zeros(value.shape, np.bool_)
            for tensor, value in zip(self.tensors, self.baselines[0][1], strict=False)
        }
        for found in self._results(name, slab):
            for tensor, changed in found.items():
                result[tensor] |= changed
        return result

    def touches(self, name: str, slab: Slab, tensor: str, index: Shape) -> bool:
        """Return whether one unit changes when this slab does, by as few probes as show it."""
        return any(bool(found[tensor][index]) for found in self._results(name, slab))

    def _results(self, name: str, slab: Slab) -> Iterator[dict[str, Bools]]:
        """What changes under each probe, one after the other."""
        probes = self._probes(self.baselines[0][0][name].dtype)
        for turn, (kind, number) in enumerate(probes):
            feeds, before = self.baselines[number]
            poked = feeds[name].copy()
            random = np.random.default_rng([self.seed, number, turn])
            poked[slab] = self._poke(random, name, poked[slab], kind)
            after = self._run({**feeds, name: poked})
            guards = after[len(self.tensors) :]
            if all(np.isfinite(value).all() for value in guards):
                triples = zip(self.tensors, before, after, strict=False)
                yield {tensor: differs(old, new) for tensor, old, new in triples}

    def elements(self, tensor: str, name: str) -> Bools:
        """Return which input elements each unit reads: shape of the tensor + shape of the input."""
        shape = self.shapes[name]
        result = np.zeros(self.shape(tensor) + shape, np.bool_)
        for position in np.ndindex(*shape):
            slab = tuple(slice(i, i + 1) for i in position)
            result[(..., *position)] = self.changed(name, slab)[tensor]
        return result

    def tables(self, name: str) -> dict[str, tuple[Ints, Ints]]:
        """Return `lo` and `hi` for all units of all tensors: shape of the tensor + (rank,)."""
        shape = self.shapes[name]
        result = {}
        for tensor in self.tensors:
            lo = np.zeros((*self.shape(tensor), len(shape)), np.int64) + np.array(shape, np.int64)
            result[tensor] = (lo, np.full_like(lo, -1))
        for axis, length in enumerate(shape):
            for position in range(length):
                changed = self.changed(name, _slab(len(shape), axis, position, position + 1))
                for tensor, (lo, hi) in result.items():
                    hit = changed[tensor]
                    lo[..., axis][hit] = np.minimum(lo[..., axis][hit], position)
                    hi[..., axis][hit] = position
        return result

    def hull(self, tensor: str, index: Sequence[int], name: str) -> list[tuple[int, int]] | None:
        """Return the tight box of input positions that one unit reads, None if it reads none."""
        shape = self.shapes[name]
        box = []
        for axis, length in enumerate(shape):
            pair = self._interval(tensor, tuple(index), name, axis, length)
            if pair is None:
                return None
            box.append(pair)
        return box

    def _interval(
        self, tensor: str, index: Shape, name: str, axis: int, length: int
    ) -> tuple[int, int] | None:
        rank = len(self.shapes[name])

        def touched(start: int, stop: int) -> bool:
            return self.touches(name, _slab(rank, axis, start, stop), tensor, index)

        if length <= _ONE_BY_ONE:
            slabs = [_slab(rank, axis, i, i + 1) for i in range(length)]
            hits = [i for i, s in enumerate(slabs) if self.changed(name, s)[tensor][index]]
            return (hits[0], hits[-1]) if hits else None
        if not touched(0, length):
            return None
        lo = _first(length, lambda i: touched(0, i + 1))
        return lo, length - 1 - _first(length, lambda i: touched(length - 1 - i, length))

    def shape(self, tensor: str) -> Shape:
        """Return the shape that onnxruntime gave a tensor."""
        return tuple(self.baselines[0][1][self.tensors.index(tensor)].shape)


def _first(length: int, holds: Callable[[int], bool]) -> int:
    """Smallest i for which a monotone predicate holds, by bisection."""
    low, high = 0, length - 1
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _slab(rank: int, axis: int, start: int, stop: int) -> Slab:
    return tuple(slice(start, stop) if a == axis else slice(None) for a in range(rank))


def differs(old: Array, new: Array) -> Bools:
    """Return where two arrays differ; NaN equals NaN."""
    if old.shape != new.shape:
        raise ValueError("the shape of a tensor depends on the data: it cannot be probed")
    same = old == new
    if old.dtype.kind == "f":
        same |= np.isnan(old) & np.isnan(new)
    return np.asarray(~same, np.bool_)


def _leaky_inputs(model: onnx.ModelProto) -> list[str]:
    """Inputs of the operators that multiply by weights of zero: there, NaN and inf would leak."""
    leaky = []
    for node in model.graph.node:
        mode = next((a.s for a in node.attribute if a.name == "mode"), b"nearest")
        if node.op_type in ("Resize", "Upsample") and mode != b"nearest":
            leaky.append(node.input[0])
    return list(dict.fromkeys(leaky))


def _fed(
    model: onnx.ModelProto,
    session: ort.InferenceSession,
    shapes: Mapping[str, Shape],
    fixed: Mapping[str, Array],
) -> dict[str, tuple[Shape, Any]]:
    """Shape and dtype of what must be fed: the graph inputs that are not initializers."""
    constants = {tensor.name for tensor in model.graph.initializer}
    result = {}
    for value in session.get_inputs():
        if value.name in constants:
            continue
        shape = shapes.get(value.name, np.shape(fixed[value.name]) if value.name in fixed else None)
        if shape is None:
            shape = tuple(value.shape)
        if not all(isinstance(dim, int) for dim in shape):
            raise ValueError(f"input {value.name!r} has dims {shape}: give its shape")
        result[value.name] = (tuple(shape), _DTYPES[value.type])
    return result


def dependence(
    model: onnx.ModelProto,
    output: str,
    index: Sequence[int],
    feeds_shapes: Mapping[str, Shape] | None = None,
    seed: int = 0,
    **options: Any,
) -> dict[str, Bools]:
    """Return, per input, which of its elements one unit of any tensor depends on."""
    prober = Prober(model, [output], shapes=feeds_shapes, seed=seed, **options)
    return {name: prober.elements(output, name)[tuple(index)] for name in prober.inputs}


def elements(model: onnx.ModelProto, tensor: str, name: str, **options: Any) -> Bools:
    """Return which elements of an input each unit reads: tensor's shape + input's shape."""
    return Prober(model, [tensor], **options).elements(tensor, name)


def hull(
    model: onnx.ModelProto, tensor: str, index: Sequence[int], name: str, **options: Any
) -> list[tuple[int, int]] | None:
    """Return the tight box of positions of an input that one unit reads, None if it reads none."""
    return Prober(model, [tensor], **options).hull(tensor, index, name)


def hull_tables(
    model: onnx.ModelProto, tensor: str, name: str, **options: Any
) -> tuple[Ints, Ints]:
    """Return (lo, hi), each of the tensor's shape + (rank of the input,); empty: lo > hi."""
    return Prober(model, [tensor], **options).tables(name)[tensor]
