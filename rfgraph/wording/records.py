"""Records as JSON has them."""

from __future__ import annotations

import math
from dataclasses import fields
from fractions import Fraction
from typing import Any

from rfgraph.wording.numbers import rational


class Record:
    """A dataclass whose fields, in their order, are its entry of the JSON report."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the entry of the JSON report."""
        return entry_of(self)


def entry_of(record: Any, *keys: str) -> dict[str, Any]:
    """Return the fields of a dataclass by name, or what it has of these names."""
    names = keys or [item.name for item in fields(record)]
    return {name: plain(getattr(record, name)) for name in names}


def plain(value: Any) -> Any:
    """Return a value as JSON has it, which has no number for an infinite one."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Fraction):
        return rational(value)
    if isinstance(value, float) and math.isinf(value):
        return None
    return value.to_dict() if hasattr(value, "to_dict") else value
