"""What of a node may have another value: its attributes, and constants that it takes as inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import AttributeProto

from rfgraph.arguments import describe
from rfgraph.errors import UsageError
from rfgraph.onnxfile.building.attributes import decode, decode_all
from rfgraph.onnxfile.building.window_shape import PER_AXIS, WindowShape
from rfgraph.ops.registry import normal_domain
from rfgraph.wording.names import quote
from rfgraph.wording.numbers import count_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.onnxfile.building.scope import Entry
    from rfgraph.relations.beside import Setting

# A node put in a row with itself: no attribute of ONNX, but asked for like one.
REPEAT = "repeat"

_KINDS: Mapping[int, tuple[type, str]] = {
    AttributeProto.INT: (int, "an integer"),
    AttributeProto.INTS: (int, "integers"),
    AttributeProto.FLOAT: (float, "a number"),
    AttributeProto.FLOATS: (float, "numbers"),
    AttributeProto.STRING: (str, "a text"),
    AttributeProto.STRINGS: (str, "texts"),
}
_LISTS = frozenset({AttributeProto.INTS, AttributeProto.FLOATS, AttributeProto.STRINGS})
MAX_VALUES = 64  # of a constant input that may be set
MAX_INTEGER = (1 << 63) - 1  # of an attribute


class Settable:
    """The attributes of a node with their kinds, and the inputs that are small constants.

    Those are what its operator declares, and what the node has (`present`) where nothing does.
    """

    def __init__(self, call: Call) -> None:
        self._node, entries = call.node, call.entries
        self.present = decode_all(call.node, call.scope.attributes)
        schema = _schema(call)
        self._declared = {} if schema is None else dict(schema.attributes)
        formal = () if schema is None else schema.inputs
        self.slots = {
            item.name: slot
            for slot, (item, entry) in enumerate(zip(formal, entries, strict=False))
            if entry is not None and _steers(item, entry)
        }
        self._data = {
            slot: entry.value.data
            for slot, entry in enumerate(entries)
            if entry is not None and slot in self.slots.values()
        }
        self._kinds = {name: int(item.type.value) for name, item in self._declared.items()}
        for name, value in self.present.items():
            self._kinds.setdefault(name, _kind_of(value))

    def check(
        self, asked: Mapping[str, Setting], window: WindowShape | None
    ) -> tuple[dict[str, Any], dict[int, NDArray[Any]]]:
        """Return the attributes asked for, and the constants by input.

        UsageError for a name that there is not, a value of another kind, or a wrong number.
        """
        attributes: dict[str, Any] = {}
        inputs: dict[int, NDArray[Any]] = {}
        for name, value in asked.items():
            if name in self.slots:
                slot = self.slots[name]
                inputs[slot] = self._constant(name, slot, value)
            elif self._kinds.get(name) in _KINDS:
                attributes[name] = self._attribute(name, value, window)
            else:
                raise UsageError(f"no attribute {quote(name)}; {self._valid(window)}")
        return attributes, inputs

    def _valid(self, window: WindowShape | None) -> str:
        names = [*(name for name, kind in self._kinds.items() if kind in _KINDS), *self.slots]
        if window is not None:
            names.append(REPEAT)
        listed = ", ".join(map(quote, sorted(names)))
        return f"those that may be set are {listed}" if names else "it has none that may be set"

    def _attribute(self, name: str, value: Setting, window: WindowShape | None) -> Any:
        kind = self._kinds[name]
        wanted, words = _KINDS[kind]
        given = _values(name, value, wanted, words)
        if kind not in _LISTS:
            if len(given) != 1:
                raise UsageError(f"attribute {quote(name)} requires {words}, found {len(given)}")
            return given[0]
        count = len(self.present.get(name) or ())
        if not count and window is not None and name in PER_AXIS:
            count = PER_AXIS[name] * len(window.kernel)
        if count and len(given) != count:
            raise UsageError(
                f"attribute {quote(name)} requires {count_of(count, 'value')}, found {len(given)}"
            )
        return given

    def _constant(self, name: str, slot: int, value: Setting) -> NDArray[Any]:
        old: Any = self._data[slot]
        wanted = float if old.dtype.kind == "f" else int
        words = "numbers" if wanted is float else "integers"
        most = MAX_INTEGER if wanted is float else int(np.iinfo(old.dtype).max)
        given = _values(name, value, wanted, words, most)
        if len(given) != old.size:
            raise UsageError(
                f"input {quote(name)} requires {count_of(old.size, 'value')}, found {len(given)}"
            )
        made: NDArray[Any] = np.array(given, old.dtype).reshape(old.shape)
        return made

    def current(self, name: str, window: WindowShape | None) -> Setting | None:
        """Return what the node has, its operator's default where it says nothing."""
        if name in self.slots:
            return plain(self._data[self.slots[name]])
        if self.present.get(name) not in (None, []):
            return plain(self.present[name])
        declared = self._declared.get(name)
        if declared is not None and declared.default_value.type:
            return plain(decode(declared.default_value))
        return None if window is None else window.default(name)

    def with_attributes(self, attributes: Mapping[str, Any]) -> onnx.NodeProto:
        """Return a copy of the node with some attributes of other values, without those of None."""
        node = onnx.NodeProto()
        node.CopyFrom(self._node)
        del node.attribute[:]
        node.attribute.extend(it for it in self._node.attribute if it.name not in attributes)
        for name, value in attributes.items():
            if value is None:
                continue
            made = onnx.helper.make_attribute(name, value, attr_type=self._kinds.get(name))
            node.attribute.append(made)
        return node


def plain(value: Any) -> Setting:
    """Return a value as numbers, texts or tuples of them."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(value) if isinstance(value, list | tuple) else value


def _schema(call: Call) -> Any:
    domain = normal_domain(call.operator.domain)
    version = call.scope.opsets.get(domain, 0) or 1
    try:
        return onnx.defs.get_schema(call.operator.op_type, version, domain)
    except onnx.defs.SchemaError:
        return None


def _steers(formal: Any, entry: Entry) -> bool:
    """Whether an input is a small constant that says what is read, as pads or scales do."""
    data = entry.value.data
    if entry.tensor is not None or data is None or data.ndim > 1 or data.size > MAX_VALUES:
        return False
    # Numbers of one type stand for themselves; of a type that varies they are data, as a bias is.
    return data.dtype in (np.int64, np.int32) or (
        data.dtype.kind == "f" and formal.type_str.startswith("tensor(")
    )


def _kind_of(value: object) -> int:
    """Return the kind of an attribute that no operator declares, 0 where its value does not say."""
    try:
        return int(onnx.helper.make_attribute("", value).type)
    except (TypeError, ValueError):
        return 0


def _values(
    name: str, value: Setting, wanted: type, words: str, most: int = MAX_INTEGER
) -> list[Any]:
    items: list[Any] = list(value) if isinstance(value, tuple) else [value]
    if wanted is float:
        items = [float(item) if type(item) is int else item for item in items]
    if wanted is str:
        items = [str(item) for item in items]
    wrong = next((item for item in items if type(item) is not wanted), None)
    if wrong is not None:
        raise UsageError(f"{quote(name)} requires {words}, found {describe(wrong)}")
    if wanted is int and any(abs(item) > most for item in items):
        raise UsageError(f"{quote(name)} requires integers of at most {most}")
    return items
