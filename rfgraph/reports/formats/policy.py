"""What a page may run: its own scripts and styles, by their hashes."""

from __future__ import annotations

import base64
import hashlib


def source_hash(text: str) -> str:
    """Return a script or a style as a content security policy names it."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
