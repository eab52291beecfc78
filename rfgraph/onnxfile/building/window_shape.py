"""The window of a node as its attributes say it, and what keeps up when its extent changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.ops.node import Value
    from rfgraph.relations.axis_rules import Shape

# How many values a list has for each axis of the window.
PER_AXIS = {
    "kernel_shape": 1,
    "strides": 1,
    "dilations": 1,
    "output_padding": 1,
    "output_shape": 1,
    "pads": 2,
}
_DEFAULT = {"strides": 1, "dilations": 1, "output_padding": 0, "pads": 0}


@dataclass(frozen=True, slots=True)
class WindowShape:
    """Kernel, dilations and pads of a node, None for pads that it leaves to `auto_pad`.

    `weight` is the input that holds the kernel, None where it has none (a pool).
    """

    kernel: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...] | None
    group: int = 1
    weight: int | None = None

    @property
    def extents(self) -> tuple[int, ...]:
        """How many positions the window spans along each axis."""
        pairs = zip(self.kernel, self.dilations, strict=True)
        return tuple((k - 1) * d + 1 for k, d in pairs)

    def over(self, attributes: Mapping[str, Any]) -> WindowShape:
        """Return the window with other attributes."""
        kernel = tuple(attributes.get("kernel_shape") or self.kernel)
        return _shape(attributes, kernel, self.weight)

    def default(self, name: str) -> tuple[int, ...] | None:
        """Return the values of a list that a node leaves out, None where they have no default."""
        if name == "kernel_shape":
            return self.kernel
        each = _DEFAULT.get(name)
        return None if each is None else (each,) * len(self.kernel) * PER_AXIS[name]

    def sides(self, axis: int) -> tuple[int, int]:
        """Return the pads before and after along an axis."""
        pads = self.pads or (0,) * (2 * len(self.kernel))
        return pads[axis], pads[axis + len(self.kernel)]

    def weight_shape(self, stored: Shape, group: int) -> Shape:
        """Return the shape of weights for this window, where they were of `stored` in `group`s."""
        second = stored[1] * group
        fits = self.group > 0 and not second % self.group
        return (stored[0], second // self.group if fits else stored[1], *self.kernel)

    def offsets(self, wider: WindowShape) -> tuple[int, ...]:
        """Return where along each axis the kernel lies in a wider one, by the sides of the pads."""
        pairs = zip(self.kernel, wider.kernel, strict=True)
        return tuple(
            share_before(more - own, *self.sides(axis)) for axis, (own, more) in enumerate(pairs)
        )

    def same_pads(self) -> tuple[int, ...] | None:
        """Return the pads with which the window at stride 1 keeps the length.

        None where `auto_pad` gives them; without any pads there are none.
        """
        if self.pads is None or not any(self.pads):
            return self.pads
        begins = [
            share_before(extent - 1, *self.sides(axis)) for axis, extent in enumerate(self.extents)
        ]
        ends = [extent - 1 - begin for extent, begin in zip(self.extents, begins, strict=True)]
        return (*begins, *ends)


def window_of(attributes: Mapping[str, Any], inputs: Sequence[Value | None]) -> WindowShape | None:
    """Return the window of a node, None where it has none whose lengths are known.

    The kernel is that of `kernel_shape`, or of the input that has as many axes as the data, of
    which two are channels.
    """
    data = inputs[0].shape if inputs and inputs[0] is not None else None
    rank = 0 if data is None else len(data)
    kernel = tuple(attributes.get("kernel_shape") or ())
    for slot, value in enumerate(inputs[1:], 1):
        shape = None if value is None else value.shape
        if rank > 2 and shape is not None and len(shape) == rank:
            if kernel in ((), shape[2:]):
                return _shape(attributes, shape[2:], slot)
            break
    return _shape(attributes, kernel, None) if kernel else None


def _shape(attributes: Mapping[str, Any], kernel: Shape, weight: int | None) -> WindowShape:
    count = len(kernel)
    auto = attributes.get("auto_pad") or "NOTSET"
    pads = tuple(attributes.get("pads") or (0,) * (2 * count))
    dilations = tuple(attributes.get("dilations") or (1,) * count)
    group = attributes.get("group", 1)
    return WindowShape(kernel, dilations, pads if auto == "NOTSET" else None, group, weight)


def share_before(change: int, before: int, after: int) -> int:
    """Return the part of a change that is added before: in proportion, the odd one after."""
    total = before + after
    return change // 2 if total == 0 else change * before // total


def followed_pads(old: WindowShape, new: WindowShape) -> tuple[int, ...] | None:
    """Return the pads that keep up with a change of extent, None where `auto_pad` gives them.

    The change is added in proportion to the pads there: all on one side stays so, none stays none.
    """
    if old.pads is None or new.pads is None:
        return None
    begins, ends = [], []
    for axis, (was, now) in enumerate(zip(old.extents, new.extents, strict=True)):
        before, after = old.sides(axis)
        change = now - was if before + after else 0
        more = share_before(change, before, after)
        begins.append(max(before + more, 0))
        ends.append(max(after + change - more, 0))
    return (*begins, *ends)
