"""Write the index of operators, `index.py`, from the decorators: `python -m rfgraph.ops`."""

from __future__ import annotations

import importlib
import pkgutil
import textwrap
from pathlib import Path

import rfgraph.ops
from rfgraph.ops.registry import all_rules

HEAD = '''"""Which module has the rule of which operator, by module and domain.

Written by `python -m rfgraph.ops` from the decorators of the rules.
"""

OPERATORS = {
'''


def index_text() -> str:
    """Return the index of the rules that all modules of this package register."""
    for info in pkgutil.walk_packages(rfgraph.ops.__path__, "rfgraph.ops."):
        if not info.name.endswith("__main__"):
            importlib.import_module(info.name)
    modules: dict[str, dict[str, list[str]]] = {}
    for (domain, op_type), entry in sorted(all_rules().items()):
        home = entry.function.__module__.removeprefix("rfgraph.ops.")
        modules.setdefault(home, {}).setdefault(domain, []).append(op_type)
    return HEAD + "".join(map(_module_text, sorted(modules.items()))) + "}\n"


def _module_text(entry: tuple[str, dict[str, list[str]]]) -> str:
    module, domains = entry
    lines = [f'    "{module}": {{\n']
    for domain, op_types in domains.items():
        lines.append(f'        "{domain}": """\n')
        lines.extend(f"            {line}\n" for line in _wrapped(op_types))
        lines.append('        """,\n')
    return "".join([*lines, "    },\n"])


def _wrapped(words: list[str]) -> list[str]:
    return textwrap.wrap(" ".join(words), 88, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    Path(__file__).with_name("index.py").write_text(index_text(), encoding="utf-8")
