"""A record beside the frozen dataclass of the same fields, which is the second source."""

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace

import pytest

from rfgraph.frozen import frozen


@frozen
class Record:
    number: int
    names: tuple[str, ...] = ()
    note: str = field(default="", compare=False, repr=False)
    found: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judge:
    number: int
    names: tuple[str, ...] = ()
    note: str = field(default="", compare=False, repr=False)
    found: dict[str, int] = field(default_factory=dict)


CALLS = [
    ((1,), {}),
    ((1, ("a",)), {}),
    ((1, ("a",), "said", {"a": 2}), {}),
    ((1,), {"found": {"a": 2}}),
    ((), {"note": "said", "number": 1}),
]
REFUSED = [
    ((), {}),
    ((), {"names": ()}),
    ((1, (), "", {}, 5), {}),
    ((1,), {"number": 2}),
    ((1,), {"other": 2}),
    ((), {"other": 2}),
]


def said(value):
    """All that can be read of a record, with its class called Record."""
    return repr(value).replace("Judge", "Record"), asdict(value), value.note, value.__match_args__


@pytest.mark.parametrize(("values", "named"), CALLS)
def test_it_is_made_and_shown_as_a_dataclass_is(values, named):
    record, judge = Record(*values, **named), Judge(*values, **named)
    assert said(record) == said(judge)
    assert said(replace(record, number=7)) == said(replace(judge, number=7))
    assert [item.type for item in fields(record)] == [item.type for item in fields(judge)]
    for again in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert again == record
        assert said(again) == said(record)


@pytest.mark.parametrize(("values", "named"), REFUSED)
@pytest.mark.parametrize("made", [Record, Judge])
def test_wrong_arguments_are_refused_as_of_a_dataclass(made, values, named):
    with pytest.raises(TypeError, match="argument"):
        made(*values, **named)


@pytest.mark.parametrize("made", [Record, Judge])
def test_what_compares_decides_what_is_equal_and_found_in_a_set(made):
    assert made(1, ("a",), "x") == made(1, ("a",), "y") != made(2, ("a",), "x")
    assert Record(1) != Judge(1)
    assert made(1, found={}) != made(1, found={"a": 1})
    with pytest.raises(TypeError, match="unhashable"):
        hash(made(1))


def test_records_of_one_field_and_of_none_are_values():
    one = frozen(type("One", (), {"__annotations__": {"a": "int"}}))
    none = frozen(type("None_", (), {"__annotations__": {}}))
    assert {one(1), one(1), one(2)} == {one(1), one(2)}
    assert {none(), none()} == {none()}
    assert (repr(one(1)), repr(none())) == ("One(a=1)", "None_()")


@pytest.mark.parametrize("made", [Record, Judge])
def test_nothing_of_it_can_be_changed(made):
    record = made(1)
    with pytest.raises(FrozenInstanceError):
        record.number = 2
    with pytest.raises(FrozenInstanceError):
        del record.number
    assert not hasattr(record, "__dict__")
    assert record.number == 1


def test_what_it_requires_can_be_asked():
    assert str(inspect.signature(Record)) == (
        "(number: int, names: tuple[str, ...] = (), note: str = '', "
        "found: dict[str, int] = <class 'dict'>)"
    )


def test_methods_of_its_own_are_kept():
    own = frozen(type("Own", (), {"__annotations__": {"a": "int"}, "__repr__": lambda _: "own"}))
    assert repr(own(1)) == "own"
