"""Recurrent networks against onnxruntime."""

import numpy as np
import pytest

from ops.evaluate import Case, Data, indices, mismatches, outcome, prober, reads, relations
from rfgraph.ops.node import RuleError

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
COUNTS = {"forward": 1, "reverse": 1, "bidirectional": 2}
HUGE = 2**62


def weights(*shape):
    return np.random.default_rng(sum(shape)).uniform(-0.4, 0.6, shape).astype(np.float32)


def recurrent(
    op,
    direction="forward",
    shape=(4, 2, 3),
    hidden=2,
    lengths=None,
    states=(),
    peepholes=False,
    version=22,
    **attributes,
):
    """Return the case; `states` names the initial states that are graph inputs."""
    _, batch, features = shape
    count, gates = COUNTS[direction], GATES[op]
    inputs = [
        shape,
        weights(count, gates * hidden, features),
        weights(count, gates * hidden, hidden),
        weights(count, 2 * gates * hidden),
        lengths,
        (count, batch, hidden) if "h" in states else None,
    ]
    if op == "LSTM":
        inputs.append((count, batch, hidden) if "c" in states else None)
        inputs.append(weights(count, 3 * hidden) if peepholes else None)
    found = {"hidden_size": hidden, "direction": direction, **attributes}
    return Case(op, inputs, found, version, (True,) * (3 if op == "LSTM" else 2))


def lengths(*found):
    return np.array(found, np.int32)


COMPUTED = Data((3,), "int32", (1, 5))


@pytest.mark.parametrize("direction", list(COUNTS))
@pytest.mark.parametrize("op", list(GATES))
def test_what_a_sequence_reads_of_itself_and_of_its_initial_states(op, direction):
    assert mismatches(recurrent(op, direction)) == []
    assert mismatches(recurrent(op, direction, states="hc")) == []
    assert mismatches(recurrent(op, direction, (1, 2, 2), states="hc", version=7)) == []


@pytest.mark.parametrize("direction", list(COUNTS))
@pytest.mark.parametrize("op", list(GATES))
@pytest.mark.parametrize("ends", [(4, 4, 4), (2, 2, 2), (3, 1, 4), (3, 0, 4), (0, 0, 0)], ids=str)
def test_constant_lengths_end_the_sequences(op, direction, ends):
    case = recurrent(op, direction, (4, 3, 1), lengths=lengths(*ends), states="hc", version=14)
    assert mismatches(case) == []


@pytest.mark.parametrize("direction", list(COUNTS))
@pytest.mark.parametrize("op", list(GATES))
def test_computed_lengths_are_read_and_bound_nothing(op, direction):
    case = recurrent(op, direction, (4, 3, 1), lengths=COMPUTED, states="hc")
    assert mismatches(case, within=(0, 4, 5, 6)) == []


def test_neither_peepholes_nor_gate_options_change_what_is_read():
    assert mismatches(recurrent("LSTM", states="c", peepholes=True)) == []
    assert mismatches(recurrent("LSTM", states="c", input_forget=1)) == []
    assert mismatches(recurrent("GRU", "bidirectional", linear_before_reset=1)) == []
    assert mismatches(recurrent("RNN", activations=["Relu"], clip=3.0)) == []


@pytest.mark.parametrize("direction", list(COUNTS))
@pytest.mark.parametrize("op", list(GATES))
def test_computed_weights_are_read_by_their_direction(op, direction):
    case = recurrent(op, direction, shape=(2, 1, 2), hidden=1)
    computed = [entry.shape if isinstance(entry, np.ndarray) else entry for entry in case.inputs]
    if op == "LSTM":
        computed[7] = (COUNTS[direction], 3)
    case = Case(op, computed, case.attributes, 14, case.outputs)
    assert mismatches(case, within=(1, 2, 3, 7)) == []
    (link,) = relations(case)[1]
    assert reads(link, (0, COUNTS[direction] - 1, 0, 0)) == {
        (COUNTS[direction] - 1, row, column) for row in range(GATES[op]) for column in range(2)
    }


# Where the axes of X, of the states and of the outputs lie in layout 1, by their place in layout 0.
X_LAST, STATE_LAST, Y_LAST = (1, 0, 2), (1, 0, 2), (2, 0, 1, 3)


