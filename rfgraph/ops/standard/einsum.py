"""Einsum: products summed over the letters that the result does not name."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rfgraph.ops.chain import Chain
from rfgraph.ops.masked_scores import summed_steps, taken_steps, zero_elements
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import how_of_sum, matrix_kernel
from rfgraph.relations.axis_rules import Shape, Shift
from rfgraph.relations.how import SUM, How, Kernel
from rfgraph.relations.steps import Permute, Pointwise, Select
from rfgraph.wording.names import quote

MAX_EINSUM_RANK = 1 << 10

# A letter, or the number of an axis that the ellipsis stands for, counted from its end.
Letter = str | int


@dataclass(frozen=True, slots=True)
class _Equation:
    """The letters of each operand and of the result, the ellipsis spelt out."""

    operands: tuple[tuple[Letter, ...], ...]
    result: tuple[Letter, ...]


@rule("Einsum")
def einsum(node: OpNode) -> Outcome:
    """An output reads, of each operand, its own index of the letters it has and all of the others.

    Of a letter that occurs twice in an operand only the diagonal is read. With stored masks (option
    --masks) elements of one of two operands that these make zero are left out, and what they are
    multiplied with, where the operands share one letter that is summed over.

    Exact. All versions.
    """
    shapes = [node.shape(slot) for slot in node.data_inputs()]
    equation = _parse_equation(node.str("equation", ""), shapes)
    lengths = _letter_lengths(equation, shapes)
    out = tuple(lengths[letter] for letter in equation.result)
    for number, slot in enumerate(node.data_inputs() if len(shapes) == 2 else ()):
        zero = zero_elements(node.value(slot))
        pattern = None if zero is None else _attention(equation, lengths, shapes, number)
        if zero is not None and pattern is not None:
            return Outcome((out,), _masked_links(node, pattern, ~zero, out))
    links = []
    for slot, letters, shape in zip(node.data_inputs(), equation.operands, shapes, strict=True):
        chain, left = _diagonals(Chain(shape), list(letters))
        summed = [axis for axis, letter in enumerate(left) if letter not in equation.result]
        chain.reduce(summed, weighted=len(shapes) > 1)
        order = [left.index(letter) for letter in equation.result if letter in left]
        chain.add(*_permute_steps([*summed, *order]))
        spread = tuple(
            chain.shape[len(summed) + order.index(left.index(letter))] if letter in left else 1
            for letter in equation.result
        )
        if chain.shape != spread:
            chain.reshape(spread)
        links.append(chain.broadcast(out).link(slot, how=_how(node, slot, equation)))
    return Outcome((out,), tuple(links))


def _how(node: OpNode, slot: int, equation: _Equation | None = None) -> How:
    """Return how an operand enters: alone as a sum, else by whether the others are constant."""
    others = [other for other in node.data_inputs() if other != slot]
    if not others:
        return SUM
    kernel = None if equation is None or len(others) > 1 else _kernel(node, equation, slot)
    return how_of_sum(all(node.value(other).constant for other in others), kernel)


def _kernel(node: OpNode, equation: _Equation, slot: int) -> Kernel | None:
    """Return how the other of two operands lies if it is a matrix that multiplies one letter."""
    number = node.data_inputs().index(slot)
    read, weight, result = equation.operands[number], equation.operands[1 - number], equation.result
    summed = [letter for letter in read if letter not in result]
    made = [letter for letter in result if letter not in read]
    if len(summed) != 1 or len(made) != 1 or len(weight) != 2 or set(weight) != {*summed, *made}:
        return None
    reads, gives = read.index(summed[0]), result.index(made[0])
    rest = [letter for letter in read if letter != summed[0]]
    if rest != [letter for letter in result if letter != made[0]] or len({*rest}) < len(rest):
        return None
    other = node.data_inputs()[1 - number]
    if node.shape(slot)[reads] != node.shape(other)[weight.index(summed[0])]:
        return None
    return matrix_kernel(other, node.shape(other), reads, gives, weight[0] == summed[0])


def _letter_lengths(equation: _Equation, shapes: list[Shape]) -> dict[Letter, int]:
    """Return the length of each letter's axes, of which those of length 1 broadcast."""
    lengths: dict[Letter, int] = {}
    for letters, shape in zip(equation.operands, shapes, strict=True):
        for letter, length in zip(letters, shape, strict=True):
            known = lengths.setdefault(letter, length)
            if 1 not in (known, length) and known != length:
                raise RuleError(
                    f"{_letter_text(letter)} requires one length, found {known} and {length}"
                )
            lengths[letter] = length if known == 1 else known
    return lengths


@dataclass(frozen=True, slots=True)
class _Attention:
    """A product as of weights (batch, rows, keys) and values (batch, keys, columns), in letters.

    `operands` are the letters of weights and values, with the number of each among the inputs.
    """

    batch: list[Letter]
    row: Letter
    key: Letter
    columns: list[Letter]
    operands: tuple[tuple[int, tuple[Letter, ...]], tuple[int, tuple[Letter, ...]]]
    result: tuple[Letter, ...]


