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
