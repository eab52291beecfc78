"""The bounds that the README states, with their values as the code has them."""

from __future__ import annotations

from rfgraph.analysis import together, verification, view
from rfgraph.checks import description, rf004
from rfgraph.domains import read_units
from rfgraph.domains.effective import stored
from rfgraph.domains.fields import closed_form
from rfgraph.domains.paths import counting, states
from rfgraph.onnxfile import runnable
from rfgraph.onnxfile.building import budget, fold, operands
from rfgraph.onnxfile.control import sequences
from rfgraph.onnxfile.reading import source, tensors, wire
from rfgraph.relations import bounds
from rfgraph.wording import names

BOUNDS = [
    (wire, "MAX_NESTING", "protobuf messages inside each other"),
    (
        source,
        "WHOLE_LIMIT",
        "bytes that are read whole (weights are not among them)",
    ),
    (budget, "MAX_NESTING", "subgraphs and function calls inside each other"),
    (budget, "MAX_EXPANDED", "nodes that functions and subgraphs become"),
    (budget, "MAX_TURNS", "turns of a Loop or Scan that are unrolled; more are bounded from one"),
    (budget, "MAX_UNROLLED", "nodes of one unrolled Loop or Scan, or of a turn that bounds all"),
    (budget, "MAX_TRIED", "nodes of all turns that bound all; more are `unknown`"),
    (budget, "MAX_EDGES", "edges of the graph"),
    (sequences, "MAX_ITEMS", "elements of a sequence that is followed"),
    (tensors, "MAX_RANK", "dimensions of a tensor"),
    (fold, "MAX_FOLD", "elements of one computed constant"),
    (budget, "MAX_FOLDED", "elements of all computed constants"),
    (budget, "MAX_TAKEN", "elements of constants that rules look at"),
    (budget, "MAX_LISTED", "elements of index lists"),
    (closed_form, "MAX_CLASSES", "kinds of paths to one tensor that are told apart"),
    (bounds, "MAX_TABLE", "entries of one table of regions"),
    (bounds, "MAX_CHANNELED", "entries of one array of a map by stored weights"),
    (bounds, "MAX_TABLED", "entries of all tables that are needed at once"),
    (bounds, "MAX_TABULATED", "entries of all tables that one question makes"),
    (operands, "MAX_OPERAND", "elements of one stored weight that `erf --map stored` reads"),
    (operands, "MAX_OPERANDS", "elements of all that it reads for one map"),
    (stored, "MAX_MULTIPLIED", "products of weights and values that it takes for one map"),
    (
        read_units,
        "MAX_PRODUCTS",
        "products of position sets for a few units; more are looked up in tables",
    ),
    (states, "MAX_STATES", "states of paths that are told apart"),
    (states, "MAX_PATTERNS", "entries of the tables of paths without a closed form"),
    (counting, "MAX_SIZES", "sizes of a histogram that is listed without `--full`"),
    (counting, "MAX_DIGITS", "digits of a histogram that is listed without `--full`"),
    (counting, "MAX_FULL", "sizes of a histogram that is listed with it"),
    (verification, "MAX_SECONDS", "seconds that a run by `--verify` may take"),
    (verification, "MAX_BYTES", "bytes of memory that it may take"),
    (runnable, "MAX_DRAWN", "weights that it draws for those in other files"),
    (together, "MAX_TOGETHER", "other inputs that may have to be cut together with one"),
    (view, "MAX_FIELDS", "pairs of a tensor and one of several inputs that a report lists"),
    (description, "MAX_DESCRIPTION", "bytes of a bioimage.io description (`--rdf`)"),
    (rf004, "MAX_TAPS", "dead taps of a window in a row that RF004 looks at"),
    (names, "MAX_LINE", "characters of an error"),
    (names, "MAX_NAME", "characters of a name in an error"),
]


def shown(number: int) -> str:
    """Return a number as people read it."""
    power = number.bit_length() - 1
    if number >= 1 << 16 and number == 1 << power:
        return f"2<sup>{power}</sup>"
    if number >= 1 << 16 and number == (1 << power + 1) - 1:
        return f"2<sup>{power + 1}</sup> - 1"
    return f"{number:,}"


def table() -> str:
    """Return the README's table of bounds."""
    lines = ["| bound | value | of |", "|---|---|---|"]
    for module, name, what in BOUNDS:
        lines.append(f"| `{name}` | {shown(getattr(module, name))} | {what} |")
    return "\n".join(lines)
