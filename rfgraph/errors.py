"""The errors that reach a user, each one line, and the escaping of names that come from a file."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

MAX_LINE = 300
MAX_NAME = 80
MAX_PATH = 120

P = ParamSpec("P")
R = TypeVar("R")

_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class RfgraphError(Exception):
    """Whatever keeps rfgraph from answering; its text is one line for a person."""


class ModelError(RfgraphError):
    """The file is unreadable, or what it holds is not a valid model."""


class UsageError(RfgraphError):
    """The question cannot be asked: unknown name, bad index, bad option, bad configuration."""


class BoundError(RfgraphError):
    """Answering would exceed a stated bound; the message names the bound."""


def printable(text: str, limit: int = MAX_NAME) -> str:
    """Return `text` on one line with nothing that can act on a terminal, clipped to `limit`.

    Control, format (bidi), surrogate, private and unassigned characters become escapes.
    """
    clipped = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(_escape(char) for char in clipped)


def shown_path(path: str, limit: int = MAX_PATH) -> str:
    """Return a path as by `printable`; of a long one the end, which names the file."""
    return printable(path if len(path) <= limit else "…" + path[1 - limit :], limit)


def _escape(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if unicodedata.category(char) not in _UNPRINTABLE:
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted(name: str) -> str:
    """Return `name` escaped and between single quotes, for an error message."""
    return f"'{printable(name)}'"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, None if none is much like it."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def keywords_named(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function whose TypeError for an unknown keyword names the nearest that it takes."""
    import inspect

    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*arguments: P.args, **keywords: P.kwargs) -> R:
        for name in keywords.keys() - set(known):
            near = nearest(name, known)
            hint = f"Did you mean {near!r}?" if near else f"Known are {', '.join(known[1:])}."
            what = f"{function.__name__}() got an unexpected keyword argument {name!r}"
            raise TypeError(f"{what}. {hint}")
        return function(*arguments, **keywords)

    return checked