def _attention(
    equation: _Equation, lengths: dict[Letter, int], shapes: list[Shape], number: int
) -> _Attention | None:
    """Return the product whose operand `number` holds the weights, None if it is of other form."""
    weights, values = equation.operands[number], equation.operands[1 - number]
    result = equation.result
    for letters, shape in zip(equation.operands, shapes, strict=True):
        if len(set(letters)) < len(letters) or shape != tuple(lengths[x] for x in letters):
            return None
    keys = [letter for letter in weights if letter not in result]
    rows = [letter for letter in weights if letter in result and letter not in values]
    batch = [letter for letter in weights if letter in result and letter in values]
    columns = [letter for letter in values if letter not in weights]
    fits = len(keys) == len(rows) == 1 and keys[0] in values and set(columns) <= set(result)
    if not fits:
        return None
    operands = ((number, weights), (1 - number, values))
    return _Attention(batch, rows[0], keys[0], columns, operands, result)


def _masked_links(node: OpNode, found: _Attention, kept: Array, out: Shape) -> tuple[Link, Link]:
    """Return the links of weights that are zero but where `kept`, and of values."""
    (own, weights), (other, values) = found.operands
    slots = node.data_inputs()
    kept = kept.reshape((1,) * (len(weights) - kept.ndim) + kept.shape)
    order = [weights.index(letter) for letter in (*found.batch, found.row, found.key)]
    kept = kept.transpose(order)
    left = Chain(node.shape(slots[own])).permute(*tuple(order))
    left.add(*summed_steps(kept, left.shape, len(order) - 1, weighted=True))
    left.regroup((*left.shape[:-1], *(1,) * len(found.columns)))
    ordered = [values.index(letter) for letter in (*found.batch, found.key, *found.columns)]
    right = Chain(node.shape(slots[other])).permute(*tuple(ordered))
    columns = right.shape[len(found.batch) + 1 :]
    right.regroup((*right.shape[: len(found.batch) + 1], math.prod(columns)))
    right.add(*taken_steps(kept, right.shape))
    right.regroup((*right.shape[:-1], *columns))
    reached = [*found.batch, found.row, *found.columns]
    back = Permute(tuple(reached.index(letter) for letter in found.result))
    first, second = (chain.add(back, Pointwise(out)) for chain in (left, right))
    first_slot, second_slot = slots[own], slots[other]
    return (
        first.link(first_slot, how=_how(node, first_slot)),
        second.link(second_slot, how=_how(node, second_slot)),
    )


def _permute_steps(perm: list[int]) -> tuple[Permute, ...]:
    return () if perm == sorted(perm) else (Permute(tuple(perm)),)


def _letter_text(letter: Letter) -> str:
    return f"letter {quote(letter)}" if isinstance(letter, str) else "the ellipsis"


def _diagonals(chain: Chain, letters: list[Letter]) -> tuple[Chain, list[Letter]]:
    """Read the diagonal of every letter that occurs more than once."""
    for letter in dict.fromkeys(letters):
        count = letters.count(letter)
        if count == 1:
            continue
        own = [axis for axis, other in enumerate(letters) if other == letter]
        rest = [axis for axis in range(len(letters)) if axis not in own]
        length = chain.shape[own[0]]
        if any(chain.shape[axis] != length for axis in own):
            raise RuleError(f"{_letter_text(letter)} requires one length within an operand")
        chain.add(*_permute_steps([*own, *rest]))
        total = math.prod(chain.shape[:count])
        chain.regroup((total, *chain.shape[count:]))
        step = sum(length**power for power in range(count))
        chain.add(Select(((0, Shift(0, step, total, length)),)))
        letters = [letter, *(letters[axis] for axis in rest)]
    return chain, letters


def _parse_equation(text: str, shapes: list[Shape]) -> _Equation:
    left, arrow, right = text.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise RuleError(f"equation {quote(text)} requires {len(terms)} inputs, found {len(shapes)}")
    if max(map(len, shapes), default=0) > MAX_EINSUM_RANK:
        raise RuleError(f"requires inputs of rank {MAX_EINSUM_RANK} at most")
    operands = tuple(_letters(term, len(shape)) for term, shape in zip(terms, shapes, strict=True))
    used = [letter for letters in operands for letter in letters]
    dots = max((-letter for letter in used if isinstance(letter, int)), default=0)
    if not arrow:
        once = sorted({x for x in used if isinstance(x, str) and used.count(x) == 1})
        return _Equation(operands, (*range(-dots, 0), *once))
    result = _letters(right, len(right.replace("...", "")) + ("..." in right) * dots)
    if dots and "..." not in right:
        raise RuleError(f"equation {quote(text)} requires an ellipsis in its result")
    if len(set(result)) != len(result) or not set(result) <= set(used):
        raise RuleError(f"equation {quote(text)} requires a result of different, known letters")
    return _Equation(operands, result)


def _letters(term: str, rank: int) -> tuple[Letter, ...]:
    head, dots, tail = term.partition("...")
    plain = head + tail
    if not all(letter.isascii() and letter.isalpha() for letter in plain):
        raise RuleError(f"an equation requires letters, found {quote(term)}")
    hidden = rank - len(plain)
    if hidden < 0 or (hidden and not dots):
        raise RuleError(f"term {quote(term)} of an equation does not fit a tensor of rank {rank}")
    return (*head, *range(-hidden, 0), *tail)
