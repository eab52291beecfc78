"""What is got when it is asked for, and forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from rfgraph.onnxfile.building.fetching import Deferred


class Counted:
    """Things that are got from others, with how often each was."""

    def __init__(self, *, again):
        self.again, self.made = again, {}

    def thing(self, name, length, *sources):
        def make():
            self.made[name] = self.made.get(name, 0) + 1
            for source in sources:
                assert source() is not None
            return np.zeros(length)

        return Deferred(make, sources, again=self.again)


def test_what_is_forgotten_is_got_again_and_what_is_small_is_kept():
    count = Counted(again=True)
    large = count.thing("large", 100)
    small = count.thing("small", 2, large)
    other = count.thing("other", 100, large, small)
    for asked in (other, other, small, other):
        assert len(asked()) == (2 if asked is small else 100)
        asked.forget(64)
    assert count.made == {"large": 3, "small": 1, "other": 3}


def test_what_is_got_once_is_kept():
    count = Counted(again=False)
    first = count.thing("first", 100)
    second = count.thing("second", 100, first, first)
    for _ in range(3):
        second()
    assert count.made == {"first": 1, "second": 1}


@pytest.mark.parametrize("length", [2, 100])
def test_long_chains_of_twos_are_walked_without_recursion_and_once(length):
    count = Counted(again=True)
    last = count.thing(0, length)
    for number in range(1, 3000):
        last = count.thing(number, length, last, last)
    last()
    assert set(count.made.values()) == {1}
    last.forget(64)
    last()
    assert set(count.made.values()) == {1 if length == 2 else 2}
