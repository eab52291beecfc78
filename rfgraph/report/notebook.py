"""Results as HTML, where a notebook shows them."""

from __future__ import annotations
