"""Nodes with other attributes than those of the file, and what follows from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rfgraph.errors import UsageError
from rfgraph.onnxfile.building.scope import Entry
from rfgraph.onnxfile.building.settable import REPEAT, Settable, plain
from rfgraph.onnxfile.building.window_shape import WindowShape, followed_pads, window_of
from rfgraph.ops.node import Value
from rfgraph.relations.beside import AttributeChange
from rfgraph.relations.graph import producer_of
from rfgraph.wording.names import quote, some_quoted

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.beside import Changes, Setting


# How often a node may be put in a row with itself.
MAX_REPEATED = 256
# Of names, to find the nearest of.
MAX_COMPARED = 20_000


@dataclass(frozen=True, slots=True)
class Edit:
    """A node as in the file and as it is instead, `turns` times in a row.

    `inputs` are constants in place of others, by input. `weight` is the input of stored weights
    that need another shape, and `offsets` where in its kernel the stored one begins.
    """

    node: onnx.NodeProto
    revised: onnx.NodeProto
    inputs: Mapping[int, NDArray[Any]] = field(default_factory=dict)
    weight: int | None = None
    shape: Shape = ()
    offsets: tuple[int, ...] = ()
    turns: int = 1


class Reviser:
    """Gives the nodes of one build the attributes that are asked for, by node and attribute.

    A node is addressed by its name in the graph, or by that of a tensor that it makes.
    """

    def __init__(self, changes: Changes, nodes: Sequence[onnx.NodeProto]) -> None:
        self.changes: list[AttributeChange] = []
        self.warnings: list[str] = []
        self.edits: list[Edit] = []
        self._asked: dict[str, dict[str, Setting]] = {}
        for (node, attribute), value in changes.items():
            self._asked.setdefault(node, {})[attribute] = value
        self._names = {node.name for node in nodes}
        self._met: dict[str, set[tuple[str, ...]]] = {}
        self._labels: dict[str, None] = {}

    def follow(self, call: Call, follow: Callable[[Call], list[Entry]]) -> list[Entry]:
        """Return what the outputs of a node stand for, followed as it is asked to be."""
        address = self._address(call)
        if address is None:
            return follow(call)
        self._met.setdefault(address, set()).add(tuple(call.outputs))
        asked = dict(self._asked[address])
        turns = _turns(asked.pop(REPEAT, 1))
        call = _Revised(self, address, call).call(asked)
        if turns > 1:
            self.note(AttributeChange(address, REPEAT, 1, turns))
            self.edits[-1] = replace(self.edits[-1], turns=turns)
        for turn in range(1, turns):
            call = _once_more(call, follow(_under_other_names(call, turn))[0])
        return follow(call)

    def note(self, change: AttributeChange) -> None:
        """Keep a change, once for a node that is built several times."""
        if change not in self.changes:
            self.changes.append(change)

    def require_all(self) -> None:
        """Raise UsageError for a node that there is not, and for a name that several have."""
        for address in self._asked:
            made = self._met.get(address, set())
            if not made:
                raise UsageError(f"no node {quote(address)}; the nodes are {self._near(address)}")
            if len(made) > 1:
                outputs = some_quoted(sorted(names[0] for names in made))
                raise UsageError(
                    f"{len(made)} nodes are called {quote(address)}: name one by its first output "
                    f"({outputs})"
                )

    def _near(self, address: str) -> str:
        import difflib

        labels = list(self._labels)
        near = difflib.get_close_matches(address, labels[:MAX_COMPARED], n=5, cutoff=0.0)
        return some_quoted([*near, *(name for name in labels if name not in near)])

    def _address(self, call: Call) -> str | None:
        """Return by which name a node is asked for, None where it is not."""
        prefix, name = call.scope.prefix, call.operator.name if call.node.name else ""
        outputs = [prefix + output for output in call.outputs if output]
        self._labels[name or outputs[0]] = None
        if name and name in self._asked:
            return name
        return next((it for it in outputs if it in self._asked and it not in self._names), None)


class _Revised:
    """One node on its way to other attributes."""

    def __init__(self, reviser: Reviser, address: str, call: Call) -> None:
        self._reviser, self._address, self._call = reviser, address, call
        self._known = Settable(call)
        self._before = self._known.present
        self._window = window_of(self._before, call.values)

    def call(self, asked: Mapping[str, Setting]) -> Call:
        """Return the node with what is asked for, and with what follows from it."""
        call = self._call
        attributes, inputs = self._known.check(asked, self._window)
        for name in asked:
            new = attributes[name] if name in attributes else inputs[self._known.slots[name]]
            self._note(name, self._known.current(name, self._window), plain(new))
        attributes |= self._without(asked, attributes)
        edit = Edit(call.node, call.node, inputs)
        if self._window is not None:
            window = self._window.over({**self._before, **attributes})
            edit = self._with_weight(self._window, window, edit)
            if "pads" not in asked and window.extents != self._window.extents:
                attributes |= self._pads(self._window, window)
                self._warn_of_pad()
        entries = list(call.entries)
        for slot, array in inputs.items():
            entries[slot] = Entry(Value(tuple(array.shape), constant=True, data=array))
        if edit.weight is not None:
            entries[edit.weight] = Entry(Value(edit.shape, constant=True))
        node = self._known.with_attributes(attributes)
        self._reviser.edits.append(replace(edit, revised=node))
        return call._replace(node=node, entries=entries)

    def _note(
        self, name: str, old: Setting | None, new: Setting | None, *, follows: bool = False
    ) -> None:
        self._reviser.note(AttributeChange(self._address, name, old, new, follows))

    def _without(self, asked: Mapping[str, Setting], attributes: dict[str, Any]) -> dict[str, Any]:
        """Return pads or `auto_pad` taken away where the other is asked for: no node has both."""
        auto = (attributes.get("auto_pad") or "NOTSET") != "NOTSET"
        if auto and "pads" in asked:
            raise UsageError("'pads' and 'auto_pad' are asked for, and a node has one of them")
        if auto and self._before.get("pads"):
            self._note("pads", plain(self._before["pads"]), None, follows=True)
            return {"pads": None}
        stored = self._before.get("auto_pad") or "NOTSET"
        if stored != "NOTSET" and "pads" in asked and "auto_pad" not in asked:
            self._note("auto_pad", stored, "NOTSET", follows=True)
            return {"auto_pad": "NOTSET"}
        return {}

    def _pads(self, old: WindowShape, new: WindowShape) -> dict[str, Any]:
        """Return the pads where they keep up with the extent."""
        pads = followed_pads(old, new)
        if pads is None or pads == old.pads:
            return {}
        self._note("pads", old.pads, pads, follows=True)
        return {"pads": list(pads)}

    def _warn_of_pad(self) -> None:
        """Name a separate Pad node that feeds the window."""
        source = self._call.require(0).tensor
        maker = None if source is None else producer_of(self._call.writer.graph, source)
        if maker is not None and maker.op_type == "Pad":
            warning = (
                f"node {quote(self._address)} is fed by the separate Pad {quote(maker.label)}, "
                "whose pads do not follow: set them as well"
            )
            if warning not in self._reviser.warnings:
                self._reviser.warnings.append(warning)

    def _with_weight(self, old: WindowShape, new: WindowShape, edit: Edit) -> Edit:
        """Return an edit with the shape that stored weights need: their own no longer binds."""
        entry = None if old.weight is None else self._call.entry(old.weight)
        if entry is None or entry.tensor is not None or entry.value.shape is None:
            return edit
        shape = new.weight_shape(entry.value.shape, old.group)
        if shape == entry.value.shape:
            return edit
        return replace(edit, weight=old.weight, shape=shape, offsets=old.offsets(new))


def _turns(value: Setting) -> int:
    turns = value[0] if isinstance(value, tuple) and len(value) == 1 else value
    if type(turns) is not int or not 1 <= turns <= MAX_REPEATED:
        raise UsageError(f"{quote(REPEAT)} requires 1 to {MAX_REPEATED}, found {value}")
    return turns


def _under_other_names(call: Call, turn: int) -> Call:
    """Return a node whose outputs are on the way to those that the file names."""
    return call._replace(outputs=[name and f"{name}/{turn}" for name in call.outputs])


def _once_more(call: Call, made: Entry) -> Call:
    """Return the node behind itself: of stride 1, padded to keep the length, of its channels."""
    known = Settable(call)
    window = window_of(known.present, call.values)
    shape = made.value.shape
    if window is None or shape is None:
        raise UsageError(f"{quote(REPEAT)} requires a node with a window of known lengths")
    attributes: dict[str, Any] = {"strides": [1] * len(window.kernel)}
    pads = window.same_pads()
    if pads is not None:
        attributes["pads"] = list(pads)
    entries = [made, *call.entries[1:]]
    weight = None if window.weight is None else call.entry(window.weight)
    if window.weight is not None and weight is not None and weight.value.shape is not None:
        first, second, *_ = weight.value.shape
        channels = first if first in shape else second * window.group
        depthwise = window.group == channels and second == 1
        attributes["group"] = channels if depthwise else 1
        own = (channels, 1 if depthwise else channels, *window.kernel)
        entries[window.weight] = Entry(Value(own, constant=True))
    return call._replace(node=known.with_attributes(attributes), entries=entries)
