"""The arithmetic of dimensions, against Python's own on fractions."""

import math
import random
from fractions import Fraction

import pytest

from rfgraph.onnxfile.lengths.arithmetic import MAX_TEXT, parse_expression

VALUES = {"s0": 3, "s1": 17, "batch.size": 5, "_n": 1}

BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: Fraction(math.floor(a / b)),
    "%": lambda a, b: a - b * math.floor(a / b),
}
FUNCTIONS = {
    "floor": lambda a: Fraction(math.floor(a)),
    "ceiling": lambda a: -Fraction(math.floor(-a)),
    "Max": lambda a, b: b if a < b else a,
    "Min": lambda a, b: a if a < b else b,
    "FloorDiv": BINARY["//"],
    "CeilDiv": lambda a, b: Fraction(-math.floor(-a / b)),
    "Mod": BINARY["%"],
}


def expression(pick, depth):
    """Return a random expression in brackets throughout, and its value (None: it has none)."""
    kind = pick.random()
    if depth == 0 or kind < 0.2:
        name = pick.choice([*VALUES, None])
        number = pick.randint(0, 9)
        return (str(number), Fraction(number)) if name is None else (name, Fraction(VALUES[name]))
    if kind < 0.3:
        text, value = expression(pick, depth - 1)
        return f"(-{text})", None if value is None else -value
    if kind < 0.6:
        name = pick.choice(list(FUNCTIONS))
        count = FUNCTIONS[name].__code__.co_argcount
        parts = [expression(pick, depth - 1) for _ in range(count)]
        return f"{name}({', '.join(text for text, _ in parts)})", made(FUNCTIONS[name], parts)
    sign = pick.choice(list(BINARY))
    parts = [expression(pick, depth - 1) for _ in range(2)]
    return f"({parts[0][0]}{pick.choice([' ', ''])}{sign} {parts[1][0]})", made(BINARY[sign], parts)


def made(function, parts):
    values = [value for _, value in parts]
    try:
        return None if None in values else function(*values)
    except ZeroDivisionError:
        return None


def positive(value):
    return int(value) if value is not None and value > 0 and value.denominator == 1 else None


def test_values_are_those_of_fractions():
    pick = random.Random(7)
    whole = 0
    for _ in range(2000):
        text, value = expression(pick, pick.randint(1, 3))
        if len(text) <= MAX_TEXT:
            assert parse_expression(text).value(VALUES) == positive(value), text
            whole += positive(value) is not None
    assert whole > 200


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2*s1", 34),
        ("floor((s1 - 1)/2) + 1", 9),
        ("floor(s1/2 - 1/2) + 1", 9),
        ("(s1 + 1)//2", 9),
        ("20 - s0 - 2", 15),
        ("24/s0/2", 4),
        ("-s0 + s1", 14),
        ("- -s0", 3),
        ("2*-s0 + 7", 1),
        ("-s0**2 + 10", 1),
        ("2**s0**2", None),
        ("s0**2*2", 18),
        ("s0**(1/2)", None),
        ("max(1, s0, 7)", 7),
        ("Abs(s0 - s1)", 14),
        ("TruncToInt(s1/s0)", 5),
        ("s1 - 17", None),
        ("s1/2", None),
        ("s1/(s0 - 3)", None),
        ("floor", 4),
        ("(" * 100 + "s0" + ")" * 100, 3),
        ("-" * 250 + "s0", 3),
    ],
)
def test_expressions_as_exporters_write_them(text, value):
    assert parse_expression(text).value({**VALUES, "floor": 4}) == value


def test_symbols_and_numbers():
    assert parse_expression("s1 + 2*s0 - s1").symbols == ("s1", "s0")
    assert parse_expression("batch-size").symbols == ("batch", "size")
    assert not parse_expression("batch-size").has_number
    assert parse_expression("size-1").has_number


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "2d", "a b", "a +", "* a", "(a", "a)", "f(a)", "floor()", "floor(1, 2)", "mod(1)",
        "max(1", "max(1;2)", "a..", "a=1", "a[0]", "2.5*a", "1e5", "a!", "\u00e9+1", "+a", "()",
        "a" * (MAX_TEXT + 1), "-" * MAX_TEXT + "a", "__import__('os')", "max(*a, 1)",
        "max(**a)", "1(a)", "(" * 220 + "a", "(a, 1)",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_a_mere_name(text):
    found = parse_expression(text)
    assert found is None or found.postfix == (text,)


def test_numbers_on_the_way_are_bounded():
    assert parse_expression("**".join(["s1", "8"]) + "//s1**7").value(VALUES) == 17
    assert parse_expression("(((s1**8)**8)**8)**8").value(VALUES) is None
    assert parse_expression("s1**99").value(VALUES) is None
