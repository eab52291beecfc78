"""What `rfgraph.frozen` makes dataclasses is shown with its arguments, as dataclasses are."""

from __future__ import annotations

from typing import Any

from griffe import Class, ExprAttribute, ExprName, Extension


class Records(Extension):
    """Tells Griffe, which knows dataclasses by their decorator, of the other one."""

    def on_class_instance(self, *, cls: Class, **_: Any) -> None:
        """Show the decorator as that of the standard library."""
        for decorator in cls.decorators:
            if decorator.callable_path == "rfgraph.frozen.frozen":
                module = ExprName("dataclasses")
                decorator.value = ExprAttribute([module, ExprName("dataclass", module)])
                cls.labels.add("dataclass")
