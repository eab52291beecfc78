"""Long sweeps over random models, named `..._at_length`: all of their examples, or a sample."""

from __future__ import annotations

from hypothesis import settings


def at_length(examples: int, parent: settings | None = None) -> settings:
    """Return the settings of a sweep: so many examples, the same each time.

    A profile that draws others each time, such as `sample`, says itself how many.
    """
    if not settings.default.derandomize:
        examples = settings.default.max_examples
    return settings(parent, max_examples=examples)
