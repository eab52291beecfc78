"""Tree ensembles against onnxruntime, each a stump or a small tree that compares given features."""

import numpy as np
import onnx
import pytest

from ops.evaluate import Case, claims, mismatches, outcome
from ops.probes import Steps
from rfgraph.ops.node import MAX_INDEX_ELEMENTS, RuleError

SPLIT = 1.0


def numbered(op, shape, trees, count, version=3, **attributes):
    """Return trees as (features to compare in a chain, target) in the form of before version 5."""
    nodes = {name: [] for name in ("treeids", "nodeids", "featureids", "modes", "values")}
    nodes |= {name: [] for name in ("truenodeids", "falsenodeids")}
    leaves = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree, (features, target) in enumerate(trees):
        depth = len(features)
        for number in range(2 * depth + 1):
            branch = number < depth
            nodes["treeids"].append(tree)
            nodes["nodeids"].append(number)
            nodes["featureids"].append(features[number] if branch else 0)
            nodes["modes"].append("BRANCH_LEQ" if branch else "LEAF")
            nodes["values"].append(SPLIT)
            nodes["truenodeids"].append(depth + number if branch else 0)
            nodes["falsenodeids"].append(number + 1 if number < depth - 1 else 2 * depth * branch)
            if not branch:
                leaves["treeids"].append(tree)
                leaves["nodeids"].append(number)
                leaves["ids"].append(target)
                leaves["weights"].append(0.1 + 0.3 * number + tree)
    classifier = op.endswith("Classifier")
    prefix = "class" if classifier else "target"
    found = {f"nodes_{name}": values for name, values in nodes.items()}
    found |= {f"{prefix}_{name}": values for name, values in leaves.items()}
    found |= {"classlabels_int64s": [*range(count)]} if classifier else {"n_targets": count}
    outputs = (True, True) if classifier else (True,)
    return Case(op, [shape], {**found, **attributes}, version, outputs, "ai.onnx.ml")


def linked(shape, trees, count, **attributes):
    """Return the same trees in the form of version 5, where a branch names its successors."""
    branches = {name: [] for name in ("featureids", "truenodeids", "falsenodeids")}
    branches |= {name: [] for name in ("trueleafs", "falseleafs")}
    targets, roots = [], []
    for features, target in trees:
        roots.append(len(branches["featureids"]))
        for number, feature in enumerate(features):
            last = number == len(features) - 1
            branches["featureids"].append(feature)
            branches["truenodeids"].append(len(targets))
            branches["trueleafs"].append(1)
            targets.append(target)
            branches["falseleafs"].append(int(last))
            branches["falsenodeids"].append(len(targets) if last else len(branches["featureids"]))
            targets.extend([target] * last)
    weights = np.arange(1, len(targets) + 1, dtype=np.float32)
    found = {f"nodes_{name}": values for name, values in branches.items()}
    count_of = len(found["nodes_featureids"])
    found |= {
        "nodes_modes": onnx.numpy_helper.from_array(np.zeros(count_of, np.uint8)),
        "nodes_splits": onnx.numpy_helper.from_array(np.full(count_of, SPLIT, np.float32)),
        "leaf_targetids": targets,
        "leaf_weights": onnx.numpy_helper.from_array(weights),
        "tree_roots": roots,
        "n_targets": count,
    }
    return Case("TreeEnsemble", [shape], {**found, **attributes}, 5, (True,), "ai.onnx.ml")


TREES = [([0, 2], 0), ([1], 2), ([0, 4], 2)]
SHAPE = (2, 5)


def probe(case):
    return Steps(case, starts=24)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("version", [1, 3])
def test_a_target_reads_what_its_trees_compare(version, transform):
    case = numbered("TreeEnsembleRegressor", SHAPE, TREES, 3, version, post_transform=transform)
    assert mismatches(case, probe=probe(case)) == []


@pytest.mark.parametrize("transform", [0, 1, 2, 3, 4])
def test_linked_trees_read_alike(transform):
    """Onnxruntime takes 1 for LOGISTIC, the definition for SOFTMAX, and 2 the other way round.

    SOFTMAX_ZERO (3) leaves a score of exactly zero as it is.
    """
    case = linked(SHAPE, TREES, 3, post_transform=transform)
    named = "SOFTMAX" if transform in (1, 2, 3) else "NONE"
    same = numbered("TreeEnsembleRegressor", SHAPE, TREES, 3, post_transform=named)
    assert claims(case) == claims(same)
    within = (0,) if transform in (1, 3, 4) else ()
    assert mismatches(case, within=within, probe=probe(case)) == []


