"""The registry of operator rules: a rule is one function from a node to what its outputs read."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.ops.index import OPERATORS
from rfgraph.ops.node import OpNode, Outcome

if TYPE_CHECKING:
    from rfgraph.relations.how import How

Rule: TypeAlias = Callable[[OpNode], Outcome]


class RuleEntry(NamedTuple):
    """A rule with the operator it speaks for.

    `ignored` names the attributes that cannot change what an output reads.
    """

    domain: str
    op_type: str
    function: Rule
    ignored: frozenset[str]

    @property
    def doc(self) -> str:
        """The rule's docstring, which is its user documentation."""
        return inspect.getdoc(self.function) or ""


_RULES: dict[tuple[str, str], RuleEntry] = {}
# The module of each operator's rule, imported when a model has the operator.
_HOMES = {
    (domain, op_type): module
    for module, domains in OPERATORS.items()
    for domain, op_types in domains.items()
    for op_type in op_types.split()
}


def rule(
    op_types: str, domain: str = "", ignores: str = "", how: How | None = None
) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of the operators of `domain` that are named.

    `op_types` and the attributes that it `ignores` are words; `how` is that of every link that does
    not say its own.
    """

    def register(plain: Rule) -> Rule:
        function = plain if how is None else _with_how(plain, how)
        ignored = frozenset(ignores.split())
        for op_type in op_types.split():
            key = (domain, op_type)
            if key in _RULES:
                raise ValueError(f"operator {domain}.{op_type} has a rule already")
            _RULES[key] = RuleEntry(domain, op_type, function, ignored)
        return plain

    return register


def _with_how(function: Rule, how: How) -> Rule:
    @functools.wraps(function)
    def wrapper(node: OpNode) -> Outcome:
        outcome = function(node)
        links = (link if link.how else replace(link, how=how) for link in outcome.links)
        return replace(outcome, links=tuple(links))

    return wrapper


def find_rule(domain: str, op_type: str) -> RuleEntry | None:
    """Return the rule of an operator, or None; "ai.onnx" is the empty domain."""
    key = (normal_domain(domain), op_type)
    if key not in _RULES and key in _HOMES:
        importlib.import_module(f"rfgraph.ops.{_HOMES[key]}")
    return _RULES.get(key)


def all_rules() -> Mapping[tuple[str, str], RuleEntry]:
    """Return every registered rule by (domain, operator)."""
    for module in OPERATORS:
        importlib.import_module(f"rfgraph.ops.{module}")
    return dict(_RULES)


def normal_domain(domain: str) -> str:
    """Return the domain with the default one spelt as the empty string."""
    return "" if domain == "ai.onnx" else domain
