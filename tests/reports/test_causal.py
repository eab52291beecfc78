"""Where the summary says that nothing ahead is read, no unit does: by perturbation."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

import rfgraph
from oracle import perturb
from oracle.builder import Builder
from reports.published import FOLDER
from rfgraph.analysis.view import view
from rfgraph.reports.formats.style import Style
from rfgraph.reports.model.text import as_text

CLAIMS = ("causal: nothing ahead is read", "all that came before; look-ahead 0")
SAMPLE, MANY = 40, 1000
LONGEST = 40


def said(model):
    """Which of the claims the summary makes of the output."""
    result = rfgraph.analyze(model)
    words = " ".join(as_text(view(result, None, result.model.outputs), Style()).split())
    return [claim for claim in CLAIMS if claim in words]


def built(rank, *layers, length=24):
    """A model of one input of `rank` spatial axes through layers (builder, tensor) -> tensor."""
    build = Builder(18, 0)
    x = build.input((1, 2, *[length] * rank))
    for layer in layers:
        x = layer(build, x)
    return build.model(x)


# -- layers ----------------------------------------------------------------------------------------


def causal(build, x, kernel=3, dilation=1, stride=1):
    rank = build.rank(x)
    pads = [(kernel - 1) * dilation] * rank + [0] * rank
    every = {"strides": [stride] * rank, "dilations": [dilation] * rank}
    return build.conv(x, 2, [kernel] * rank, pads=pads, **every)


def centred(build, x):
    return build.same_conv(x, 2, 3)


def upsampled(build, x):
    shape = build.shapes[x][2:]
    lengths = [2 * n for n in shape]
    return build.resize(x, lengths, [2.0] * len(shape), mode="nearest")


def gated(build, x):
    rank = build.rank(x)
    axes = build.ints(list(range(2, 2 + rank)))
    shape = (*build.shapes[x][:2], *[1] * rank)
    mean = build.one("ReduceMean", [x, axes], shape, keepdims=1)
    return build.same("Mul", x, build.same("Sigmoid", mean))


def running(build, x, reverse=0):
    return build.one("CumSum", [x, build.ints([2])], build.shapes[x], reverse=reverse)


def backward_running(build, x):
    return running(build, x, reverse=1)


def shortcut(build, x):
    return build.same("Add", x, causal(build, x))


def summed(build, x):
    return build.same("Add", x, running(build, x))


def later(build, x):
    """What stands some positions before: the same stream, late."""
    length = build.shapes[x][2]
    return build.slice(build.pad(x, [0, 0, 2], [0, 0, 0], "constant"), [2], [0], [length])


def sooner(build, x):
    return build.slice(x, [2], [2], [build.shapes[x][2]])


def normed(build, x):
    return build.same("Softmax", x, axis=2)


def halved(build, x):
    return causal(build, x, 2, 1, 2)


def transposed(build, x):
    return build.transposed(x, 2, [2], strides=[2])


NOTHING_AHEAD = (causal, shortcut, later, halved, transposed, upsampled)
EVERY = (
    *NOTHING_AHEAD,
    *(centred, gated, running, backward_running, summed, sooner, normed),
)


# -- by hand ---------------------------------------------------------------------------------------


def test_causal_layers_are_said_to_be():
    assert said(built(1, causal, shortcut)) == [CLAIMS[0]]
    assert said(str(FOLDER / "tcn.onnx")) == [CLAIMS[0]]
    assert said(built(1, causal, running)) == [CLAIMS[1]]


def test_causal_layers_beside_a_gate_over_all_of_time_are_not():
    model = built(1, causal, gated, causal)
    assert said(model) == []
    # Unit 10 reads the last of 24 positions.
    _, hi = perturb.hull_tables(model, model.graph.output[0].name, "x0")
    assert hi[0, 0, 10, 2] == 23


@pytest.mark.parametrize("layers", [[upsampled], [upsampled, upsampled]])
def test_what_only_repeats_positions_is_centred(layers):
    assert said(built(1, *layers)) == []
    assert said(built(1, *layers, causal)) == [CLAIMS[0]]


def test_an_image_has_no_axis_of_time():
    assert said(built(2, causal)) == []
    assert said(built(2, upsampled)) == []


def test_a_centred_field_is_not_causal():
    assert said(built(1, centred)) == []
    assert said(built(1, causal, sooner)) == []


# -- random networks -------------------------------------------------------------------------------


def random_net(seed):
    """A network along one axis, its units' distance in input positions, and what it is made of."""
    choose = random.Random(seed)
    build = Builder(18, seed)
    x = build.input((1, 2, choose.randint(8, 20)))
    stride, used = Fraction(1), []
    among = NOTHING_AHEAD if choose.random() < 0.4 else EVERY
    for _ in range(choose.randint(1, 5)):
        layer = choose.choice(among)
        length = build.shapes[x][2]
        if length < 6 or (length * 2 > LONGEST and layer in (upsampled, transposed)):
            continue
        x = layer(build, x)
        stride *= {halved: 2, upsampled: Fraction(1, 2), transposed: Fraction(1, 2)}.get(layer, 1)
        used.append(layer)
    return build.model(x), stride, used


def compare(seeds):
    """How many networks were said to read nothing ahead; each of them is looked at."""
    claimed = 0
    for seed in seeds:
        model, stride, used = random_net(seed)
        if not used:
            continue
        if not said(model):
            widening = {causal, shortcut, halved}.intersection(used)
            assert not widening or set(used) - set(NOTHING_AHEAD), f"seed {seed}: nothing said"
            continue
        claimed += 1
        lo, hi = perturb.hull_tables(model, model.graph.output[0].name, "x0")
        read = (lo <= hi)[..., 2].any(axis=(0, 1))
        last = hi[..., 2].max(axis=(0, 1))
        for o in range(len(last)):
            assert not read[o] or last[o] <= stride * o, f"seed {seed}: unit {o} reads {last[o]}"
    return claimed


def test_no_unit_reads_ahead_where_none_is_said_to():
    first = random.randrange(10**9)
    assert compare(range(first, first + SAMPLE))


@pytest.mark.slow
def test_no_unit_reads_ahead_in_many_networks():
    """`python -m pytest -m slow tests/reports/test_causal.py`: 1,000 networks, 35 s."""
    assert compare(range(MANY)) > MANY // 10
