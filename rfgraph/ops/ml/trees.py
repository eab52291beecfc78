"""Tree ensembles: a result reads the features that the branches of its trees compare."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from networkx.utils import UnionFind

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import MAX_INDEX_ELEMENTS, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import pick_steps
from rfgraph.relations.axis_rules import Listed
from rfgraph.relations.steps import Step, Taps
from rfgraph.wording.names import quote

ML = "ai.onnx.ml"
# Transforms of the scores that take each on its own: by name, and by number as of version 5, where
# onnx and onnxruntime do not agree which of 1 and 2 is LOGISTIC and which SOFTMAX.
APART = ("NONE", "LOGISTIC", "PROBIT", 0, 4)


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The features that each tree compares, and the trees that each target has leaves in."""

    features: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    targets: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def all_features(self) -> list[int]:
        """Return every feature that any tree compares, in order."""
        return sorted(set().union(*self.features.values()))

    def lists(self, count: int) -> list[list[int]] | None:
        """Return the features of each of `count` targets; None if these are too many to list."""
        trees = [self.targets.get(target, set()) for target in range(count)]
        size = sum(len(self.features.get(tree, ())) for own in trees for tree in own)
        if size > MAX_INDEX_ELEMENTS:
            return None
        empty: set[int] = set()
        return [sorted(empty.union(*(self.features.get(t, empty) for t in at))) for at in trees]


def _row_chain(node: OpNode, ensemble: Ensemble) -> Chain:
    """Return a chain from the input to (rows, features); a vector is one row."""
    shape = node.ranked(0, 1, 2)
    chain = Chain(shape)
    if len(shape) == 1:
        chain.regroup((1, shape[0]))
    features = ensemble.all_features()
    if features and not 0 <= features[0] <= features[-1] < chain.shape[1]:
        raise RuleError(
            f"requires features in [0, {chain.shape[1] - 1}], found {features[0]} to {features[-1]}"
        )
    return chain


def _together(chain: Chain, ensemble: Ensemble, count: int) -> Chain:
    """Add what reads all features that any tree compares, for each of `count` results."""
    features = ensemble.all_features()
    if len(features) != chain.shape[1]:
        chain.add(*pick_steps(np.array(features, np.int64), 1, chain.shape[1]))
    return chain.reduce([1], to=count)


def _scores(node: OpNode, ensemble: Ensemble, count: int, transform: object) -> Chain:
    """Return a chain to the scores: for each target the features of its trees, or those of all."""
    if not 1 <= count <= MAX_INDEX_ELEMENTS:
        raise RuleError(f"requires 1 to {MAX_INDEX_ELEMENTS} results, found {count}")
    chain = _row_chain(node, ensemble)
    lists = ensemble.lists(count) if transform in APART else None
    if lists is None or all(features == lists[0] for features in lists):
        return _together(chain, ensemble, count)
    return chain.add(*_listed_steps(lists, chain.shape[1]))


def _listed_steps(lists: list[list[int]], features: int) -> tuple[Step, ...]:
    return (Taps(((1, Listed(tuple(map(tuple, lists)), features)),)),)


def _ints(node: OpNode, name: str, length: int | None = None) -> list[int]:
    """Return a list attribute, of a given length if that is known."""
    ints = node.ints(name) or []
    if length is not None and len(ints) != length:
        raise RuleError(f"attribute {quote(name)} requires {length} integers, found {len(ints)}")
    return ints


# -- trees by their number -------------------------------------------------------------------------

_NODES = """base_values base_values_as_tensor nodes_falsenodeids nodes_hitrates
    nodes_hitrates_as_tensor nodes_missing_value_tracks_true nodes_nodeids nodes_truenodeids
    nodes_values nodes_values_as_tensor"""


def _trees_by_number(node: OpNode, target_ids: str, target_trees: str) -> Ensemble:
    """Return the trees of a node that gives each branch and leaf the number of its tree."""
    trees, modes = _ints(node, "nodes_treeids"), node.attribute("nodes_modes")
    features = _ints(node, "nodes_featureids", len(trees))
    if not isinstance(modes, list) or len(modes) != len(trees):
        raise RuleError(f"attribute 'nodes_modes' requires {len(trees)} strings")
    ensemble = Ensemble()
    for tree, feature, mode in zip(trees, features, modes, strict=True):
        if mode != "LEAF":
            ensemble.features[tree].add(feature)
    targets = _ints(node, target_ids)
    for target, tree in zip(targets, _ints(node, target_trees, len(targets)), strict=True):
        ensemble.targets[target].add(tree)
    return ensemble


