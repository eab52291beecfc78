"""Sequences of tensors, followed element by element where their positions are constants."""

from __future__ import annotations

from rfgraph.onnxfile.control import Handler

HANDLERS: dict[str, Handler] = {}
