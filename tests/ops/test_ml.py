"""Operators of ai.onnx.ml against onnxruntime, but for tree ensembles."""

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, op_node, outcome, reads, relations
from ops.probes import Steps
from rfgraph.ops.node import OpNode, RuleError, Value
from rfgraph.ops.registry import find_rule
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.steps import Everything, Reduce

HUGE = 2**62
BOTH = (True, True)


def ml(op, inputs, outputs=(True,), version=1, **attributes):
    return Case(op, inputs, attributes, version, outputs, "ai.onnx.ml")


def whole(*shape):
    return Data(shape, "int64", (0, 3))


def ints(*values):
    return np.array(values, np.int64)


FEATURES = [
    ml("Binarizer", [(2, 3, 2)], threshold=1.0),
    ml("Scaler", [(2, 3)], scale=[1.0, 2.0, 3.0], offset=[0.5] * 3),
    ml("Imputer", [(2, 3)], imputed_value_floats=[1.0, 2.0, 3.0], replaced_value_float=9.0),
    ml(
        "LabelEncoder",
        [whole(2, 3)],
        version=2,
        keys_int64s=[0, 1, 2],
        values_floats=[7.0, 8.0, 9.0],
    ),
    ml("LabelEncoder", [whole(4)], version=4, keys_int64s=[0, 1], values_int64s=[7, 8]),
    ml("OneHotEncoder", [whole(2, 3)], cats_int64s=[0, 1, 2]),
    ml("OneHotEncoder", [whole(3)], cats_int64s=[2, 1, 0]),
    ml("OneHotEncoder", [whole(2, 1, 2)], cats_int64s=[0]),
    ml("Normalizer", [(2, 3)], norm="L1"),
    ml("Normalizer", [(3,)], norm="L2"),
    ml("ArrayFeatureExtractor", [(2, 4), ints(2, 0)]),
    ml("ArrayFeatureExtractor", [(4,), ints(1, 2, 3).reshape(1, 3)]),
    ml("ArrayFeatureExtractor", [(2, 2, 3), ints(1)]),
    ml("FeatureVectorizer", [(2, 3), (2, 2)], inputdimensions=[3, 2]),
    ml("FeatureVectorizer", [(2, 3), (2, 2)], inputdimensions=[2, 4]),
    ml("FeatureVectorizer", [(3,), (1, 1)], inputdimensions=[3, 1]),
    ml("FeatureVectorizer", [(2, 3, 2)], inputdimensions=[6]),
]


@pytest.mark.parametrize("case", FEATURES, ids=str)
def test_what_features_read(case):
    assert mismatches(case, probe=Steps(case, starts=8)) == []


def test_computed_indices_leave_the_feature_unknown():
    case = ml("ArrayFeatureExtractor", [(2, 3), whole(1, 2)])
    assert mismatches(case, within=(0,), probe=Steps(case)) == []
    (relation,) = relations(case)[0]
    assert relation.steps == (Reduce(((1, Whole(3, 2, unknown=True)),)),)


def coefficients(count):
    return [0.3, -0.2, 0.5, 0.7, 0.4, -0.6][:count]


KERNEL = {"kernel_type": "RBF", "kernel_params": [0.3, 0.0, 3.0]}
LINEAR = {"kernel_type": "LINEAR", "kernel_params": [0.3, 0.0, 3.0]}
VECTORS = [0.1, 0.9, 0.4, 1.2, 0.3, 0.7, 1.1, 0.2, 0.8, 0.6, 1.3, 0.5]


def classes(count):
    return {"classlabels_ints": [*range(count)]}


def vectors(count):
    """Return the attributes of a support vector machine with one vector per class."""
    pairs = count * (count - 1) // 2
    return {
        "support_vectors": VECTORS[: 3 * count],
        "vectors_per_class": [1] * count,
        "coefficients": np.linspace(0.2, 1.1, count * (count - 1)).tolist(),
        "rho": [0.1] * pairs,
        **KERNEL,
        **classes(count),
    }


def probabilities(count):
    pairs = count * (count - 1) // 2
    return {**vectors(count), "prob_a": [-1.0] * pairs, "prob_b": [0.1] * pairs}


