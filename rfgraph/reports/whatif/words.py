"""What the reports of a changed model say alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.relations.graph import AttributeChange, Revision, Setting


HEADER = ("node", "attribute", "in the file", "instead")


def change_rows(revision: Revision) -> Iterator[tuple[str, str, str, str]]:
    """Yield node, attribute, its value in the file and the other one."""
    for change in revision.changes:
        follows = f" ({_reason(change)})" if change.follows else ""
        after = f"{setting_text(change.after)}{follows}"
        yield safe(change.node), safe(change.attribute), setting_text(change.before), after


def _reason(change: AttributeChange) -> str:
    """Return why an attribute changed that was not asked for."""
    if change.after is None:
        return "auto_pad is in its place"
    return "pads are in its place" if change.attribute == "auto_pad" else "follows the extent"


def setting_text(value: Setting | None) -> str:
    """Return a value as it is given to --set; "-" without one."""
    if value is None:
        return "-"
    return safe(",".join(map(str, value)) if isinstance(value, tuple) else str(value))
