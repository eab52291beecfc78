"""Further ways of probing one node: by small steps alone, and through its definition.

Where an operator multiplies data by an exact zero (a masked probability), NaN and infinity leak
through what is not read. Where onnxruntime has no kernel, the function body that onnx gives as the
operator's definition runs in its place, or one in numpy that follows the operator's description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import inliner

from ops.evaluate import Case, one_node
from oracle.perturb import differs, session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STEPS = (0.5, -0.25, 0.5)
NEWEST = 26


class Steps:
    """What changes when an element of an input takes a small step, from a few random starts."""

    def __init__(self, case: Case, model: onnx.ModelProto | None = None, starts: int = 2) -> None:
        self.case = case
        self.session = session(one_node(case) if model is None else model)
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.starts = [self._start(np.random.default_rng(seed)) for seed in range(starts)]
        self.before = [self._run(feeds) for feeds in self.starts]

    def _start(self, random):
        found = {}
        for slot, data in self.case.data().items():
            if data.fixed is not None:
                value = data.fixed
            elif np.dtype(data.dtype).kind == "f":
                value = random.uniform(0.5, 1.5, data.shape)
            else:
                value = random.integers(*(data.span or (0, 2)), data.shape)
            found[f"x{slot}"] = np.asarray(value, data.dtype)
        return found

    def _run(self, feeds):
        return dict(zip(self.outputs, self.session.run(self.outputs, feeds), strict=True))

    def shape(self, tensor):
        """Return the shape that onnxruntime gave a tensor."""
        return tuple(self.before[0][tensor].shape)

    def elements(self, tensor, name):
        """Return which input elements each unit reads: shape of the tensor + shape of the input."""
        data = self.case.data()[int(name[1:])]
        found = np.zeros(self.shape(tensor) + tuple(data.shape), np.bool_)
        for feeds, before in zip(self.starts, self.before, strict=True):
            for position in np.ndindex(*data.shape):
                for value in self._moved(feeds[name][position], data):
                    poked = feeds[name].copy()
                    poked[position] = value
                    after = self._run({**feeds, name: poked})
                    found[(..., *position)] |= differs(before[tensor], after[tensor])
        return found

    def _moved(self, value, data):
        if np.dtype(data.dtype).kind == "f":
            return [value + step for step in STEPS]
        return [other for other in range(*(data.span or (0, 2))) if other != value]


class Formula(Steps):
    """Small steps through a definition in numpy, of an operator without a kernel on a CPU.

    `definition` takes the inputs of the node in order, None for one that is absent, and its
    attributes by name, and returns the outputs in order.
    """

    def __init__(
        self, case: Case, definition: Callable[..., Sequence[Any]], starts: int = 2
    ) -> None:
        self.case = case
        self.definition = definition
        self.starts = [self._start(np.random.default_rng(seed)) for seed in range(starts)]
        self.before = [self._run(feeds) for feeds in self.starts]

    def _run(self, feeds):
        inputs = [feeds.get(f"x{slot}", entry) for slot, entry in enumerate(self.case.inputs)]
        found = self.definition(*inputs, **self.case.attributes)
        return {f"y{number}": np.asarray(value) for number, value in enumerate(found)}


def expanded(case: Case) -> onnx.ModelProto:
    """Return the node replaced by its definition, for the newest version onnxruntime takes."""
    model = one_node(case)
    (node,) = model.graph.node
    function = definition(case, node)
    function.domain, function.name = "defined", case.op
    versions = [opset.version for opset in function.opset_import if opset.domain == ""]
    opset = onnx.helper.make_opsetid("", min([*versions, NEWEST]))
    del function.opset_import[:], model.opset_import[:]
    function.opset_import.append(opset)
    model.opset_import.extend([opset, onnx.helper.make_opsetid("defined", 1)])
    node.domain = "defined"
    model.functions.append(function)
    return inliner.inline_local_functions(model)


def definition(case: Case, node: onnx.NodeProto) -> onnx.FunctionProto:
    """Return the function body that defines the node's operator."""
    schema = onnx.defs.get_schema(case.op, case.version, case.domain)
    if schema.has_function:
        return onnx.FunctionProto.FromString(schema.function_body.SerializeToString())
    types = [type_of(entry).SerializeToString() for entry in case.inputs]
    version = schema.context_dependent_function_opset_versions[-1]
    body = schema.get_context_dependent_function_with_opset_version(
        version, node.SerializeToString(), types
    )
    return onnx.FunctionProto.FromString(body)


def type_of(entry) -> onnx.TypeProto:
    """Return the type of an input of a case; an absent one has none."""
    if entry is None:
        return onnx.TypeProto()
    dtype = getattr(entry, "dtype", "float32")
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    shape = entry if isinstance(entry, tuple) else entry.shape
    return onnx.helper.make_tensor_type_proto(element, shape)
