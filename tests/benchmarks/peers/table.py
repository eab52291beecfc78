"""What was measured, as Markdown: the answers beside the right ones, and what they took."""

from __future__ import annotations

import sys
from typing import Any

from benchmarks import timing

KEYS = {"union": "size", "least": "size_min", "smallest": "paths.min", "distinct": "paths.distinct",
        "paths": "paths.total", "scope": "scope"}  # fmt: skip
# Which tensor of the fixture is the one where the networks here end.
ENDS = {"resnet18": "layer4.1.relu_out", "resnet50": "layer4.2.relu_out", "densenet201": "relu5",
        "efficientnet_b0": "features.8.silu", "highres3dnet": "classifier",
        "unet_bilinear": "head"}  # fmt: skip
HALF = " (half)"


def expected(name: str) -> dict[str, Any]:
    """Return the right answer on the rows' axis, from the fixtures' expected numbers."""
    sys.path.insert(0, str(timing.ROOT))
    from fixtures.expected import load

    rows = {
        row.key: row.value for row in load()
        if row.model == name and row.tensor == ENDS[name] and row.axis == 2
    }  # fmt: skip
    sizes = rows.get("paths.histogram")
    if sizes is not None:
        rows |= {"paths.min": sizes[0][0], "paths.distinct": len(sizes)}
    found = {ours: rows[theirs] for ours, theirs in KEYS.items()}
    if found["scope"] == "global":
        found |= {
            "union": rows["local.size"], "least": rows["local.size_min"],
            "paths": rows["paths.local"],
        }  # fmt: skip
    return found


def verdict(answer: dict[str, Any], right: dict[str, Any]) -> str:
    """Say "right", "half" or "wrong" of what a tool gives as the size.

    Half: the size, but not that gates make it global, or that but not the size past the gates; or
    the size of one unit where units differ.
    """
    size = answer.get("union", answer["largest"])
    whole = right["scope"] == "global"
    if size == right["union"]:
        return "right" if not whole or answer.get("scope") == "global" else "half"
    if (whole and answer.get("clipped")) or right["least"] <= size < right["union"]:
        return "half"
    return "wrong"


def complete(answer: dict[str, Any], right: dict[str, Any]) -> str:
    """Say how much of the distribution over paths a tool gives."""
    if "distinct" not in answer:
        return "none"
    keys = ("smallest", "distinct", "paths")
    if any(answer[key] not in (None, right[key]) for key in keys):
        return "wrong"
    return "sizes" if answer["paths"] is None else "sizes and counts"


def cell(row: dict[str, Any], right: dict[str, Any]) -> str:
    """Say one answer in few characters."""
    answer = row["answer"]
    if "error" in answer:
        return "no answer"
    if "largest" not in answer:
        return ""
    size = answer.get("union", answer["largest"])
    said = f"{size:.1e}" if size > 10**6 else str(size)
    if answer.get("clipped"):
        said = "all of the input"
    elif answer.get("scope") == "global":
        said = f"all, {said} past the gates"
    said += {"right": "", "half": HALF, "wrong": " **wrong**"}[verdict(answer, right)]
    spread = complete(answer, right)
    if spread == "none":
        return said
    if spread == "wrong":
        return f"{said}; {answer['distinct']} sizes **wrong**"
    counts = f", {short(answer['paths'])} paths" if answer["paths"] else ""
    return f"{said}; {answer['distinct']} sizes{counts}"


def short(count: str) -> str:
    """Say a count of paths in few characters."""
    value = int(count)
    if value & (value - 1) == 0 and value > 10**6:
        return f"2^{value.bit_length() - 1}"
    return count


def truth(right: dict[str, Any]) -> str:
    """Say the right answer."""
    size = f"all, {right['union']} past the gates" if right["scope"] == "global" else right["union"]
    return f"{size}; {right['distinct']} sizes, {short(right['paths'])} paths"


def grid(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(ratios: list[float]) -> str:
    """Say a range of ratios with two digits each."""
    if not ratios:
        return ""
    said = [f"{x:.2g}" if x < 10 else f"{x:.0f}" for x in (min(ratios), max(ratios))]
    return said[0] if said[0] == said[1] else f"{said[0]} to {said[1]}"


def costs(found: dict[str, Any], what: str) -> str:
    """Lay out wall and processor time of processes or calls, and how many times rfgraph's."""
    names = list(found["networks"])
    unit, scale = ("s", 1) if what == "process" else ("ms", 1000)
    rows = []
    for tool in next(iter(found["networks"].values())):
        cells, walls, cpus, peaks = [], [], [], []
        for name in names:
            row, ours = found["networks"][name][tool], found["networks"][name]["rfgraph"]
            if "error" in row["answer"]:
                cells.append("")
                continue
            took = row[what]
            cells.append(" / ".join(figure(took[key] * scale) for key in ("wall", "cpu")))
            walls.append(took["wall"] / ours[what]["wall"])
            cpus.append(took["cpu"] / ours[what]["cpu"])
            peaks.append(row["process"]["peak"])
        if cells and any(cells):
            last = [spread(peaks)] if what == "process" else []
            rows.append([tool, *cells, spread(walls), spread(cpus), *last])
    head = [f"wall / CPU, {unit}", *names, "times rfgraph, wall", "times rfgraph, CPU"]
    return grid([*head, "peak MB"] if what == "process" else head, rows)


def figure(value: float) -> str:
    """Say a time with about two digits."""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def reasons(found: dict[str, Any]) -> list[str]:
    """List why tools gave no answer, each reason once."""
    seen: dict[tuple[str, str], list[str]] = {}
    for name, rows in found["networks"].items():
        for tool, row in rows.items():
            if "error" in row["answer"]:
                seen.setdefault((tool, row["answer"]["error"]), []).append(name)
    total = len(found["networks"])
    return [
        f"- {tool}, {'all' if len(names) == total else ', '.join(names)}: {error}"
        for (tool, error), names in seen.items()
    ]


def answers(found: dict[str, Any]) -> str:
    """Lay out what each tool says beside what is right."""
    names = list(found["networks"])
    rows = [["**right**", *(truth(found["expected"][name]) for name in names)]]
    for tool in next(iter(found["networks"].values())):
        own = [found["networks"][name][tool] for name in names]
        cells = [cell(row, found["expected"][name]) for row, name in zip(own, names, strict=True)]
        if any(cells):
            rows.append([tool, *cells])
    return grid(["", *names], rows)


def conditions(found: dict[str, Any]) -> str:
    """Say in general terms where and when it was measured."""
    at = found["machine"]
    return (
        f"{at['date']}, {at['cores']} cores, {at['system']}, Python {at['python']}, "
        f"best of {found['rounds']} rounds in one run."
    )


def readme(found: dict[str, Any]) -> str:
    """Lay out what the README shows."""
    parts = [answers(found), costs(found, "process"), f"Measured {conditions(found)}"]
    return "\n\n".join(parts)


def markdown(found: dict[str, Any]) -> str:
    """Lay out everything."""
    parts = [
        conditions(found),
        "Answers: the size, and the sizes over paths where a tool gives them:",
        answers(found),
        "Whole processes:",
        costs(found, "process"),
        "Calls, imports and the making of the network left out:",
        costs(found, "call"),
        "\n".join(["Notes:", *(f"- {note}" for note in found["notes"]), *reasons(found)]),
    ]
    return "\n\n".join(parts)
