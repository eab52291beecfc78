"""Write under the commands of README and docs what they print now; read the difference."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from pathlib import Path

from rfgraph.cli import main

ROOT = Path(__file__).resolve().parents[1]


def refreshed(block: re.Match[str]) -> str:
    """Return a block of commands with what they print."""
    parts = []
    for part in re.split(r"^\$ rfgraph ", block[1], flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            main(shlex.split(command))
        lines = out.getvalue().rstrip().splitlines()
        if shown.endswith("\n...\n"):
            lines = [*lines[: shown.count("\n") - 1], "..."]
        parts.append("\n".join([f"$ rfgraph {command}", *lines, ""]))
    return f"```console\n{''.join(parts)}```"


if __name__ == "__main__":
    os.chdir(ROOT)
    for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md")):
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"```console\n(.*?)```", refreshed, text, flags=re.DOTALL), "utf-8")
