"""What the reports of a changed model say alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.relations.graph import Revision, Setting


HEADER = ("node", "attribute", "in the file", "instead")


def change_rows(revision: Revision) -> Iterator[tuple[str, str, str, str]]:
    """Yield node, attribute, its value in the file and the other one."""
    for change in revision.changes:
        follows = " (follows the extent)" if change.follows else ""
        after = f"{setting_text(change.after)}{follows}"
        yield safe(change.node), safe(change.attribute), setting_text(change.before), after


def setting_text(value: Setting | None) -> str:
    """Return a value as it is given to --set; "-" without one."""
    if value is None:
        return "-"
    return safe(",".join(map(str, value)) if isinstance(value, tuple) else str(value))
