"""Resize and Upsample against onnxruntime, in every mode and coordinate transformation."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ops.evaluate import (
    Case,
    Data,
    claims,
    hull,
    mismatches,
    one_node,
    outcome,
    relations,
    responses,
    tied,
)
from oracle.perturb import session
from rfgraph.ops.node import RuleError, UnresolvedError
from rfgraph.ops.standard.resize import simplest_fraction
from rfgraph.relations.axis_rules import Resample, Whole
from rfgraph.relations.steps import Pointwise, Reduce, Taps

NONE = np.array([], np.float32)
SCALES = (0.25, 1 / 3, 0.3, 0.5, 0.6, 0.75, 1.0, 1.1, 1.25, 1.5, 2.0, 2.3, 3.0, 4.0)
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def floats(*values):
    return np.array(values, np.float32)


def ints(*values):
    return np.array(values, np.int64)


def by_scale(shape, scales, version=19, roi=NONE, **attributes):
    if version == 10:
        return Case("Resize", [shape, floats(*scales)], attributes, version)
    return Case("Resize", [shape, roi, floats(*scales)], attributes, version)


def by_size(shape, sizes, version=19, roi=NONE, **attributes):
    return Case("Resize", [shape, roi, NONE, ints(*sizes)], attributes, version)


def agree(case):
    """Whether rule and runtime agree on every unit, but for points that lie on a decision."""
    said, seen = claims(case), responses(case)
    assert said.keys() == seen.keys(), str(case)
    (relation,) = relations(case)[0]
    step = relation.steps[0]
    rules = dict(step.rules) if isinstance(step, Taps) else {}
    for index, found in said.items():
        if found == seen[index] or any(tied(rule, index[axis]) for axis, rule in rules.items()):
            continue
        if case.attributes.get("antialias") and case.attributes["mode"] == "cubic":
            # Weights have zeros inside the window: an upper bound.
            assert seen[index] <= found, (str(case), index)
            continue
        assert found == seen[index], (str(case), index)


def transforms(version):
    extra = {11: ["tf_half_pixel_for_nn"], 19: ["half_pixel_symmetric"]}
    common = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
    return common + extra.get(version, [])


@settings(max_examples=400)
@given(data=st.data())
def test_every_mode_and_transformation(data):
    version = data.draw(st.sampled_from([10, 11, 13, 18, 19]), "version")
    attributes = data.draw(settings_of(version), "attributes")
    shape = (1, 1, data.draw(st.integers(1, 4), "rows"), data.draw(st.integers(1, 9), "columns"))
    if version == 10 or data.draw(st.booleans(), "scales"):
        scales = data.draw(st.tuples(*[st.sampled_from(SCALES)] * 2), "scales")
        assume(all(int(length * scale) for length, scale in zip(shape[2:], scales, strict=True)))
        agree(by_scale(shape, (1, 1, *scales), version, **attributes))
    else:
        sizes = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 12)), "sizes")
        agree(by_size(shape, (1, 1, *sizes), version, **attributes))


@st.composite
def settings_of(draw, version):
    if version == 10:
        return {"mode": draw(st.sampled_from(["nearest", "linear"]))}
    mode = draw(st.sampled_from(["nearest", "linear", "cubic"]))
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": draw(st.sampled_from(transforms(version))),
    }
    if mode == "nearest":
        attributes["nearest_mode"] = draw(st.sampled_from(NEAREST))
    if mode == "cubic":
        attributes["exclude_outside"] = draw(st.integers(0, 1))
    if mode != "nearest" and version >= 18:
        attributes["antialias"] = draw(st.integers(0, 1))
    return attributes


@settings(max_examples=150)
@given(data=st.data())
def test_a_constant_region_is_cropped(data):
    mode = data.draw(st.sampled_from(["nearest", "linear", "cubic"]), "mode")
    starts = data.draw(st.tuples(*[st.sampled_from([0, 0.25, 0.5, -0.5])] * 2), "starts")
    ends = data.draw(st.tuples(*[st.sampled_from([1, 0.75, 1.5, 0.125])] * 2), "ends")
    shape = (1, 1, data.draw(st.integers(1, 4), "rows"), data.draw(st.integers(1, 6), "columns"))
    sizes = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 9)), "sizes")
    attributes = {"mode": mode, "coordinate_transformation_mode": "tf_crop_and_resize"}
    roi = floats(0, 0, *starts, 1, 1, *ends)
    agree(by_size(shape, (1, 1, *sizes), 13, roi, **attributes))


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
@pytest.mark.parametrize(
    "lengths", [(5, 7, 10, 10), (5, 7, 3, 9), (4, 6, 7, 7), (6, 4, 5, 5), (3, 9, 5, 4)]
)
def test_one_scale_keeps_the_aspect_ratio(policy, lengths):
    rows, columns, *sizes = lengths
    for mode, transform in [
        ("nearest", "half_pixel"),
        ("linear", "align_corners"),
        ("linear", "half_pixel_symmetric"),
        ("cubic", "asymmetric"),
    ]:
        agree(
            by_size(
                (1, 1, rows, columns),
                sizes,
                mode=mode,
                coordinate_transformation_mode=transform,
                keep_aspect_ratio_policy=policy,
                axes=[2, 3],
            )
        )


@pytest.mark.parametrize(
    "case",
    [
        by_size((1, 1, 3, 4), [9, 3], mode="linear", axes=[3, 2]),
        by_size((1, 1, 3, 4), [6], 18, mode="linear", axes=[-1]),
        by_scale((1, 1, 3, 4), [2.0], 18, axes=[2]),
        by_scale((2, 1, 3, 2), [2, 3, 1, 1]),
        by_scale((1, 1, 2, 3, 2), [1, 1, 2, 1.5, 2], mode="nearest"),
        by_scale((3, 4), [2, 0.5], mode="linear"),
        by_scale((1, 2, 2, 3), [1, 1, 2, 2], mode="cubic"),
        Case("Upsample", [(1, 1, 2, 3)], {"scales": [1.0, 1.0, 2.0, 3.0]}, 7),
        Case("Upsample", [(1, 1, 2, 3)], {"scales": [1.0, 1.0, 1.5, 2.0], "mode": "linear"}, 7),
        Case("Upsample", [(1, 2, 2, 3), floats(1, 1, 2, 2)], {"mode": "nearest"}, 9),
        Case("Upsample", [(1, 1, 4), floats(1, 1, 2.5)], {}, 9),
    ],
    ids=str,
)
def test_a_unit_reads_what_onnxruntime_shows(case):
    agree(case)
    assert mismatches(case) == []


def test_the_first_upsample_has_a_scale_for_height_and_one_for_width():
    first = Case("Upsample", [(1, 1, 2, 3)], {"height_scale": 2.0, "width_scale": 3.0}, 1)
    later = Case("Upsample", [(1, 1, 2, 3)], {"scales": [1.0, 1.0, 2.0, 3.0]}, 7)
    assert outcome(first) == outcome(later)
    bilinear = {"height_scale": 2.0, "width_scale": 2.0, "mode": "bilinear"}
    case = Case("Upsample", [(1, 1, 2, 2)], bilinear, 1)
    assert relations(case)[0][0].steps[0].rules[0][1].filter == "linear"


LENGTHS = [(10, 2.1), (10, 0.7), (4460, 0.60852015), (3900, 2.1), (735, 0.01632653), (3, 0.7)]


@pytest.mark.parametrize(("length", "scale"), LENGTHS)
def test_a_length_is_the_float32_product_cut_off(length, scale):
    case = by_scale((1, 1, 1, length), [1, 1, 1, scale])
    model = one_node(by_scale((1, 1, 1, length), [1, 1, 1, scale]))
    (resized,) = session(model).run(None, {"x0": np.zeros((1, 1, 1, length), np.float32)})
    assert outcome(case).shapes == (resized.shape,)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.3333333432674408, Fraction(1, 3)),
        (0.6, Fraction(3, 5)),
        (2.3, Fraction(23, 10)),
        (1.1, Fraction(11, 10)),
        (0.5, Fraction(1, 2)),
        (223 / 7, Fraction(223, 7)),
        (3.0, Fraction(3)),
        (2.0**40, Fraction(2**40)),
    ],
)
def test_a_float32_is_taken_for_the_simplest_fraction_that_rounds_to_it(value, expected):
    assert simplest_fraction(value) == expected


@given(st.floats(2**-10, 16, width=32))
def test_no_smaller_denominator_rounds_to_the_same_float32(value):
    found = simplest_fraction(value)
    single = np.float32(value)
    assert np.float32(float(found)) == single
    for denominator in range(1, min(found.denominator, 200)):
        near = round(Fraction(float(single)) * denominator)
        for numerator in (near - 1, near, near + 1):
            assert np.float32(numerator / denominator) != single


@pytest.mark.parametrize("value", [2.0**-149, 2.0**-126, 1e-37, 3.4028234e38, math.pi])
def test_the_ends_of_float32_are_reached(value):
    single = np.float32(value)
    exact = Fraction(float(single))
    step = exact - Fraction(float(np.nextafter(single, np.float32(0))))
    # Above a power of two the next float32 is twice as far as the one below.
    assert -step / 2 <= simplest_fraction(value) - exact <= step


def test_the_line_is_what_the_attributes_say():
    # Doubled with half pixels: output o lies at (o + 1/2) / 2 - 1/2 = o/2 - 1/4.
    case = by_scale((1, 3, 8, 8), [1, 1, 2, 2], mode="linear")
    (relation,) = relations(case)[0]
    rule = Resample(Fraction(1, 2), Fraction(-1, 4), "linear", 8, 16)
    assert relation.steps == (Taps(((2, rule), (3, rule))),)
    assert relation.spatial == (2, 3)


def test_antialias_reaches_as_far_as_it_reduces():
    # To a third: a triangle 3 to either side, a cubic 6.
    for mode, reach in [("linear", 3), ("cubic", 6)]:
        case = by_size((1, 1, 1, 30), [1, 1, 1, 10], mode=mode, antialias=1)
        assert relations(case)[0][0].steps[0].rules[0][1].reach == reach
        positions = claims(case)[0, 0, 0, 5]
        # Output 5 lies at 5.5 * 3 - 0.5 = 16.
        assert hull(positions)[3] == (16 - reach + 1, 16 + reach - 1)


def test_where_no_length_changes_nothing_is_resampled():
    case = by_scale((1, 1, 5, 5), [1, 1, 1.1, 1.1], mode="linear")
    (link,) = outcome(case).links
    assert link.steps == (Pointwise((1, 1, 5, 5)),)
    agree(case)
    named = by_size((1, 1, 5, 5), [5, 5], mode="linear", axes=[2, 3])
    assert outcome(named).links[0].spatial == (2, 3)


def test_a_region_from_data_leaves_the_resized_axes_unknown():
    attributes = {"coordinate_transformation_mode": "tf_crop_and_resize", "mode": "linear"}
    case = by_size((1, 3, 4, 5), [1, 3, 2, 5], 13, (8,), **attributes)
    (image,), (region,) = relations(case)[0], relations(case)[1]
    assert image.steps == (Reduce(((2, Whole(4, 2, unknown=True)),)),)
    assert claims(case, 1)[0, 2, 1, 4] == {(i,) for i in range(8)}
    assert region.out_shape == outcome(case).shapes[0] == (1, 3, 2, 5)


CROP = {"coordinate_transformation_mode": "tf_crop_and_resize"}
INVALID = [
    (by_scale((1, 1, 4), [1, 1]), "scales require 3 numbers, found 2"),
    (by_scale((1, 1, 4), [1, 1, 0]), "requires a positive finite number, found 0"),
    (by_scale((1, 1, 4), [1, 1, -2]), "positive finite number, found -2"),
    (by_scale((1, 1, 4), [1, 1, np.nan]), "positive finite number, found nan"),
    (by_scale((1, 1, 4), [1, 1, np.inf]), "positive finite number, found inf"),
    (by_size((1, 1, 4), [1, 1, -1]), "sizes require positive integers, found [1, 1, -1]"),
    (by_size((1, 1, 4), [1, 1, 0]), "sizes require positive integers, found [1, 1, 0]"),
    (by_size((1, 1, 4), [1, 1]), "sizes require 3 integers, found 2"),
    (by_size((1, 1, 0), [1, 1, 4]), "cannot be reached from lengths [1, 1, 0]"),
    (by_size((1, 1, 4), [1, 1, 2], mode="area"), "'mode' requires one of"),
    (by_size((1, 1, 4), [1, 1, 2], nearest_mode="up"), "'nearest_mode' requires one of"),
    (by_size((1, 1, 4), [2], axes=[3]), "axis requires a value in [-3, 2], found 3"),
    (by_size((1, 1, 4), [2, 2], axes=[2, -1]), "axes requires distinct values"),
    (by_size((1, 1, 4), [2], axes=[2], keep_aspect_ratio_policy="x"), "requires one of"),
    (by_size((1, 1, 4), [1, 1, 2], coordinate_transformation_mode="x"), "requires one of"),
    (by_size((1, 1, 4), [1, 1, 2], 11, **CROP), "roi requires 6 numbers, found 0"),
    (Case("Resize", [(1, 1, 4), None, floats(1, 1, 2), ints(1, 1, 8)], {}), "found both"),
    (Case("Resize", [(1, 1, 4), None, NONE], {}), "found neither"),
    (Case("Resize", [(1, 1, 4), None, ints(1, 1, 2)], {}), "input 2 requires numbers"),
    (Case("Resize", [(1, 1, 4)], {}, 10), "requires input 1, which is missing"),
    (Case("Upsample", [(1, 1, 4)], {"height_scale": 2.0}, 1), "requires rank 4"),
    (Case("Upsample", [(1, 1, 4, 4)], {"height_scale": 2.0}, 1), "'width_scale'"),
    (
        Case("Upsample", [(1, 1, 4, 4)], {"height_scale": "2", "width_scale": 2.0}, 1),
        "attribute 'height_scale' requires a number, found str",
    ),
    (Case("Upsample", [(1, 1, 4, 4)], {}, 7), "scales require 4 numbers, found 0"),
    (Case("Upsample", [(1, 1, 4, 4)], {"scales": ["a"]}, 7), "requires numbers"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)


@pytest.mark.parametrize(
    "case",
    [
        Case("Resize", [(1, 1, 4), None, Data((3,))]),
        Case("Resize", [(1, 1, 4), None, None, Data((3,), "int64")]),
        Case("Upsample", [(1, 1, 4), Data((3,))], {}, 9),
    ],
    ids=str,
)
def test_a_target_from_data_is_unresolved(case):
    with pytest.raises(UnresolvedError):
        outcome(case)


@pytest.mark.parametrize(
    ("case", "length"),
    [
        (by_scale((1, 1, 2**62), [1, 1, 2]), 2**63),
        (
            by_scale((1, 1, 2**62), [1, 1, 3e38]),
            math.floor(Fraction(float(np.float32(3e38))) * 2**62),
        ),
        (by_size((1, 1, 2**62), [1, 1, 2**61 - 1], mode="cubic", antialias=1), 2**61 - 1),
        (by_scale((1, 1, 1), [1, 1, 0.5]), 0),
        (by_scale((0, 1, 0), [2, 1, 2]), 0),
        (by_size((0, 1, 4), [0, 1, 8]), 8),
    ],
    ids=str,
)
def test_extreme_lengths_cost_nothing(case, length):
    assert outcome(case).shapes[0][2] == length
    (relation,) = relations(case)[0]
    assert relation.out_shape == outcome(case).shapes[0]
