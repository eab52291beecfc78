"""The pictures of the site and its gallery, drawn by the commands that a reader would use."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rfgraph
from rfgraph.cli import main
from rfgraph.wording.numbers import amount, figure, share, times

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "fixtures"

# The picture of each page, and the command that draws it.
PICTURES = {
    "figures/resnet18-paths.svg": "plot resnet18.onnx",
    "figures/highres3dnet-paths.svg": "plot highres3dnet.onnx",
    "figures/resnet18-effective.svg": "plot resnet18.onnx --erf",
    "figures/vgg16-growth.svg": "plot vgg16.onnx --erf --layers",
}

# Interactive reports that pages embed.
REPORTS = {
    "reports/resnet18.html": "report resnet18.onnx",
    "reports/unet.html": "report unet_nearest.onnx",
}


def figures() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each picture and report, then the gallery's and its page."""
    for path, command in (*PICTURES.items(), *REPORTS.items()):
        yield path, drawn(command)
    cards = ["# Gallery", INTRODUCTION]
    for entry in tomllib.loads((ROOT / "docs/gallery.toml").read_text("utf-8"))["network"]:
        name = Path(entry["file"]).stem
        path = f"figures/gallery-{name}.svg"
        yield path, drawn(" ".join(["plot", entry["file"], *options(entry)]))
        cards.append(card(entry, path))
    yield "gallery.md", "\n\n".join(cards) + "\n"


INTRODUCTION = (
    "Networks of the folder `fixtures/`, which `rfgraph` has as files without weights. What stands "
    "in a card is what the commands print of the file."
)


def options(entry: dict[str, Any]) -> Iterator[str]:
    """Yield the options of the picture of a card."""
    if entry["picture"] == "effective":
        yield "--erf"
    if "tensor" in entry:
        yield from ("--tensor", entry["tensor"])


def drawn(command: str) -> str:
    """Return the picture (SVG) or the page that a command writes; the model is a fixture."""
    verb, model, *options = command.split()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("page.html" if verb == "report" else "picture.svg")
        code = main([verb, os.path.relpath(FIXTURES / model), *options, "-o", str(path)])
        if code:
            raise RuntimeError(f"rfgraph {command}: exit code {code}")
        return path.read_text("utf-8")


def card(entry: dict[str, Any], picture: str) -> str:
    """Return a card of the gallery: what a network reads, and what it teaches."""
    result = rfgraph.analyze(FIXTURES / entry["file"])
    histogram = rfgraph.path_histogram(result, tensor=entry.get("tensor"))
    field = result.receptive_field(histogram.tensor, histogram.input)
    axes = result.forms[field.input].spatial_axes
    sizes = times([field.axes[axis].size or field.axes[axis].scope for axis in axes])
    stride = times([field.axes[axis].stride or "-" for axis in axes])
    routes = histogram.axes[axes[0]]
    span = f"{routes.min} to {routes.max}" if routes.min != routes.max else f"{routes.min}"
    effective = rfgraph.erf(result, histogram.tensor, input=histogram.input).axes
    inside = times([effective[axis].size for axis in axes])
    cut = rfgraph.tiles(result, histogram.tensor, histogram.input)
    halo = (
        "; ".join(
            f"{axis.halo[0]} before, {axis.halo[1]} after" for axis in list(cut.axes.values())[:1]
        )
        if cut.exact
        else "none is exact: " + ", ".join(dict.fromkeys(item.op_type for item in cut.blockers))
    )
    rows = [
        ("receptive field", f"{sizes}, stride {stride}"),
        ("routes", f"{amount(histogram.total)}, sizes {span}"),
        ("effective 95 %", f"{inside} inside the input"),
        ("halo of a tile", halo),
    ]
    lines = "\n".join(f"| {label} | {value} |" for label, value in rows)
    teaches = entry["teaches"].format(
        smallest=routes.min,
        largest=routes.max,
        mean=figure(routes.mean, 4),
        routes=amount(histogram.total),
        covering=share(routes.covering or 0, histogram.total),
        length=result.input(field.input).shape[axes[0]],
        effective=inside,
        stride=field.axes[axes[0]].stride,
        halo=halo,
        grid=next((axis.period[1] for axis in cut.axes.values()), None),
    )
    return (
        f"## {entry['title']}\n\n{teaches}\n\n"
        f"![{entry['title']}]({picture}){{ width=640 }}\n\n"
        f"| `{entry['file']}` | |\n|---|---|\n{lines}"
    )
