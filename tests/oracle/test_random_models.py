from __future__ import annotations

from collections import Counter

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle import perturb, random_models, sets, walks
from oracle.examples import output

MANY = settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)


@MANY
@given(st.one_of(random_models.models(), random_models.wide_models()))
def test_models_are_valid_small_and_run_with_the_shape_they_declare(model):
    onnx.checker.check_model(model)
    declared = tuple(d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim)
    assert perturb.Prober(model, [output(model)]).shape(output(model)) == declared
    assert len(model.graph.node) <= 2 * random_models.NODES
    for value in model.graph.input:
        dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
        assert max(dims) <= random_models.LONGEST


@pytest.mark.parametrize("wide", [False, True])
def test_the_population_holds_what_it_should(wide):
    kinds: Counter[str] = Counter()
    seen: Counter[str] = Counter()

    @settings(MANY, max_examples=300, database=None)
    @given(random_models.models(wide=wide))
    def collect(model):
        kinds.update(node.op_type for node in model.graph.node)
        graph = sets.Graph(model)
        seen["several inputs"] += len(graph.inputs) > 1
        routes = [len(walks.routes(graph, output(model), name)) for name in graph.inputs]
        seen["several routes"] += max(routes) > 1
        seen["many routes"] += max(routes) > 4

    collect()
    wanted = set("Conv ConvTranspose MaxPool Resize Concat Split Slice Pad Add".split())
    if wide:
        wanted |= set("Reshape Transpose Gather MatMul DepthToSpace".split())
    assert wanted <= set(kinds)
    assert seen["several inputs"] >= 10
    assert seen["several routes"] >= 50
    assert seen["many routes"] >= 10
