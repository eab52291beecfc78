"""Names that come from a file, made harmless for each place where they are shown."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


MAX_LINE = 300
MAX_NAME = 80
MAX_PATH = 120

_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, limit: int = MAX_NAME) -> str:
    """Return `text` on one line with nothing that can act on a terminal, clipped to `limit`.

    Control, format (bidi), surrogate, private and unassigned characters become escapes.
    """
    clipped = text if len(text) <= limit else text[: limit - 1] + "…"
    if clipped.isprintable() and "\\" not in clipped:
        return clipped
    return "".join(map(_escape, clipped))


def shown_path(path: str, limit: int = MAX_PATH) -> str:
    """Return a path as by `printable`; of a long one the end, which names the file."""
    return printable(path if len(path) <= limit else "…" + path[1 - limit :], limit) or "''"


def _escape(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if unicodedata.category(char) not in _UNPRINTABLE:
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote(name: str) -> str:
    """Return `name` escaped and between single quotes, for an error message."""
    return f"'{printable(name)}'"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, None if none is much like it."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


# Longer names than this are cut in the middle before anything else is done with them.
_MAX_NAME = 4096
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#!|~@$^]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def one_line(message: str, limit: int = MAX_LINE) -> str:
    """Return a message on one line of at most `limit` characters, with nothing a terminal obeys.

    Unlike `printable` it leaves backslashes alone, for the names in a message are escaped already.
    """
    text = "\\".join(printable(part, limit) for part in message[: 2 * limit].split("\\"))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def safe(name: str) -> str:
    """Return a whole name, escaped; only absurdly long ones lose their middle."""
    if len(name) > _MAX_NAME:
        name = name[: _MAX_NAME // 2] + "…" + name[-_MAX_NAME // 2 :]
    return printable(name, _MAX_NAME + 1)


def shorten(name: str, width: int, head: float = 0.5) -> str:
    """Return a name, escaped, in at most `width` terminal cells, shortened in the middle.

    `head` is the share of the room that its beginning gets.
    """
    return without_middle(safe(name), width, head)


def without_middle(text: str, width: int, head: float = 0.5) -> str:
    """Return a text in at most `width` terminal cells."""
    if cells(text) <= width:
        return text
    room = max(width - 1, 0)
    tail = _last_cells(text, room - int(room * head))
    return _first_cells(text, room - cells(tail)) + "…" + tail


def cells(text: str) -> int:
    """Return how many terminal cells a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cell, text))


def _cell(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _first_cells(text: str, room: int) -> str:
    used = 0
    for number, char in enumerate(text):
        used += _cell(char)
        if used > room:
            return text[:number]
    return text


def _last_cells(text: str, room: int) -> str:
    return _first_cells(text[::-1], room)[::-1]


def for_csv(text: str) -> str:
    """Return a text as the value of a CSV cell that no spreadsheet takes for a formula."""
    escaped = safe(text)
    return f"'{escaped}" if escaped.lstrip().startswith(_FORMULA) else escaped


def for_markdown(name: str) -> str:
    """Return a name with all that terminals, Markdown, its tables and HTML act on escaped."""
    return markdown_text(safe(name))


def markdown_text(text: str) -> str:
    """Return a text, names in it made printable already, with what Markdown acts on escaped."""
    escaped = _MARKDOWN.sub(r"\\\1", text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def for_html(text: str) -> str:
    """Return a text for HTML, in an element or an attribute."""
    import html

    return html.escape(safe(text), quote=True)


def some_names(names: Sequence[str], limit: int = 5) -> str:
    """Return names for a sentence, the first few of them."""
    return _first(list(map(safe, names[:limit])), len(names))


def some_quoted(names: Sequence[str], limit: int = 5) -> str:
    """Return names for an error message, each quoted, the first few of them."""
    return _first(list(map(quote, names[:limit])), len(names))


def _first(shown: Sequence[str], total: int) -> str:
    more = total - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
