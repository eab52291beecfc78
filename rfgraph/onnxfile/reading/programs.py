"""Models in other libraries' objects, known by what they have: nothing is imported for them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import onnx

from rfgraph.errors import ModelError
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable


def proto_of(source: object) -> onnx.ModelProto | None:
    """Return the model that a program or an onnx_ir.Model holds, None for any other object.

    ModelError where the library that it comes from fails to give it.
    """
    try:
        serialize = _serializer(source)
        proto = getattr(source, "model_proto", None) if serialize is None else serialize(source)
    except Exception as error:  # a stranger's object raises whatever it likes
        reason = printable(" ".join(f"{type(error).__name__}: {error}".split()), 160)
        raise ModelError(f"the object gives no model ({reason})") from None
    return proto if isinstance(proto, onnx.ModelProto) else None


def _serializer(source: object) -> Callable[[object], object] | None:
    """Return the `to_proto` that lies beside a class named Model."""
    for kind in type(source).__mro__:
        if kind.__name__ == "Model":
            serialize = getattr(sys.modules.get(kind.__module__), "to_proto", None)
            if callable(serialize):
                return serialize  # type: ignore[no-any-return]
    return None
