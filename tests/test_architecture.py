"""ARCHITECTURE.md says what is there: the layers, paths, bounds, and where to change what.

And what is there can be read: functions fit a screen, files a few of them.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path
from types import FunctionType

import pytest

import rfgraph
from rfgraph import config
from rfgraph.cli import check as check_command
from rfgraph.cli.parser import COMMANDS, MODEL

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "rfgraph"
DOCUMENTS = ("ARCHITECTURE.md", "CONTRIBUTING.md")
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
SOURCES = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}


# What users call takes what may be asked, by name: as many parameters as there are, a line each.
VERBS = {
    (getattr(rfgraph, name).__module__, name)
    for name in rfgraph.__all__
    if isinstance(getattr(rfgraph, name), FunctionType)
}


def functions(path, text):
    """The functions of a source, but those for users to call."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    found = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    return [node for node in found if (module, node.name) not in VERBS]


def lines_of(function):
    first = function.body[0]
    docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) else 0
    return function.end_lineno - function.lineno + 1 - docstring


def parameters_of(function):
    known = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return [argument.arg for argument in known if argument.arg not in ("self", "cls")]


def between(mark):
    (block,) = re.findall(rf"<!-- {mark} -->\n(.*?)<!-- end -->", TEXT, re.DOTALL)
    return block


def named(text):
    """What stands in backticks, without the arguments of a call."""
    return [word.partition("(")[0] for word in re.findall(r"`([^`]+)`", text)]


def changes():
    rows = [line.strip("| ").split(" | ") for line in between("changes").splitlines()]
    return {what: f"{write} {more}" for what, write, more in rows[2:]}


def exists(path):
    """Whether a path is there, from the package or the root; NNN stands for any number."""
    pattern = path.replace("NNN", "[0-9][0-9][0-9]")
    return any(next(folder.glob(found), None) for folder in (PACKAGE, ROOT) for found in
               (pattern, f"{pattern}.py"))  # fmt: skip


def test_the_layers_are_those_that_imports_are_held_to():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(
        one["layers"]
        for one in contract["tool"]["importlinter"]["contracts"]
        if one.get("containers") == ["rfgraph"]
    )
    assert [line.strip() for line in between("layers").splitlines()] == layers


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_exists(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    words = named(re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))
    paths = [word for word in words if re.fullmatch(r"[\w.]+(/[\w.]+)+/?|\w+\.py", word)]
    assert len(paths) > 8
    assert [path for path in paths if not exists(path)] == []


def test_a_path_that_does_not_exist_would_be_seen():
    assert exists("checks/rfNNN.py")
    assert not exists("checks/found.py")


def test_every_name_of_several_words_is_declared():
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS]
    words = named(re.sub(r"^```.*?^```$", "", "".join(texts), flags=re.DOTALL | re.MULTILINE))
    code = "\n".join(SOURCES.values())
    names = [word for word in words if re.fullmatch(r"[a-z]+(_[a-z]+)+|([A-Z][a-z]+){2,}", word)]
    declared = r"^ *(?:class |def )?{}\b.*[:=]"
    assert len(names) > 8
    assert [n for n in names if not re.search(declared.format(n), code, re.MULTILINE)] == []


def test_it_is_read_in_one_go():
    assert len(TEXT.splitlines()) <= 200


def test_every_bound_exists():
    bounds = {word for word in named(TEXT) if word.startswith("MAX_")}
    assert len(bounds) > 20
    code = "\n".join(SOURCES.values())
    assert [name for name in bounds if not re.search(rf"^{name}\b.* = ", code, re.MULTILINE)] == []


@pytest.mark.parametrize("what", changes())
def test_what_a_change_is_written_beside_exists(what):
    words = named(changes()[what])
    assert any(map(exists, words))
    code = "\n".join(SOURCES.values())
    for name in [word for word in words if not exists(word)]:
        command = name.removeprefix("python -m ").replace(".", "/")
        declared = rf"^(class|def) {re.escape(name)}\b|^{re.escape(name)}\b.* = "
        assert exists(f"{command}/__main__.py") or re.search(declared, code, re.MULTILINE), name


def test_every_command_has_what_a_command_needs():
    for name in (*COMMANDS, MODEL):
        module = importlib.import_module(f"rfgraph.cli.{name}")
        assert callable(module.add_arguments)
        assert callable(module.run)
        assert module.FORMATS


def test_a_format_of_the_findings_is_a_module():
    folder = PACKAGE / "reports" / "findings"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert set(check_command.FORMATS) == modules
    assert config.FORMATS == check_command.FORMATS


def test_what_stands_in_a_file_can_be_read():
    every = [(path, node) for path, text in SOURCES.items() for node in functions(path, text)]
    assert [path for path, text in SOURCES.items() if len(text.splitlines()) > 400] == []
    assert [(path, node.name) for path, node in every if lines_of(node) > 40] == []
    assert [(path, node.name) for path, node in every if len(parameters_of(node)) > 6] == []


def test_what_cannot_be_read_would_be_seen():
    body = "\n".join(["    one = 1"] * 40)
    text = f'def of(self, a, b, *, c, d, e, f, g):\n    """One.\n\n    Two."""\n{body}'
    (long,) = functions(PACKAGE / "config.py", text)
    assert lines_of(long) == 41
    assert parameters_of(long) == list("abcdefg")
    assert functions(PACKAGE / "analysis" / "erf.py", "def erf(result):\n    pass") == []


# Participles that do not end in -ed or -ing, and words that do and are none.
IRREGULAR = (
    "bound brought built chosen cut done drawn found given held hidden kept known left lost made "
    "met said seen sent shown swept taken told undone written"
).split()
NOUNS = "beginning everything finding heading mapping padding rounding setting".split()
# What users call; of a comparison those that are worse, of a constant its value.
CALLED = {"failing", "fetched", "known", "ranked"}


def is_participle(name):
    word = name.strip("_")
    return word in IRREGULAR or (
        word.endswith(("ed", "ing")) and "_" not in word and word not in NOUNS
    )


def is_property(function):
    return any("property" in ast.unparse(item) for item in function.decorator_list)


def participles_of(text):
    every = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    return {f.name for f in every if is_participle(f.name) and not is_property(f)} - CALLED


def test_a_function_is_named_by_what_it_does_or_returns():
    sources = sorted((ROOT / "rfgraph").rglob("*.py"))
    found = {path.name: participles_of(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: names for name, names in found.items() if names} == {}


def test_a_bare_participle_would_be_seen():
    assert participles_of("def _moved(): ...\ndef move(): ...\ndef moved_to(): ...") == {"_moved"}
