"""Inputs that give tensors the same are followed as one, and each is told what it is alone."""

from __future__ import annotations

import random

import pytest

import rfgraph
from oracle.builder import Builder
from rfgraph.domains.fields.closed_form import closed_forms
from rfgraph.domains.fields.layout import local_fields
from rfgraph.relations.graph import edges_of


def own_ways():
    """Inputs with a way of their own each, joined, and read on together and by some of them."""
    build = Builder(18, 0)
    xs = [build.input((1, 2, 16)) for _ in range(4)]
    ways = [build.same_conv(x, 2, 3) for x in xs]
    ways[3] = build.same_conv(xs[3], 2, 5)
    pooled = build.one("GlobalAveragePool", [ways[0]], (1, 2, 1))
    some = build.same("Add", ways[0], ways[1])
    every = build.same("Sum", *ways)
    y = build.same("Add", build.same_conv(some, 2, 3), build.same_conv(every, 2, 3))
    return build.model(build.same("Mul", y, pooled))


def random_net(seed):
    """Random sums of windows, pools and gates over inputs of two lengths."""
    rng = random.Random(seed)
    build = Builder(18, 0)
    pool = [build.input((1, 2, 12)) for _ in range(4)]
    for _ in range(12):
        op = rng.choice(["conv", "conv", "add", "add", "gate", "relu"])
        a, b = rng.choice(pool), rng.choice(pool)
        if op == "conv":
            pool.append(build.same_conv(a, 2, rng.choice([1, 3])))
        elif op == "add":
            pool.append(build.same("Add", a, b))
        elif op == "gate":
            pool.append(build.same("Mul", a, build.one("GlobalMaxPool", [b], (1, 2, 1))))
        else:
            pool.append(build.same("Relu", a))
    return build.model(build.same("Sum", *pool[-4:]))


def answers(graph, forms):
    """What is measured of every tensor on every input, as by an analysis of that input alone."""
    told = {}
    for name, form in forms.items():
        for tensor in graph:
            if tensor in form:
                state = form[tensor]
                lost = [[form.losses[k] for k in range(len(form.losses)) if bits >> k & 1]
                        for bits in state.through]  # fmt: skip
                sizes = [
                    sorted(map(repr, (field.pieces for field in local_fields(form, tensor, axis))))
                    for axis in range(len(state.through))
                ]
                told[name, tensor] = set(state.classes), lost, sizes
        lossy = [edge.key for edge in edges_of(graph) if form.loses_at(edge)]
        told[name] = form.spatial_axes, form.windowed, lossy, len(form), list(form)
    return told


@pytest.mark.parametrize("proto", [own_ways(), *map(random_net, range(12))])
def test_inputs_together_are_each_what_they_are_alone(proto):
    model = rfgraph.load(proto)
    names = [item.name for item in model.inputs]
    alone = {name: closed_forms(model.graph, [name])[name] for name in names}
    together = closed_forms(model.graph, names)
    assert len(together) == len(names)
    first, second = answers(model.graph, alone), answers(model.graph, together)
    for name in names:
        # Of a way that it shares, an input's own comes first.
        first[name] = (*first[name][:4], set(first[name][4]))
        second[name] = (*second[name][:4], set(second[name][4]))
    assert first == second


def test_a_tensor_that_an_input_does_not_reach_has_no_state():
    model = rfgraph.load(own_ways())
    first, second, *_ = (item.name for item in model.inputs)
    form = closed_forms(model.graph, [first, second])[first]
    with pytest.raises(KeyError):
        form[second]


def test_inputs_that_lead_alike_to_a_tensor_are_one_there():
    result = rfgraph.analyze(own_ways())
    x0, x1, x2, x3 = (item.name for item in result.model.inputs)
    ends = [name for name in result.graph if result.graph.out_degree(name) == 0]
    # x1 comes over two ways that read the same, x2 over one of these.
    assert result.alike_inputs(ends[0]) == [(x0,), (x1, x2), (x3,)]
    every = next(t for t in result.graph if result.graph.in_degree(t) == 4)
    assert result.alike_inputs(every) == [(x0, x1, x2), (x3,)]
    assert [result.receptive_field(every, x).axes[2].size for x in (x0, x1, x2, x3)] == [3, 3, 3, 5]
    # What ended their paths on the way is each input's own.
    made_by = [result.receptive_field(every, x).axes[1].through[0] for x in (x0, x1, x2)]
    assert len(set(made_by)) == 3
