"""How often the closed form of an input is computed for what a user asks."""

from __future__ import annotations

import pytest

import rfgraph
from benchmarks import networks
from oracle.examples import builder
from rfgraph.domains.fields import closed_form


@pytest.fixture
def closed_forms_made(monkeypatch):
    """The inputs whose closed form was computed, in order."""
    made = []

    class Counting(closed_form._Walk):
        def __init__(self, graph, sources):
            made.extend(sources)
            super().__init__(graph, sources)

    monkeypatch.setattr(closed_form, "_Walk", Counting)
    return made


def siamese():
    build, first = builder(1, 1, 8)
    second = build.input((1, 1, 8))
    y = build.same("Add", build.same_conv(first, 1, 3), build.same_conv(second, 1, 5))
    return build.model(y).SerializeToString(), first, second


@pytest.mark.parametrize(
    "ask", [rfgraph.path_histogram, lambda *a, **k: list(rfgraph.paths(*a, **k))]
)
def test_asking_a_file_for_paths_computes_the_closed_form_of_its_input_once(ask, closed_forms_made):
    model, _, second = siamese()
    ask(model, input=second)
    assert closed_forms_made == [second]


def test_what_is_asked_of_a_result_computes_no_closed_form_again(closed_forms_made):
    model, first, second = siamese()
    result = rfgraph.analyze(model)
    rfgraph.path_histogram(result, input=first)
    list(rfgraph.paths(result, input=second))
    rfgraph.unit(result, result.model.outputs[0], (0, 0, 4))
    result.to_dict()
    assert closed_forms_made == [first, second]


def test_blocks_that_are_alike_share_what_is_made_of_one():
    """Behind the first block every tensor of a transformer has the fields of one in the first."""
    made = []
    for blocks in (2, 5):
        (form,) = rfgraph.analyze(networks.transformer(blocks).SerializeToString()).forms.values()
        made.append(len({id(state.classes) for state in form.values()}))
    assert made[0] == made[1]
