"""Operators of ai.onnx.ml but for tree ensembles: features, rows of features, maps."""

from __future__ import annotations

import math

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import (
    normal_indices,
    normalization_links,
    own_link,
    pick_steps,
)
from rfgraph.relations.axis_rules import Shape, Shift, Whole
from rfgraph.relations.steps import Everything, Pointwise, Reduce, Regroup

ML = "ai.onnx.ml"


@rule(
    "Binarizer Imputer Scaler",
    domain=ML,
    ignores="""imputed_value_floats imputed_value_int64s offset replaced_value_float
    replaced_value_int64 scale threshold""",
)
def numbers(node: OpNode) -> Outcome:
    """An output reads the same index of the input.

    Exact. All versions.
    """
    shape = node.shape(0)
    return Outcome((shape,), (own_link(shape),))


@rule(
    "CategoryMapper LabelEncoder",
    domain=ML,
    ignores="""cats_int64s cats_strings classes_strings default_float default_int64 default_string
    default_tensor keys_floats keys_int64s keys_strings keys_tensor values_floats values_int64s
    values_strings values_tensor""",
)
def categories(node: OpNode) -> Outcome:
    """An output reads the same index of the input; the attributes say what its value stands for.

    Exact. All versions.
    """
    return numbers(node)


@rule("OneHotEncoder", domain=ML, ignores="zeros")
def one_hot_encoder(node: OpNode) -> Outcome:
    """An output reads the same index of the input, without the new last axis, one per category.

    Exact. All versions.
    """
    shape = node.shape(0)
    count = _list_length(node, "cats_int64s", "cats_strings")
    out = (*shape, count)
    return Outcome((out,), (Link(0, (Regroup((*shape, 1)), Pointwise(out))),))


def _list_length(node: OpNode, *names: str) -> int:
    """Return the length of whichever of some list attributes is there; 0 if none is."""
    attributes = [node.attribute(name) for name in names]
    for labels in attributes:
        if isinstance(labels, list) and labels:
            return len(labels)
    return 0


@rule("Normalizer", domain=ML, ignores="norm")
def normalizer(node: OpNode) -> Outcome:
    """An output reads its own index and, as a second part, all of its row.

    Exact. All versions.
    """
    shape = node.ranked(0, 1, 2)
    return Outcome((shape,), normalization_links(shape, [len(shape) - 1]))


@rule("ArrayFeatureExtractor", domain=ML)
def array_feature_extractor(node: OpNode) -> Outcome:
    """An output reads, of its row, the feature that its index names.

    Exact for constant indices. Unknown along the features where the indices depend on data, which
    are read at their own place. All versions.
    """
    shape, where = node.ranked(0, 1), node.shape(1)
    axis, count = len(shape) - 1, math.prod(where)
    indices = node.value(1).data
    chain = Chain(shape)
    if indices is None:
        chain.reduce([axis], to=count, unknown=True)
    else:
        chain.add(*pick_steps(normal_indices(indices, shape[axis]).reshape(-1), axis, shape[axis]))
    out = (*shape[:-1], count) if axis else (1, count)
    chain.regroup(out)
    return Outcome((out,), (chain.link(0), Chain(where).reshape((count,)).broadcast(out).link(1)))


@rule("FeatureVectorizer", domain=ML)
def feature_vectorizer(node: OpNode) -> Outcome:
    """An output reads its row of the input whose features lie there, as many as inputdimensions.

    Exact. All versions.
    """
    slots = node.data_inputs()
    tables = [_table(node.ranked(slot, 1)) for slot in slots]
    sizes = node.ints("inputdimensions") or [features for _, features in tables]
    rows = {count for count, _ in tables}
    if len(rows) != 1 or len(sizes) != len(slots) or min(sizes) < 0:
        raise RuleError(
            f"requires inputs of equal length, each with its dimension, found "
            f"{[list(table) for table in tables[:4]]} and {sizes[:8]}"
        )
    shape = (tables[0][0], sum(sizes))
    links, offset = [], 0
    for slot, table, size in zip(slots, tables, sizes, strict=True):
        own = node.shape(slot)
        chain = Chain(own).regroup(table).put(1, 0, size)
        place = Shift(-offset, 1, size, shape[1], "absent")
        links.append(chain.select([(1, place)]).link(slot))
        offset += size
    return Outcome((shape,), tuple(links))