ROWS = [
    ml("LinearRegressor", [(2, 3)], targets=2, coefficients=coefficients(6)),
    ml("LinearRegressor", [(3,)], coefficients=coefficients(3)),
    ml(
        "SVMRegressor",
        [(2, 3)],
        coefficients=[0.3, 0.4],
        support_vectors=VECTORS[:6],
        n_supports=2,
        rho=[0.1],
        **KERNEL,
    ),
    ml("SVMRegressor", [(3,)], coefficients=coefficients(3), n_supports=0, rho=[0.1], **LINEAR),
]
CLASSIFIERS = [
    ml(
        "LinearClassifier",
        [(2, 3)],
        BOTH,
        coefficients=coefficients(6),
        intercepts=[0.1, 0.2],
        **classes(2),
    ),
    ml(
        "LinearClassifier",
        [(2, 3)],
        BOTH,
        coefficients=coefficients(3),
        intercepts=[-0.5],
        **classes(2),
    ),
    ml(
        "LinearClassifier",
        [(3,)],
        BOTH,
        coefficients=VECTORS[:9],
        intercepts=[0.1] * 3,
        post_transform="SOFTMAX",
        **classes(3),
    ),
    *(
        ml("SVMClassifier", [shape], BOTH, **attributes)
        for shape in ((2, 3), (3,))
        for count in (2, 3, 4)
        for attributes in (
            vectors(count),
            probabilities(count),
            {
                "coefficients": VECTORS[: 3 * count],
                "rho": [0.1] * count,
                **LINEAR,
                **classes(count),
            },
        )
    ),
]


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_a_result_reads_its_whole_row(case):
    assert mismatches(case) == []


@pytest.mark.parametrize("case", CLASSIFIERS, ids=str)
def test_scores_read_their_whole_row(case):
    """A label is told from its scores: few steps change it, all of the row may."""
    probe, shapes = Steps(case, starts=6), outcome(case).shapes
    assert shapes == (probe.shape("y0"), probe.shape("y1"))
    linked = [relations(case, output)[0] for output in (0, 1)]
    seen = probe.elements("y1", "x0")
    for index in np.ndindex(*shapes[1]):
        found = {tuple(map(int, at)) for at in np.argwhere(seen[index])}
        assert found == reads(linked[1][0], index) == reads(linked[0][0], index[:1])


def test_a_classifier_may_give_labels_alone():
    case = ml("LinearClassifier", [(2, 3)], coefficients=coefficients(6), **classes(2))
    assert outcome(case).shapes == ((2,),)
    assert {link.output for link in outcome(case).links} == {0}


@pytest.mark.parametrize(
    ("op", "attributes", "shape"),
    [
        ("CastMap", {}, None),
        ("CastMap", {"map_form": "SPARSE", "max_map": 7}, (1, 7)),
        ("DictVectorizer", {"string_vocabulary": ["a", "b"]}, (1, 2)),
        ("DictVectorizer", {}, (1, 0)),
        ("ZipMap", {"classlabels_int64s": [1, 2]}, None),
    ],
)
def test_maps_are_unknown(op, attributes, shape):
    given = Value((2, 2) if op == "ZipMap" else None)
    node = OpNode(op, [given], attributes=attributes, version=1, domain="ai.onnx.ml")
    found = find_rule("ai.onnx.ml", op).function(node)
    assert found.shapes == (shape,)
    assert found.links[0].steps == (Everything(shape or (), unknown=True),)


INVALID = [
    (ml("FeatureVectorizer", [(2, 3), (1, 3)], inputdimensions=[3, 3]), "inputs of equal length"),
    (ml("FeatureVectorizer", [(2, 3)], inputdimensions=[3, 3]), "found [[2, 3]] and [3, 3]"),
    (ml("FeatureVectorizer", [(2, 3)], inputdimensions=[-1]), "each with its dimension"),
    (ml("FeatureVectorizer", []), "found [] and []"),
    (ml("LinearRegressor", [(2, 3)], targets=0), "at least 1 result for each row, found 0"),
    (ml("LinearClassifier", [(2, 3)]), "at least 1 result for each row, found 0"),
    (ml("SVMRegressor", [(2, 3, 4)]), "requires rank 1 to 2"),
    (ml("Normalizer", [(2, 3, 4)]), "requires rank 1 to 2"),
    (ml("ArrayFeatureExtractor", [(2, 3), ints(3)]), "requires values in [-3, 2]"),
    (ml("CastMap", [(1,)], map_form="SPARSE", max_map=-1), "requires at least 0, found -1"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)


def test_a_huge_length_costs_nothing():
    case = ml("LinearRegressor", [(HUGE, HUGE)], targets=HUGE)
    assert outcome(case).shapes == ((HUGE, HUGE),)
    assert op_node(case).shape(0) == (HUGE, HUGE)
