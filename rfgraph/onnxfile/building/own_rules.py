"""A caller's own rules, so guarded that whatever is wrong in one is said of the node it is for."""

from __future__ import annotations

import math
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.arguments import describe, integer, integers, sequence, text
from rfgraph.domains.effective.activations import counts_of
from rfgraph.errors import RfgraphError, UsageError
from rfgraph.onnxfile.building.own_steps import check_steps
from rfgraph.ops.node import Link, OpNode, Outcome
from rfgraph.ops.registry import normal_domain
from rfgraph.relations.how import LEAST, PARAMETERS, How
from rfgraph.relations.relation import Relation
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rfgraph.ops.registry import Rule
    from rfgraph.relations.axis_rules import Shape


def own_rules(rules: Mapping[Any, Any]) -> dict[tuple[str, str], Rule]:
    """Return the rules by normal domain and operator; UsageError for what is none."""
    checked: dict[tuple[str, str], Rule] = {}
    for key, rule in rules.items():
        if not (isinstance(key, tuple) and len(key) == 2 and all(isinstance(k, str) for k in key)):
            raise UsageError(
                "rules requires pairs of domain and operator as keys, as ('my.domain', 'MyOp'), "
                f"found {describe(key)}"
            )
        domain, op_type = key
        if not callable(rule):
            raise UsageError(
                f"the rule for {printable(repr(key))} requires a function, found {describe(rule)}"
            )
        checked[normal_domain(domain), op_type] = partial(_run_guarded, rule)
    return checked


def _run_guarded(rule: Callable[[OpNode], object], node: OpNode) -> Outcome:
    try:
        outcome = rule(node)
    except (RfgraphError, MemoryError):
        raise
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"its own rule raised {printable(text, 120)}") from error
    try:
        return _check(node, outcome)
    except UsageError as error:
        raise UsageError(f"what its own rule returned: {error}") from None


def _check(node: OpNode, outcome: object) -> Outcome:
    """Return the outcome in tuples of Python integers; UsageError where it does not fit."""
    if not isinstance(outcome, Outcome):
        raise UsageError(f"requires an Outcome, found {describe(outcome)}")
    shapes = tuple(
        None if shape is None else _shape(f"shape {number}", shape)
        for number, shape in enumerate(sequence("shapes", outcome.shapes))
    )
    if len(shapes) != node.n_outputs:
        raise UsageError(
            f"requires a shape, or None, for each of {node.n_outputs} outputs, found {len(shapes)}"
        )
    links = tuple(
        _link(f"link {number}", link, node, shapes)
        for number, link in enumerate(sequence("links", outcome.links))
    )
    return Outcome(shapes, links, _values(outcome.values, shapes))


def _shape(what: str, shape: object) -> Shape:
    lengths = integers(what, shape)
    if any(length < 0 for length in lengths):
        raise UsageError(f"{what} requires lengths from 0, found {list(lengths)}")
    return lengths


def _values(values: object, shapes: Sequence[Shape | None]) -> tuple[Any, ...]:
    arrays = tuple(sequence("values", values))
    if len(arrays) > len(shapes):
        raise UsageError(f"values requires at most {len(shapes)} arrays, found {len(arrays)}")
    for number, (value, shape) in enumerate(zip(arrays, shapes, strict=False)):
        if value is not None and not isinstance(value, np.ndarray):
            raise UsageError(f"value {number} requires an array or None, found {describe(value)}")
        if value is not None and shape not in (None, value.shape):
            raise UsageError(
                f"value {number} requires shape {list(shape or ())}, found {list(value.shape)}"
            )
    return arrays


def _link(what: str, link: object, node: OpNode, shapes: Sequence[Shape | None]) -> Link:
    """Return a link whose steps lead from the shape of its input to that of its output."""
    if not isinstance(link, Link):
        raise UsageError(f"{what} requires a Link, found {describe(link)}")
    source, output = (
        integer(f"{what}, input,", link.input),
        integer(f"{what}, output,", link.output),
    )
    if source not in node.data_inputs():
        raise UsageError(f"{what} requires an input of {node.data_inputs()}, found {source}")
    if not 0 <= output < len(shapes):
        raise UsageError(f"{what} requires an output of {list(range(len(shapes)))}, found {output}")
    steps = tuple(sequence(f"{what}, steps,", link.steps))
    spatial = integers(f"{what}, spatial,", link.spatial)
    made = Link(source, steps, output, spatial, _checked_how(what, link.how))
    before, after = node.value(source).shape, shapes[output]
    if before is None or after is None:
        return made
    check_steps(what, before, steps)
    if any(not 0 <= axis < len(before) for axis in made.spatial):
        raise UsageError(
            f"{what}, spatial, requires axes of shape {list(before)}, found {list(made.spatial)}"
        )
    reached = Relation(before, steps).out_shape
    if reached != after:
        raise UsageError(
            f"{what} requires steps that end in shape {list(after)} of output {output}, "
            f"found {list(reached)}"
        )
    return made


def _checked_how(what: str, how: object) -> How | None:
    """Return how a link enters, with its parameters in floats."""
    if how is None:
        return None
    words = sorted(("activation", *PARAMETERS))
    if not isinstance(how, How) or how.word not in words:
        raise UsageError(f"{what}, how, requires a How of {', '.join(words)}, found {_show(how)}")
    values = sequence(f"{what}, how, values,", how.values)
    counts = _counts(how.word, text(f"{what}, how, name,", how.name), len(values))
    if not counts:
        names = " or ".join(map(repr, PARAMETERS.get(how.word, ("an operator's",))))
        required = f"requires for {how.word} the name {names}"
        raise UsageError(f"{what}, how, {required}, found {_show(how)}")
    if len(values) not in counts or not all(_is_number(how.word, value) for value in values):
        bound = f", from {LEAST[how.word]} on" if how.word in LEAST else ""
        required = f"requires for {how.word} {' or '.join(map(str, counts))} numbers{bound}"
        raise UsageError(f"{what}, how, {required}, found {_show(how)}")
    return how._replace(values=tuple(map(float, values)))


def _counts(word: str, name: str, count: int) -> Sequence[int]:
    """Return how many parameters there may be, none for a wrong name; of `count` if any may."""
    if word != "activation":
        return PARAMETERS[word].get(name, ())
    counts = counts_of(name)
    if counts is None:
        return (count,) if name else ()
    return counts


def _is_number(word: str, value: object) -> bool:
    """Whether a parameter is finite, or a bound of an activation, and not below the least."""
    if not isinstance(value, Real):
        return False
    try:
        number = float(value)
    except OverflowError:
        return False
    if word == "activation":
        return not math.isnan(number)
    return math.isfinite(number) and number >= LEAST.get(word, number)


def _show(how: object) -> str:
    return printable(repr(how)) if isinstance(how, How) else describe(how)