def _table(shape: Shape) -> Shape:
    """Return rows and features of an input; a vector is one row."""
    return (1, shape[0]) if len(shape) == 1 else (shape[0], math.prod(shape[1:]))


# -- rows of features ------------------------------------------------------------------------------

_WEIGHTS = "coefficients post_transform"
_VECTORS = "kernel_params kernel_type rho support_vectors"


@rule("LinearRegressor", domain=ML, ignores=f"{_WEIGHTS} intercepts")
def linear_regressor(node: OpNode) -> Outcome:
    """An output reads all features of its row.

    Exact. All versions.
    """
    return _row_outcome(node, node.int("targets", 1))


@rule("SVMRegressor", domain=ML, ignores=f"{_WEIGHTS} {_VECTORS} n_supports one_class")
def svm_regressor(node: OpNode) -> Outcome:
    """An output reads all features of its row.

    Exact. All versions.
    """
    return _row_outcome(node, 1)


@rule("LinearClassifier", domain=ML, ignores=f"{_WEIGHTS} multi_class")
def linear_classifier(node: OpNode) -> Outcome:
    """A label and every score read all features of their row.

    Exact. All versions.
    """
    labels = _list_length(node, "classlabels_ints", "classlabels_strings")
    count = _list_length(node, "intercepts") or labels
    return _classifier_outcome(node, max(count, labels) if count == 1 else count)


@rule("SVMClassifier", domain=ML, ignores=f"{_WEIGHTS} {_VECTORS} prob_b")
def svm_classifier(node: OpNode) -> Outcome:
    """A label and every score read all features of their row.

    There is a score per class or, with support vectors and without probabilities, per pair of
    classes where these are more than two.

    Exact. All versions.
    """
    count = _list_length(node, "classlabels_ints", "classlabels_strings")
    paired = _list_length(node, "vectors_per_class") and not _list_length(node, "prob_a")
    return _classifier_outcome(node, count * (count - 1) // 2 if paired and count > 2 else count)


def _row_outcome(node: OpNode, count: int) -> Outcome:
    """Return the outcome of an operator that makes `count` numbers of every row."""
    if count < 1:
        raise RuleError(f"requires at least 1 result for each row, found {count}")
    shape = node.ranked(0, 1, 2)
    rows, features = _table(shape)
    reads = Reduce(((1, Whole(features, count)),), weighted=True)
    return Outcome(((rows, count),), (Chain(shape).regroup((rows, features)).add(reads).link(0),))


def _classifier_outcome(node: OpNode, count: int) -> Outcome:
    """Return the outcome of a classifier: one label and `count` scores of every row."""
    scores = _row_outcome(node, count)
    rows, features = _table(node.shape(0))
    (link,) = scores.links
    first = (*link.steps[:-1], Reduce(((1, Whole(features, 1)),), weighted=True), Regroup((rows,)))
    links = (Link(0, first), Link(0, link.steps, 1))
    return Outcome(((rows,), *scores.shapes)[: node.n_outputs], links[: node.n_outputs])


# -- maps ------------------------------------------------------------------------------------------


@rule("CastMap", domain=ML, ignores="cast_to")
def cast_map(node: OpNode) -> Outcome:
    """An output may read all of the map, whose entries have no place of their own.

    Unknown: the input is a map. All versions.
    """
    sparse = node.str("map_form", "DENSE") == "SPARSE"
    return _elementwise_outcome((1, node.int("max_map", 1, least=0)) if sparse else None)


@rule("DictVectorizer", domain=ML)
def dict_vectorizer(node: OpNode) -> Outcome:
    """An output may read all of the map, whose entries have no place of their own.

    Unknown: the input is a map. All versions.
    """
    return _elementwise_outcome((1, _list_length(node, "string_vocabulary", "int64_vocabulary")))


@rule("ZipMap", domain=ML, ignores="classlabels_int64s classlabels_strings")
def zip_map(node: OpNode) -> Outcome:
    """Entry c of map n reads score c of row n: the scores get names, and stay where they are.

    Exact; the sequence of maps counts as a tensor of maps by entries. All versions.
    """
    node.ranked(0, 1, 2)
    return numbers(node)


def _elementwise_outcome(shape: Shape | None) -> Outcome:
    return Outcome((shape,), (Link(0, (Everything(shape or (), unknown=True),)),))
