"""What follows a node with a body, or of sequences: imported when a model has one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rfgraph.onnxfile.building.call import Handler


_OPERATORS = {
    "branches.if_branches": "If",
    "loops.loop": "Loop",
    "loops.scan": "Scan",
    "sequences.construct_sequence": "SequenceConstruct SequenceEmpty",
    "sequences.element_at": "SequenceAt",
    "sequences.insert_or_erase": "SequenceInsert SequenceErase",
    "sequences.sequence_length": "SequenceLength",
    "sequences.split_to_sequence": "SplitToSequence",
    "sequences.concat_from_sequence": "ConcatFromSequence",
    "sequences.sequence_map": "SequenceMap",
    "sequences.pass_on": "Identity Optional OptionalGetElement",
}
HOMES = {op_type: home for home, op_types in _OPERATORS.items() for op_type in op_types.split()}


def find_handler(domain: str, op_type: str) -> Handler | None:
    """Return what adds an operator to the graph in place of a rule, None for most."""
    if domain not in ("", "ai.onnx") or op_type not in HOMES:
        return None
    module, _, name = HOMES[op_type].partition(".")
    home = importlib.import_module(f"rfgraph.onnxfile.control.{module}")
    handler: Handler = getattr(home, name)
    return handler
