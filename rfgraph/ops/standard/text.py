"""Operators on strings."""

from __future__ import annotations

from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, UnresolvedError, broadcast
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import own_link
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.steps import Everything, Reduce


@rule("StringConcat")
def string_concat(node: OpNode) -> Outcome:
    """An output reads the same index of both inputs; an axis of length 1 is read at 0.

    Exact. All versions.
    """
    shape = broadcast(node.shape(0), node.shape(1))
    return Outcome((shape,), tuple(own_link(shape, slot) for slot in (0, 1)))


@rule("RegexFullMatch", ignores="pattern")
def regex_full_match(node: OpNode) -> Outcome:
    """An output reads the same index of the input.

    Exact. All versions.
    """
    shape = node.shape(0)
    return Outcome((shape,), (own_link(shape),))


@rule("StringSplit", ignores="delimiter maxsplit")
def string_split(node: OpNode) -> Outcome:
    """A substring reads its string; the number of substrings reads the same index of the input.

    Exact for the numbers. Unknown for the substrings: the longest list gives their last axis its
    length. All versions.
    """
    shape = node.shape(0)
    links = (Link(0, (Everything((), unknown=True),)), own_link(shape, 0, 1))
    return Outcome((None, shape), links[: node.n_outputs])


@rule("StringNormalizer", ignores="case_change_action is_case_sensitive locale")
def string_normalizer(node: OpNode) -> Outcome:
    """An output reads the same index of the input.

    Exact. Unknown: with stopwords, for how many strings are left then depends on data. All
    versions.
    """
    shape = node.ranked(0, 1, 2)
    if len(shape) == 2 and shape[0] != 1:
        raise RuleError(f"input 0 requires one row, found shape {list(shape)}")
    if node.attribute("stopwords"):
        raise UnresolvedError("how many strings are left depends on data")
    return Outcome((shape,), (own_link(shape),))


@rule(
    "TfIdfVectorizer",
    ignores="""max_gram_length max_skip_count min_gram_length mode ngram_counts pool_int64s
    pool_strings weights""",
)
def tf_idf_vectorizer(node: OpNode) -> Outcome:
    """An output reads all of its row: its n-gram may stand anywhere.

    Exact; an upper bound for n-grams of a length that is not counted, which read nothing.
    All versions.
    """
    shape = node.ranked(0, 1, 2)
    places = node.ints("ngram_indexes")
    if not places or min(places) < 0:
        raise RuleError(
            "attribute 'ngram_indexes' requires indices of at least 0, "
            f"found {places and places[:8]}"
        )
    axis = len(shape) - 1
    count = max(places) + 1
    reads = Reduce(((axis, Whole(shape[axis], count)),))
    return Outcome(((*shape[:-1], count),), (Link(0, (reads,)),))
