"""What an operator's rule says (rfgraph explain Conv), what a finding (RF001) or a word means."""

from __future__ import annotations

import difflib
import re
import textwrap
from typing import TYPE_CHECKING

from rfgraph.cli.options import add_output
from rfgraph.cli.output import emit, style_of
from rfgraph.errors import UsageError
from rfgraph.version import HEAD
from rfgraph.wording.grouping import group
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    import argparse

    from rfgraph.cli.parser import Parser
    from rfgraph.ops.registry import RuleEntry


FORMATS = ("text", "json")

_CODE = re.compile(r"rf\d{3}")


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph explain`."""
    parser.add_argument(
        "subject",
        metavar="CODE|OPERATOR|WORD|erf",
        nargs="+",
        help="RF001, Conv, or with its domain com.microsoft.Gelu; a word of the reports, such as "
        "effective padding; erf: the effective field",
    )
    add_output(parser, FORMATS)


def run(options: argparse.Namespace) -> int:
    """Write what is known of the subject."""
    sections = _sections(" ".join(options.subject))
    if options.format == "json":
        from rfgraph.reports.formats.json import dumps

        entries = [{"title": title, "text": text} for title, text in sections]
        emit(options, dumps({**HEAD, "explanations": entries}))
    else:
        style = style_of(options)
        parts = [f"{style.bold(title)}\n\n{_wrap(text, style.width)}" for title, text in sections]
        emit(options, "\n\n".join(parts) + "\n")
    return 0


def _sections(subject: str) -> list[tuple[str, str]]:
    """Return the titles and texts on a subject; an operator is written as in the file."""
    if subject == "erf":
        return _effective()
    if _CODE.fullmatch(subject.lower()):
        return _finding(subject)
    return _word(subject) or _operator(subject)


def _wrap(text: str, width: int) -> str:
    """Fit paragraphs to the width; those with indented lines (tables, examples) stay."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        part if re.search(r"^\s", part, re.MULTILINE) else textwrap.fill(part, width)
        for part in paragraphs
    )


def _effective() -> list[tuple[str, str]]:
    """Return what the effective receptive field is, and what it is not."""
    import inspect

    import rfgraph.analysis.erf

    return [("The effective receptive field", inspect.getdoc(rfgraph.analysis.erf) or "")]


def _word(word: str) -> list[tuple[str, str]]:
    """Return what a word of the reports means; nothing for any other, and for an operator."""
    import inspect

    from rfgraph.wording.glossary import ALIASES, GLOSSARY

    for name in (word, word.replace("-", " ")):
        title = ALIASES.get(name, name)
        if title in GLOSSARY:
            return [(title, " ".join(inspect.cleandoc(GLOSSARY[title]).split()))]
    return []


def _finding(code: str) -> list[tuple[str, str]]:
    """Return what a finding means, and how to mend it."""
    from rfgraph.checks.registry import all_codes, explanation

    codes = all_codes()
    if code.upper() not in codes:
        raise UsageError(f"no finding {quote(code)}; known are {', '.join(codes)}")
    return [(code.upper(), explanation(code))]


def _operator(name: str) -> list[tuple[str, str]]:
    """Return what the rules of the operators of that name say, in each domain that has one."""
    import rfgraph.ops.registry

    entries = rfgraph.ops.registry.all_rules().values()
    named = [entry for entry in entries if name in _names(entry)]
    if not named:
        from rfgraph.wording.glossary import ALIASES, GLOSSARY

        known = [*sorted({entry.op_type for entry in entries}), *GLOSSARY, *ALIASES]
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"; the nearest names are {', '.join(map(quote, near))}" if near else ""
        raise UsageError(
            f"no rule for an operator, and no word {quote(name)}{hint} (rfgraph ops lists the "
            f"operators; words are {', '.join(sorted(GLOSSARY))})"
        )
    ordered = sorted(named, key=lambda entry: entry.domain)
    titles = group((entry.doc, _names(entry)[1]) for entry in ordered)
    return [(", ".join(names), doc) for doc, names in titles.items()]


def _names(entry: RuleEntry) -> tuple[str, str]:
    return entry.op_type, f"{entry.domain or 'ai.onnx'}.{entry.op_type}"
