"""The errors that reach a user, each one line."""

from __future__ import annotations


class RfgraphError(Exception):
    """Whatever keeps rfgraph from answering; its text is one line for a person."""


class ModelError(RfgraphError):
    """The file is unreadable, or what it holds is not a valid model."""


class UsageError(RfgraphError):
    """The question cannot be asked: unknown name, bad index, bad option, bad configuration."""


class BoundError(RfgraphError):
    """Answering would exceed a stated bound; the message names the bound."""


def message_of(error: Exception) -> str:
    """Return what any error says to a user."""
    if isinstance(error, RfgraphError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return f"internal error: {type(error).__name__}: {error}, please report it"