@rule(
    "TreeEnsembleRegressor",
    domain=ML,
    ignores=f"{_NODES} aggregate_function target_nodeids target_weights target_weights_as_tensor",
)
def tree_ensemble_regressor(node: OpNode) -> Outcome:
    """An output reads, of its row, the features that the trees with leaves for its target compare.

    After Softmax it reads those of all trees.

    Exact; an upper bound, the features of all trees, where lists for all targets hold more than
    2^22. All versions.
    """
    ensemble = _trees_by_number(node, "target_ids", "target_treeids")
    transform = node.str("post_transform", "NONE")
    scores = _scores(node, ensemble, node.int("n_targets", 1), transform)
    return Outcome((scores.shape,), (scores.link(0),))


@rule(
    "TreeEnsembleClassifier",
    domain=ML,
    ignores=f"{_NODES} class_nodeids class_weights class_weights_as_tensor",
)
def tree_ensemble_classifier(node: OpNode) -> Outcome:
    """A label reads, of its row, all features that any tree compares.

    A score reads those that the trees with leaves for its class compare; after Softmax those of all
    trees.

    Exact; an upper bound, the features of all trees, where all leaves belong to one of two classes,
    and where lists for all classes hold more than 2^22. All versions.
    """
    ensemble = _trees_by_number(node, "class_ids", "class_treeids")
    labels = [node.attribute(name) for name in ("classlabels_int64s", "classlabels_strings")]
    count = max(len(classes) if isinstance(classes, list) else 0 for classes in labels)
    shared = count == 2 and len(ensemble.targets) < 2
    transform = "shared" if shared else node.str("post_transform", "NONE")
    scores = _scores(node, ensemble, count, transform)
    label = _together(_row_chain(node, ensemble), ensemble, 1)
    label.regroup(label.shape[:1])
    shapes, links = (label.shape, scores.shape), (label.link(0), scores.link(0, 1))
    return Outcome(shapes[: node.n_outputs], links[: node.n_outputs])


# -- trees by their roots --------------------------------------------------------------------------

SIDES = (("nodes_truenodeids", "nodes_trueleafs"), ("nodes_falsenodeids", "nodes_falseleafs"))


@rule(
    "TreeEnsemble",
    domain=ML,
    ignores="""aggregate_function leaf_weights membership_values nodes_hitrates
    nodes_missing_value_tracks_true nodes_modes nodes_splits tree_roots""",
)
def tree_ensemble(node: OpNode) -> Outcome:
    """An output reads, of its row, the features that the trees with leaves for its target compare.

    After Softmax it reads those of all trees.

    Exact; an upper bound, the features of all trees, for post_transform 1 and 2, which runtimes
    take for one another, and where lists for all targets hold more than 2^22. All versions.
    """
    node.ranked(0, 2, 2)
    scores = _scores(
        node, _trees_by_links(node), node.int("n_targets", 1), node.int("post_transform", 0)
    )
    return Outcome((scores.shape,), (scores.link(0),))


def _trees_by_links(node: OpNode) -> Ensemble:
    """Return the trees of a node whose branches name their successors: what hangs together."""
    features, targets = _ints(node, "nodes_featureids"), _ints(node, "leaf_targetids")
    parts = UnionFind(range(len(features) + len(targets)))
    for names, flags in SIDES:
        successors = _ints(node, names, len(features))
        leaves = _ints(node, flags, len(features))
        for branch, (successor, leaf) in enumerate(zip(successors, leaves, strict=True)):
            length = len(targets) if leaf else len(features)
            if not 0 <= successor < length:
                raise RuleError(f"branch {branch} requires a successor in [0, {length - 1}]")
            parts.union(branch, successor + (len(features) if leaf else 0))
    ensemble = Ensemble()
    for branch, feature in enumerate(features):
        ensemble.features[parts[branch]].add(feature)
    for leaf, target in enumerate(targets, len(features)):
        ensemble.targets[target].add(parts[leaf])
    return ensemble
