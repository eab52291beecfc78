"""Operators on strings against onnxruntime."""

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, one_node, outcome, reads, relations
from ops.probes import Steps
from oracle.perturb import session
from rfgraph.ops.node import RuleError, UnresolvedError
from rfgraph.relations.steps import Everything

WORDS = ["ab", "b c", "abc", "c", "a b", "bb"]


def strings(*shape):
    return Data(shape, "object")


def observed(case, output):
    """Return which input strings each unit of an output changes with, by replacing each in turn."""
    run = session(one_node(case))
    feeds = {
        f"x{slot}": np.resize(np.array(WORDS, object), data.shape)
        for slot, data in case.data().items()
    }
    before = run.run([output], feeds)[0]
    found = {slot: {at: set() for at in np.ndindex(before.shape)} for slot in case.data()}
    for slot, data in case.data().items():
        for position in np.ndindex(*data.shape):
            for other in ("a", "c b a", "zz"):
                poked = feeds[f"x{slot}"].copy()
                poked[position] = other
                after = run.run([output], {**feeds, f"x{slot}": poked})[0]
                for at in np.argwhere(before != after):
                    found[slot][tuple(map(int, at))].add(position)
    return found


CASED = {"case_change_action": "UPPER", "locale": "C"}


@pytest.mark.parametrize(
    ("case", "output"),
    [
        (Case("StringConcat", [strings(2, 3), strings(3)]), 0),
        (Case("StringConcat", [strings(2, 1), strings(1, 2)], version=20), 0),
        (Case("RegexFullMatch", [strings(2, 3)], {"pattern": "a.*"}), 0),
        (Case("StringSplit", [strings(2, 3)], {"delimiter": " "}, 20, (True, True)), 1),
        (Case("StringNormalizer", [strings(4)], CASED, 10), 0),
        (Case("StringNormalizer", [strings(1, 4)], {}, 10), 0),
    ],
    ids=str,
)
def test_what_operators_on_strings_read(case, output):
    for slot, seen in observed(case, f"y{output}").items():
        (relation,) = relations(case, output)[slot]
        assert relation.out_shape == outcome(case).shapes[output]
        assert {index: reads(relation, index) for index in seen} == seen


def test_substrings_have_no_known_number():
    case = Case("StringSplit", [strings(2, 3)], version=20)
    assert outcome(case).shapes == (None, (2, 3))
    (link,) = outcome(case).links
    assert link.steps == (Everything((), unknown=True),)


def test_stopwords_leave_an_unknown_number_of_strings():
    with pytest.raises(UnresolvedError, match="how many strings are left"):
        outcome(Case("StringNormalizer", [strings(4)], {"stopwords": ["a"]}, 10))


NGRAMS = {
    "mode": "TF",
    "min_gram_length": 1,
    "max_gram_length": 2,
    "max_skip_count": 3,
    "ngram_counts": [0, 3],
    "ngram_indexes": [0, 1, 2, 4, 3],
    "pool_int64s": [0, 1, 2, 0, 1, 1, 2],
}


@pytest.mark.parametrize("shape", [(4,), (2, 4)], ids=str)
def test_an_n_gram_reads_its_whole_row(shape):
    case = Case("TfIdfVectorizer", [Data(shape, "int64", (0, 3))], NGRAMS, 9)
    assert mismatches(case, probe=Steps(case, starts=12)) == []


INVALID = [
    (Case("StringConcat", [strings(2), strings(3)]), "do not broadcast"),
    (Case("StringNormalizer", [strings(2, 3)], {}, 10), "requires one row, found shape [2, 3]"),
    (Case("TfIdfVectorizer", [(2,)], {"ngram_indexes": [0, -1]}, 9), "at least 0, found [0, -1]"),
    (Case("TfIdfVectorizer", [(2,)], {}, 9), "at least 0, found None"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)
