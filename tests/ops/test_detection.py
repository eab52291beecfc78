"""Detection and decoding operators against onnxruntime."""

import numpy as np
import pytest

from ops.evaluate import Case, mismatches, outcome
from rfgraph.ops.node import RuleError, UnresolvedError

HUGE = 2**62


def grid(theta, *size, **attributes):
    return Case("AffineGrid", [theta, np.array(size, np.int64)], attributes, 20)


@pytest.mark.parametrize("align", [0, 1])
@pytest.mark.parametrize(
    ("theta", "size"), [((2, 2, 3), (2, 3, 2, 3)), ((1, 3, 4), (1, 1, 2, 3, 2))], ids=str
)
def test_an_affine_grid_reads_the_row_of_its_coordinate(theta, size, align):
    assert mismatches(grid(theta, *size, align_corners=align)) == []


@pytest.mark.parametrize(
    ("op", "version"),
    [("NonMaxSuppression", 10), ("ImageDecoder", 20), ("EfficientNMS_TRT", 1)],
)
def test_what_data_decides_is_unknown(op, version):
    with pytest.raises(UnresolvedError):
        outcome(Case(op, [(1, 4, 4), (1, 2, 4)], {}, version))


def test_a_computed_size_is_unknown():
    with pytest.raises(UnresolvedError, match="input 1 is needed as a constant"):
        outcome(Case("AffineGrid", [(2, 2, 3), (4,)], {}, 20))


INVALID = [
    (grid((2, 2, 2), 2, 1, 3, 3), "input 0 requires shape [2, 2, 3]"),
    (grid((2, 2, 3), 2, 1, 3), "a size of 4 lengths, found 2 rows and [2, 1, 3]"),
    (grid((2, 2, 3), 2, 1, 3, -1), "found 2 rows and [2, 1, 3, -1]"),
    (grid((2, 4, 5), 2, 1, 3, 3, 3, 3), "a matrix of 2 or 3 rows"),
    (grid((2, 2, 3), 1, 1, 3, 3), "requires a size of 2 batches, found 1"),
    (Case("AffineGrid", [(2, 2, 3), None], {}, 20), "found 2 rows and None"),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)


def test_a_huge_length_costs_nothing():
    assert outcome(grid((1, 2, 3), 1, 1, HUGE, HUGE)).shapes == ((1, HUGE, HUGE, 2),)
