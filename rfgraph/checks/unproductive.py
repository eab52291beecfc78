"""What can be left out while a gate still holds."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from rfgraph.analysis.layers import layers_of
from rfgraph.checks.candidates import weights_of_a_tap
from rfgraph.checks.registry import module_of
from rfgraph.checks.suggestion import Suggestion
from rfgraph.errors import RfgraphError
from rfgraph.wording.names import some_quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.layers import Layer
    from rfgraph.checks.candidates import Made
    from rfgraph.checks.trials import Gate


# How many layers are tried one by one.
MAX_LAYERS = 32


def removable(gate: Gate) -> Iterator[Suggestion]:
    """Yield which unproductive layers (RF004) can be left out, all at once, the last ones first."""
    subject = gate.subject(gate.result)
    try:
        tensors = {item.tensor for item in module_of("RF004").findings(subject)}
    except RfgraphError:
        return
    layers = [
        layer
        for item in subject.inputs()
        for layer in layers_of(gate.result, item.name)
        if layer.tensor in tensors and _can_go(layer)
    ]
    left_out = _left_out(gate, layers[::-1])
    if not left_out:
        return
    changes = _without(left_out)
    weights = sum(
        weights_of_a_tap(gate.result, layer) * (prod(layer.window["kernel_shape"]) - 1)
        for layer in left_out
    )
    names = some_quoted([layer.address for layer in left_out[::-1]], 8)
    text = f"{names} can be left out, or be 1 wide, and the gate still holds"
    yield Suggestion("removal", changes, None, gate.least_reached(changes), -weights, text)


def _can_go(layer: Layer) -> bool:
    return (
        bool(layer.rules)
        and {rule.stride for rule in layer.rules} == {1}
        and not layer.kind.startswith("transposed")
    )


def _without(layers: list[Layer]) -> Made:
    return {(layer.address, "kernel_shape"): (1,) * len(layer.rules) for layer in layers}


def _left_out(gate: Gate, layers: list[Layer]) -> list[Layer]:
    """Return the layers without which the gate holds: all, or those of which it bears the loss."""
    if layers and gate.holds(_without(layers)):
        return layers
    kept: list[Layer] = []
    for layer in layers[:MAX_LAYERS]:
        if gate.holds(_without([*kept, layer])):
            kept.append(layer)
    return kept
