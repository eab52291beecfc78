"""The pages that are made from the code, so that none of them can go stale."""

from __future__ import annotations

import importlib
import importlib.resources
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

import rfgraph
from rfgraph import config
from rfgraph.checks.registry import all_codes, check_of, explanation
from rfgraph.cli.parser import COMMANDS, MODEL, parser_of
from rfgraph.ops.registry import all_rules
from rfgraph.reports.operators import operator_rows
from rfgraph.wording.glossary import GLOSSARY

sys.path.insert(0, str(Path(__file__).parent))
import figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is generated to the files of the site."""
    for path, text in (*pages(), *figures.figures()):
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each page."""
    yield "reference/commands.md", commands()
    yield "reference/findings.md", findings()
    yield "reference/operators.md", operators()
    yield "reference/configuration.md", configuration()
    yield "reference/python.md", python()
    yield "glossary.md", glossary()
    yield (
        "rfgraph.schema.json",
        importlib.resources.files("rfgraph").joinpath("rfgraph.schema.json").read_text("utf-8"),
    )


def commands() -> str:
    """Return the help of every command."""
    parts = ["# Commands"]
    for name in (MODEL, *COMMANDS):
        parser = parser_of(name)
        parts.append(f"## {parser.prog if name != MODEL else 'rfgraph MODEL'}")
        parts.append(f"```text\n{parser.format_help().strip()}\n```")
    return "\n\n".join(parts) + "\n"


def findings() -> str:
    """Return what every finding means."""
    parts = ["# Findings", "`rfgraph explain RF003` prints the same."]
    for code in all_codes():
        found = check_of(code)
        needs = f", asked for with `--{found.needs.replace('_', '-')}`" if found.needs else ""
        parts.append(
            f"## {code}: {found.title}\n\n*{found.severity}{needs}*\n\n{explanation(code)}"
        )
    return "\n\n".join(parts) + "\n"


def operators() -> str:
    """Return what every rule says of itself, by domain."""
    rows = operator_rows(all_rules().values())
    parts = ["# Operators", "`rfgraph explain Conv` prints the same of one, `rfgraph ops` all."]
    for domain in sorted({row.domain for row in rows}):
        parts.append(f"## {domain or 'ai.onnx'}")
        parts.extend(
            f"### {row.operator}\n\n*{row.modelled}, {row.versions}*\n\n{row.doc}"
            for row in rows
            if row.domain == domain
        )
    return "\n\n".join(parts) + "\n"


def configuration() -> str:
    """Return the keys of [tool.rfgraph]."""
    actions = parser_of("check")._option_string_actions
    lines = ["| key | meaning |", "|---|---|"]
    for key in (*config.SETTINGS, *config.RUN):
        text = (actions[f"--{key}"].help or "").replace("%%", "%").replace("|", "\\|")
        lines.append(f"| `{key}` | {text} |")
    return (
        "# Configuration\n\nKeys of `[tool.rfgraph]` in pyproject.toml, and of "
        "`[[tool.rfgraph.models]]`, whose `pattern` says for which models they hold. They are the "
        "options of `rfgraph check`, which win where both are given.\n\n" + "\n".join(lines) + "\n"
    )


def python() -> str:
    """Return the public names with their docstrings."""
    homes = dict(sorted(rfgraph._HOMES.items(), key=lambda item: (item[0][0].isupper(), item[0])))
    parts = ["# Python", "Every name is one of `rfgraph`."]
    for name, module in homes.items():
        value = getattr(importlib.import_module(module), name)
        if inspect.isclass(value) or inspect.isfunction(value):
            parts.append(f"::: {module}.{name}")
    return "\n\n".join(parts) + "\n"


def glossary() -> str:
    """Return the words of the reports."""
    parts = ["# Glossary", "`rfgraph explain stride` prints one of them."]
    for word, text in GLOSSARY.items():
        parts.append(f"## {word}\n\n{' '.join(inspect.cleandoc(text).split())}")
    return "\n\n".join(parts) + "\n"
