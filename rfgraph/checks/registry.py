"""The findings that there are: each is a module `rfNNN` of this package, found by being there."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import rfgraph.checks

if TYPE_CHECKING:
    from types import ModuleType


Severity: TypeAlias = Literal["note", "warning", "error"]

SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")

# What is asked where nothing is selected. Scripts rely on it, so no new finding joins it by itself.
DEFAULT = ("RF001",)

_MODULE = re.compile(r"rf\d{3}")


class Check(NamedTuple):
    """What a finding is called and how bad it is; the docstring of its module explains it.

    `needs` is the setting without which it cannot be asked: one that is given selects it, "all"
    does not.
    """

    code: str
    severity: Severity
    title: str
    needs: str | None = None


def all_codes() -> tuple[str, ...]:
    """Return every code, by number, from the names of the modules: none of them is imported."""
    names = (info.name for info in iter_modules(rfgraph.checks.__path__))
    return tuple(sorted(name.upper() for name in names if _MODULE.fullmatch(name)))


def check_of(code: str) -> Check:
    """Return what the module of a code declares."""
    check: Check = module_of(code).CHECK
    return check


def codes_that_need(setting: str) -> tuple[str, ...]:
    """Return the codes that cannot be asked without a setting."""
    return tuple(code for code in all_codes() if check_of(code).needs == setting)


def explanation(code: str) -> str:
    """Return what a finding means and how to mend it: the docstring of its module."""
    return inspect.getdoc(module_of(code)) or ""


def module_of(code: str) -> ModuleType:
    """Return the module of a code: its `CHECK`, and `findings(subject)`, which yields them."""
    return import_module(f"rfgraph.checks.{code.lower()}")
