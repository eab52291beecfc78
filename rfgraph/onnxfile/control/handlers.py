"""What follows a node with a body, or of sequences: imported when a model has one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rfgraph.onnxfile.building.call import Handler


_OPERATORS = {
    "branches": "If",
    "loops": "Loop Scan",
    "sequences": """SequenceConstruct SequenceEmpty SequenceAt SequenceInsert SequenceErase
    SequenceLength SplitToSequence ConcatFromSequence SequenceMap Identity Optional
    OptionalGetElement""",
}
HOMES = {op_type: home for home, op_types in _OPERATORS.items() for op_type in op_types.split()}


def find_handler(domain: str, op_type: str) -> Handler | None:
    """Return what adds an operator to the graph in place of a rule, None for most."""
    if domain not in ("", "ai.onnx") or op_type not in HOMES:
        return None
    home = importlib.import_module(f"rfgraph.onnxfile.control.{HOMES[op_type]}")
    handlers: dict[str, Handler] = home.HANDLERS
    return handlers[op_type]
