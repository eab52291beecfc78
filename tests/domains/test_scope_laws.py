"""The scopes are a lattice, held against the order that stands in ARCHITECTURE."""

from hypothesis import given
from hypothesis import strategies as st

from rfgraph.domains.fields.layout import Layout
from rfgraph.domains.scope import WORDS, Scope

NONE, LOCAL, BEFORE, AFTER, GLOBAL, UNKNOWN = Scope
# Each with all that lie above it: none < local < before, after < global < unknown.
ABOVE = {
    NONE: {LOCAL, BEFORE, AFTER, GLOBAL, UNKNOWN},
    LOCAL: {BEFORE, AFTER, GLOBAL, UNKNOWN},
    BEFORE: {GLOBAL, UNKNOWN},
    AFTER: {GLOBAL, UNKNOWN},
    GLOBAL: {UNKNOWN},
    UNKNOWN: set(),
}
scopes = st.sampled_from(Scope)


def below(one, other):
    return one is other or other in ABOVE[one]


@given(scopes, scopes)
def test_a_join_is_the_least_that_lies_above_both(one, other):
    above = [scope for scope in Scope if below(one, scope) and below(other, scope)]
    assert [scope for scope in above if all(below(scope, more) for more in above)] == [
        one.join(other)
    ]


@given(scopes, scopes, scopes)
def test_join_is_idempotent_commutative_and_associative(one, other, third):
    assert one.join(one) is one
    assert one.join(other) is other.join(one)
    assert one.join(other).join(third) is one.join(other.join(third))


@given(scopes, scopes, scopes)
def test_join_is_monotone(one, other, third):
    if below(one, other):
        assert below(one.join(third), other.join(third))


def test_before_and_after_join_to_global_and_are_one_word():
    assert BEFORE.join(AFTER) is GLOBAL
    assert BEFORE.word == AFTER.word == "one-sided"
    assert WORDS == ("none", "local", "one-sided", "global", "unknown")


@given(st.lists(st.tuples(scopes, st.frozensets(st.integers(0, 2))), min_size=1, max_size=4))
def test_a_layout_answers_by_its_local_axes(drawn):
    """A second way to say it: of a list of pairs, with plain loops."""
    pairs = [(scope, on if scope is LOCAL else frozenset()) for scope, on in drawn]
    layout = Layout(*zip(*pairs, strict=True))
    for axis, (scope, on) in enumerate(pairs):
        assert layout.scopes[axis] is scope
        assert layout.is_local([axis]) == (scope is LOCAL)
        assert layout.along[axis] == on
        others = {n for n, (_, there) in enumerate(pairs) if n != axis and on & there}
        assert layout.sharing_axes(axis) == others
    assert layout.is_local(range(len(pairs))) == all(scope is LOCAL for scope, _ in pairs)
