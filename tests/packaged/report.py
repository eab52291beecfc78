"""What is said of one model file: how large it is, how long it takes, how exactly it is known."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rfgraph
from ops import optimize
from rfgraph.analysis.not_followed import not_followed
from rfgraph.ops.registry import all_rules
from rfgraph.reports.operators import operator_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODELLED = {(row.domain, row.operator): row.modelled for row in operator_rows(all_rules().values())}
KINDS = ("exact", "upper bound", "unknown")


@dataclass
class Row:
    """The figures of one model."""

    nodes: int = 0
    load: float = 0.0
    analysis: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    code: int = 0
    error: str = ""
    unknown: list[str] = field(default_factory=list)
    shapeless: int = 0
    differs: bool = False

    @property
    def failed(self) -> bool:
        return self.code != 0 or self.differs

    def lines(self) -> list[str]:
        """Return what is printed of the model."""
        total = sum(self.kinds.values()) or 1
        shares = ", ".join(f"{kind} {self.kinds[kind] / total:.1%}" for kind in KINDS)
        found = [
            f"exit code {self.code}  {self.nodes} nodes  load {self.load:.2f} s  "
            f"analysis {self.analysis:.2f} s  {shares} of {total} that carry data"
        ]
        if self.shapeless:
            found.append(f"{self.shapeless} tensors have no shape")
        return [*found, *filter(None, [self.error]), *self.unknown]


def row(path: Path) -> Row:
    """Analyse one file, by the command line and in this process."""
    run = subprocess.run(
        [sys.executable, "-m", "rfgraph", str(path), "--format", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = Row(code=run.returncode, error=run.stderr.strip() if run.returncode else "")
    if found.failed:
        return found
    start = time.process_time()
    model = rfgraph.load(path)
    loaded = time.process_time()
    result = rfgraph.analyze(model)
    result.to_dict()
    found.load, found.analysis = loaded - start, time.process_time() - loaded
    found.nodes = model.nodes
    _count(found, model)
    messages = Counter(finding.message for finding in result.findings)
    found.unknown = [f"{count} times: {text}" for text, count in messages.items()]
    return found


def _count(found: Row, model: Any) -> None:
    lost = {item.operator for item in not_followed(model)}
    made = {}
    for _, data in model.graph.nodes(data=True):
        operator = data["producer"]
        found.shapeless += data["shape"] is None
        if operator is not None:
            made[operator] = "unknown" if operator in lost else _modelled(operator)
    found.kinds.update(made.values())


def _modelled(operator: Any) -> str:
    """Return how a rule speaks of itself; one whose positions may depend on data is exact here.

    Where they do, its nodes are among the unanalysed ones, which are counted as unknown.
    """
    said = MODELLED.get((operator.domain, operator.op_type), "exact")
    return "exact" if said == "unknown" else said


def optimized(found: Row, path: Path) -> Iterator[str]:
    """Yield, for each level of onnxruntime's optimizations, whether the outputs read the same.

    What is before all is global is compared where the optimized graph still has the tensor.
    """
    before = rfgraph.analyze(path)
    for name, level in optimize.LEVELS.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                saved = optimize.optimized(path, level, Path(folder))
            except Exception as error:
                yield f"    {name}: onnxruntime cannot: {str(error).splitlines()[0][:150]}"
                continue
            after = rfgraph.analyze(saved)
        wanted = [tensor for tensor in optimize.ends(before) if tensor in after.graph]
        same = optimize.numbers(before, wanted) == optimize.numbers(after, wanted)
        found.differs = found.differs or not same
        yield f"    {name}: the outputs read {'the same' if same else 'something else'}"


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the totals."""
    kinds = sum((row.kinds for row in rows), Counter())
    total = sum(kinds.values()) or 1
    shares = ", ".join(f"{kind} {kinds[kind]} ({kinds[kind] / total:.2%})" for kind in KINDS)
    failed = sum(row.failed for row in rows)
    slowest = max((row.load + row.analysis for row in rows), default=0.0)
    yield f"{len(rows)} models, {failed} failed, {sum(row.nodes for row in rows)} nodes; {shares}"
    yield f"slowest load and analysis {slowest:.2f} s"