def test_aggregates_read_alike():
    for way in ("AVERAGE", "MIN", "MAX"):
        case = numbered("TreeEnsembleRegressor", SHAPE, TREES, 3, aggregate_function=way)
        assert claims(case) == claims(numbered("TreeEnsembleRegressor", SHAPE, TREES, 3))
        assert mismatches(case, within=(0,), probe=probe(case)) == []


CLASSES = [
    (TREES, 3, "NONE"),
    (TREES, 3, "LOGISTIC"),
    (TREES, 3, "SOFTMAX"),
    ([([0, 2], 0), ([1], 1)], 2, "NONE"),
    ([([0, 2], 1), ([1], 1)], 2, "LOGISTIC"),
    ([([0, 2], 0), ([1], 0)], 2, "NONE"),
    ([([0, 2], 0), ([1], 0)], 1, "NONE"),
]


@pytest.mark.parametrize(("trees", "count", "transform"), CLASSES, ids=str)
def test_a_score_reads_what_the_trees_of_its_class_compare(trees, count, transform):
    case = numbered("TreeEnsembleClassifier", SHAPE, trees, count, post_transform=transform)
    probed = probe(case)
    assert outcome(case).shapes == (probed.shape("y0"), probed.shape("y1"))
    compared = {feature for features, _ in trees for feature in features}
    assert claims(case)[1,] == {(1, feature) for feature in compared}
    scores = Case(case.op, case.inputs, case.attributes, 3, (False, True), "ai.onnx.ml")
    labels = Case(case.op, case.inputs, case.attributes, 3, (True,), "ai.onnx.ml")
    shared = count == 2 and len({target for _, target in trees}) == 1
    assert mismatches(scores, within=(0,) if shared else (), probe=probed) == []
    assert mismatches(labels, within=(0,), probe=probed) == []


def test_a_vector_is_one_row():
    case = numbered("TreeEnsembleRegressor", (3,), [([0], 0)], 1, version=1)
    assert mismatches(case, probe=probe(case)) == []


def test_trees_that_compare_all_features_or_none():
    case = numbered("TreeEnsembleRegressor", SHAPE, [([0, 1], 0), ([2, 3, 4], 0)], 1)
    assert mismatches(case, probe=probe(case)) == []
    case = numbered("TreeEnsembleRegressor", SHAPE, [([], 0)], 1)
    assert not any(claims(case).values())


def test_lists_too_long_give_the_features_of_all_trees(monkeypatch):
    case = numbered("TreeEnsembleRegressor", SHAPE, TREES, 3)
    monkeypatch.setattr("rfgraph.ops.ml.trees.MAX_INDEX_ELEMENTS", 4)
    assert all(len(found) == 4 for found in claims(case).values())


def changed(case, **attributes):
    return Case(case.op, case.inputs, {**case.attributes, **attributes}, 5, (True,), case.domain)


REGRESSOR = numbered("TreeEnsembleRegressor", SHAPE, TREES, 3)
LINKED = linked(SHAPE, TREES, 3)
INVALID = [
    (numbered("TreeEnsembleRegressor", (2, 4), TREES, 3), "features in [0, 3], found 0 to 4"),
    (changed(REGRESSOR, n_targets=0), f"requires 1 to {MAX_INDEX_ELEMENTS} results, found 0"),
    (changed(REGRESSOR, n_targets=2**62), "found 4611686018427387904"),
    (changed(REGRESSOR, nodes_featureids=[0]), "requires 13 integers, found 1"),
    (changed(REGRESSOR, nodes_modes=["LEAF"]), "'nodes_modes' requires 13 strings"),
    (changed(REGRESSOR, target_treeids=[0]), "'target_treeids' requires 8 integers, found 1"),
    (changed(LINKED, nodes_trueleafs=[]), "'nodes_trueleafs' requires 5 integers, found 0"),
    (changed(LINKED, nodes_truenodeids=[0, 9, 0, 0, 0]), "branch 1 requires a successor in [0, 7]"),
    (linked((5,), TREES, 3), "requires rank 2"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=range(len(INVALID)))
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)
