"""The arithmetic of dimensions: names in the file such as "2*s1" or "floor((s1 - 1)/2) + 1".

Numbers, names, + - * / // % **, brackets and the functions that exporters write are read, by
Python's own parser, into postfix order; values are exact fractions.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


MAX_TEXT = 256
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
_OPERATORS: dict[type[ast.operator], Operation] = {
    ast.Add: Operation(2, operator.add),
    ast.Sub: Operation(2, operator.sub),
    ast.Mult: Operation(2, operator.mul),
    ast.Div: Operation(2, operator.truediv),
    ast.FloorDiv: Operation(2, operator.floordiv),
    ast.Mod: Operation(2, operator.mod),
    ast.Pow: Operation(2, _power),
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
        (number,) = stack
        return int(number) if number.denominator == 1 and number > 0 else None


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
    # Python reads the signs alone: what it would call a name or a number is not what it is here.
    signs = [f"_{k}" if _is_operand(token) else token for k, token in enumerate(tokens)]
    try:
        tree = ast.parse(" ".join(map(str, signs)), mode="eval")
        return Expression(text, tuple(_in_postfix_order(tree.body, tokens)))
    except SyntaxError:
        return None


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


def _is_operand(token: int | str) -> bool:
    return isinstance(token, int) or token[0].isalpha() or token[0] == "_"


def _in_postfix_order(tree: ast.expr, tokens: Sequence[int | str]) -> Iterator[Token]:
    """Yield what is read; SyntaxError for a form that is no arithmetic, or no known function."""
    match tree:
        case ast.Name(name):
            yield tokens[int(name[1:])]
        case ast.UnaryOp(ast.USub(), operand):
            yield from _in_postfix_order(operand, tokens)
            yield _NEGATION
        case ast.BinOp(left, sign, right):
            yield from _in_postfix_order(left, tokens)
            yield from _in_postfix_order(right, tokens)
            yield _OPERATORS[type(sign)]
        case ast.Call(ast.Name(name), arguments, []):
            function = _FUNCTIONS.get(str(tokens[int(name[1:])]).lower())
            if function is None or not _takes(function, len(arguments)):
                raise SyntaxError
            for count, argument in enumerate(arguments, 1):
                yield from _in_postfix_order(argument, tokens)
                if count >= function.arity:
                    yield function
        case _:
            raise SyntaxError


def _takes(function: Operation, count: int) -> bool:
    """Whether a function takes so many values; those that join two take any number."""
    return count == function.arity or (count > 2 and function.apply in (max, min))
