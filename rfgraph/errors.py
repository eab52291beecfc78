"""The errors that reach a user, each one line, and the escaping of names that come from a file."""

from __future__ import annotations

import unicodedata

MAX_LINE = 300
MAX_NAME = 80
MAX_PATH = 120

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
