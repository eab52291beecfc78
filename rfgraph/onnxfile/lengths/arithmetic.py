"""The arithmetic of dimensions: names in the file such as "2*s1" or "floor((s1 - 1)/2) + 1".

A small grammar of its own is read (numbers, names, + - * / // % **, brackets and the functions that
exporters write), into postfix order; values are exact fractions.
"""

from __future__ import annotations

import math
import operator
import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


MAX_TEXT = 256
MAX_NESTING = 32
# Of a number on the way to a value, and of what a number may be raised to.
MAX_BITS = 256
MAX_EXPONENT = 8


class Operation(NamedTuple):
    """An operator or a function: how many values it takes, and what it makes of them."""

    arity: int
    apply: Callable[..., Fraction | float]


Token: TypeAlias = "int | str | Operation"


def _power(base: Fraction, exponent: Fraction) -> Fraction | float:
    return base**exponent if exponent in range(MAX_EXPONENT + 1) else math.nan


_TOKENS = re.compile(r"\s*(?:(\d+(?![\w.]))|([^\W\d][\w.]*)|(\*\*|//|[-+*/%(),]))", re.ASCII)
_NEGATION = Operation(1, operator.neg)
_ABOVE_NEGATION = 4
_OPERATORS: dict[str, tuple[int, Operation]] = {
    "+": (1, Operation(2, operator.add)),
    "-": (1, Operation(2, operator.sub)),
    "*": (2, Operation(2, operator.mul)),
    "/": (2, Operation(2, operator.truediv)),
    "//": (2, Operation(2, operator.floordiv)),
    "%": (2, Operation(2, operator.mod)),
    "**": (_ABOVE_NEGATION, Operation(2, _power)),
}
_FUNCTIONS = {
    "floor": Operation(1, math.floor),
    "ceil": Operation(1, math.ceil),
    "ceiling": Operation(1, math.ceil),
    "abs": Operation(1, abs),
    "trunctoint": Operation(1, math.trunc),
    "max": Operation(2, max),
    "min": Operation(2, min),
    "mod": Operation(2, operator.mod),
    "pythonmod": Operation(2, operator.mod),
    "floordiv": Operation(2, operator.floordiv),
    "ceildiv": Operation(2, lambda a, b: -(-a // b)),
    "cleandiv": Operation(2, operator.truediv),
    "inttruediv": Operation(2, operator.truediv),
}


class Expression(NamedTuple):
    """What a dimension's name says as arithmetic, in postfix order; a name alone is one, too."""

    text: str
    postfix: tuple[Token, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names in it, each once."""
        return tuple(dict.fromkeys(item for item in self.postfix if isinstance(item, str)))

    @property
    def has_number(self) -> bool:
        """Whether a number is part of it: "batch-size" may be a mere name, "size-1" is not."""
        return any(isinstance(item, int) for item in self.postfix)

    def value(self, lengths: Mapping[str, int]) -> int | None:
        """Return its value for the lengths of its symbols; None if that is no positive integer."""
        stack: list[Fraction] = []
        for item in self.postfix:
            if isinstance(item, Operation):
                operands = stack[-item.arity :]
                del stack[-item.arity :]
                made = _apply(item, operands)
            else:
                made = Fraction(lengths[item] if isinstance(item, str) else item)
            if made is None:
                return None
            stack.append(made)
        (found,) = stack
        return int(found) if found.denominator == 1 and found > 0 else None


def _apply(operation: Operation, operands: list[Fraction]) -> Fraction | None:
    try:
        made = Fraction(operation.apply(*operands))
    except (ZeroDivisionError, ValueError):
        return None
    return made if (made.numerator * made.denominator).bit_length() <= MAX_BITS else None


def parse_expression(text: str) -> Expression | None:
    """Return what a dimension's name says as arithmetic; None where it is no expression."""
    tokens = _tokens(text)
    if tokens is None:
        return None
    reader = _Reader(tokens)
    whole = reader.expression(0, MAX_NESTING) and reader.peek() is None
    return Expression(text, tuple(reader.made)) if whole else None


def _tokens(text: str) -> list[int | str] | None:
    """Return numbers as such, names and signs as text; None where something else stands."""
    tokens: list[int | str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None or len(text) > MAX_TEXT:
            return None
        tokens.append(int(match[1]) if match[1] else match[2] or match[3])
        at = match.end()
    return tokens


class _Reader:
    """Reads tokens by precedence; each method says whether what it asks for stands there."""

    def __init__(self, tokens: list[int | str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.made: list[Token] = []

    def peek(self) -> int | str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def took(self, token: str) -> bool:
        fits = self.peek() == token
        self.at += fits
        return fits

    def expression(self, least: int, depth: int) -> bool:
        """Read operands joined by operators of at least this precedence."""
        if not depth or not self.operand(depth - 1):
            return False
        while True:
            found = _OPERATORS.get(str(self.peek()))
            if found is None or found[0] < least:
                return True
            precedence, operation = found
            self.at += 1
            right = precedence + (precedence < _ABOVE_NEGATION)
            if not self.expression(right, depth - 1):
                return False
            self.made.append(operation)

    def operand(self, depth: int) -> bool:
        """Read a number, a name, a call, a sign before an operand, or brackets."""
        if self.took("-"):
            read = self.expression(_ABOVE_NEGATION, depth)
            self.made.append(_NEGATION)
            return read
        if self.took("("):
            return self.expression(0, depth) and self.took(")")
        token = self.peek()
        if token is None or (isinstance(token, str) and not _is_name(token)):
            return False
        self.at += 1
        function = _FUNCTIONS.get(token.lower()) if isinstance(token, str) else None
        if function is not None and self.took("("):
            return self.call(function, depth)
        self.made.append(token)
        return True

    def call(self, function: Operation, depth: int) -> bool:
        """Read the arguments of a function; those that join two values take any number."""
        count = 0
        while self.expression(0, depth):
            count += 1
            if count >= function.arity:
                self.made.append(function)
            if self.took(")"):
                return count == function.arity or (count > 2 and function.apply in (max, min))
            if not self.took(","):
                return False
        return False


def _is_name(token: str) -> bool:
    return token[0].isalpha() or token[0] == "_"