@pytest.mark.parametrize("direction", list(COUNTS))
@pytest.mark.parametrize("op", list(GATES))
@pytest.mark.parametrize("ends", [None, (2, 3)], ids=str)
def test_layout_1_is_layout_0_transposed(op, direction, ends):
    """Onnxruntime has no kernel for layout 1: the definition transposes what it gives."""
    given = None if ends is None else lengths(*ends)
    first = recurrent(op, direction, (3, 2, 2), lengths=given, states="hc", version=14)
    turned = [*first.inputs]
    turned[0] = tuple(first.inputs[0][axis] for axis in X_LAST)
    for slot in (5, 6)[: len(first.inputs) - 5]:
        turned[slot] = tuple(first.inputs[slot][axis] for axis in STATE_LAST)
    last = Case(op, turned, {**first.attributes, "layout": 1}, 14, first.outputs)
    probe = prober(first)
    for output in range(len(first.outputs)):
        places = Y_LAST if output == 0 else STATE_LAST
        shape = probe.shape(f"y{output}")
        assert outcome(last).shapes[output] == tuple(shape[axis] for axis in places)
        for slot in first.data():
            own = X_LAST if slot == 0 else STATE_LAST
            truth = probe.elements(f"y{output}", f"x{slot}")
            truth = truth.transpose(*places, *(len(shape) + axis for axis in own))
            linked = relations(last, output).get(slot, [])
            for index in indices(outcome(last).shapes[output]):
                said = set().union(*(reads(relation, index) for relation in linked))
                assert said == {tuple(map(int, at)) for at in np.argwhere(truth[index])}


def test_computed_lengths_belong_to_the_batch_in_layout_1():
    inputs = [(2, 3, 1), weights(1, 1, 1), weights(1, 1, 1), None, (2,)]
    case = Case("RNN", inputs, {"hidden_size": 1, "layout": 1}, 14, (True, True))
    assert all(reads(relations(case)[4][0], (b, t, 0, 0)) == {(b,)} for b in (0, 1) for t in (0, 2))
    assert all(reads(relations(case, 1)[4][0], (b, 0, 0)) == {(b,)} for b in (0, 1))


def test_an_output_that_is_not_there_has_no_links():
    case = recurrent("LSTM", states="c")
    case = Case("LSTM", case.inputs, case.attributes, 14, (False, True))
    assert {link.output for link in outcome(case).links} == {1}
    assert mismatches(case) == []


def test_the_first_operator_set_reads_alike():
    """Onnxruntime starts at version 7, which only drops attribute output_sequence."""
    case = recurrent("GRU", "bidirectional", output_sequence=1, version=1)
    newer = recurrent("GRU", "bidirectional", version=7)
    assert outcome(case) == outcome(newer)


def test_a_gru_unit_reads_three_gates_at_its_own_index():
    inputs = [(1, 2, 3), (1, 2, 9), Data((2,), "int32"), Data((), "int32")]
    found = relations(Case("GRUUnit", inputs, {"drop_states": 1}, 1))
    read = {slot: reads(found[slot][0], (0, 1, 2)) for slot in range(4)}
    assert read == {
        0: {(0, 1, 2)},
        1: {(0, 1, 2), (0, 1, 5), (0, 1, 8)},
        2: {(1,)},
        3: {()},
    }
    assert {link.input for link in outcome(Case("GRUUnit", inputs[:2], {}, 1)).links} == {0, 1}


INVALID = [
    (recurrent("RNN", layout=1, shape=(2, 1, 1), states="h"), "input 5 requires shape [2, 1, 2]"),
    (recurrent("LSTM", lengths=lengths(1, 5)), "requires 2 lengths in [0, 4]"),
    (recurrent("LSTM", lengths=lengths(1)), "input 4 requires shape [2], found [1]"),
    (recurrent("GRU", hidden_size=3), "input 1 requires shape [1, 9, 3], found [1, 6, 3]"),
    (
        Case("RNN", [(4, 2, 3), weights(1, 2, 3), weights(1, 2, 2)], {"direction": "back"}),
        "'direction' requires one of forward, reverse, bidirectional, found 'back'",
    ),
    (Case("RNN", [(4, 2), weights(1, 2, 3), weights(1, 2, 2)]), "requires rank 3"),
    (Case("GRUUnit", [(1, 2, 3), (1, 2, 6)]), "input 1 requires shape [1, 2, 9]"),
    (Case("GRUUnit", [(2, 2, 3), (1, 2, 6)]), "input 0 requires shape [1, 2, 3]"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)


def test_the_hidden_size_is_told_by_the_weights_too():
    case = recurrent("LSTM")
    without = Case("LSTM", case.inputs, {}, 22, case.outputs)
    assert outcome(without) == outcome(case)


def test_a_huge_length_costs_nothing_and_gives_an_upper_bound():
    case = recurrent("LSTM", "bidirectional", (HUGE, 2, 1), lengths=lengths(1, 2), states="c")
    assert outcome(case).shapes[0] == (HUGE, 2, 2, 2)
    assert len(relations(case)[6]) == 4
