"""The rows of the table over many models: one for each output and input that say something else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rfgraph.analysis.erf import erf
from rfgraph.analysis.result import Result, analyze
from rfgraph.analysis.streaming import stream
from rfgraph.analysis.tiling import tiles
from rfgraph.checks.run import error_line, file_name, findings
from rfgraph.checks.settings import make_settings
from rfgraph.domains.fields.axis import numbers
from rfgraph.domains.fields.layout import has_local_path
from rfgraph.errors import RfgraphError, UsageError
from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.formats.style import blocks
from rfgraph.reports.formats.table import lay_out
from rfgraph.version import HEAD
from rfgraph.wording.names import safe, some_names
from rfgraph.wording.numbers import count_of, rational, times, whole_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor
    from fractions import Fraction

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.domains.fields.axis import Json
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.reports.formats.style import Style

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """What one tensor of one model reads of one input, along its spatial axes, in positions.

    `tensors` are alike in all that is said here. A `size` is that of the local paths, or the word
    for an axis without one, and `effective` holds 95 % of what counts over them. `covers` is None
    where that is not known, or `is_open`: a length that the file leaves open. `halo` is before and
    after, empty where no tiles are exact and None where that cannot be told; `lookahead` None for
    an input with several axes, and without end. `codes` are what `rfgraph check --select all` finds
    but RF001, whose question is `covers`; one with a "?" asks for a length that is open. With an
    `error` there is nothing else.
    """

    file: str
    tensors: tuple[str, ...] = ()
    input: str = ""
    lengths: tuple[int, ...] = ()
    size: tuple[int | str, ...] = ()
    effective: tuple[int, ...] | None = None
    covers: bool | None = None
    is_open: bool = False
    halo: tuple[tuple[int, int], ...] | None = None
    lookahead: Fraction | None = None
    codes: tuple[str, ...] = ()
    error: str | None = None

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "file": self.file,
            "error": self.error,
            "tensors": list(self.tensors),
            "input": self.input or None,
            "lengths": list(self.lengths),
            "size": list(self.size),
            "effective": None if self.effective is None else list(self.effective),
            "covers_input": self.covers,
            "halo": [list(pair) for pair in self.halo] if self.halo else None,
            "lookahead": rational(self.lookahead),
            "findings": list(self.codes),
        }


HEADER = (
    *("model", "tensor", "input", "size", "effective", "covers"),
    *("halo", "look-ahead", "findings"),
)
KEYS = (
    *("file", "tensors", "input", "lengths", "size", "effective", "covers_input"),
    *("halo", "lookahead", "findings", "error"),
)
# What the columns say, for people.
NOTE = (
    "size: of the receptive field of local paths, or the word for an axis without one. effective: "
    "what holds 95 % of what counts over them, inside the input. covers: the field is at least as "
    "long as the input, or global and leaves nothing out (RF001 asks this of each path); open "
    "where the file leaves the length open. halo: of a tile, before+after where they differ. "
    "look-ahead: past a unit's own position, where one axis is spatial. findings: what rfgraph "
    "check --select all finds beside RF001; rfgraph explain CODE says what each means; with a ?, "
    "an open length must be bound first. An output that is global is shown by what comes before "
    "it, if anything does."
)


def cells_of(row: Row) -> tuple[str, ...]:
    """Return a row as words, in the order of `HEADER`; names as they are in the file."""
    if row.error is not None:
        return (row.file, "error", *("",) * (len(HEADER) - 3), row.error)
    halo = "-" if row.halo is None else times(list(map(_sides, row.halo))) or "not exact"
    return (
        row.file,
        some_names(row.tensors, 1),
        times(row.lengths),
        times(row.size) or "-",
        "-" if row.effective is None else times(row.effective),
        {True: "yes", False: "no", None: "open" if row.is_open else "-"}[row.covers],
        halo,
        "-" if row.lookahead is None else whole_up(row.lookahead),
        " ".join(row.codes) or "-",
    )


def _sides(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}+{pair[1]}"


def rows_of(model: Source) -> tuple[Row, ...]:
    """Return the rows of one model; whatever goes wrong is its only row, not raised."""
    try:
        return tuple(_alike(_rows(file_name(model), analyze(model))))
    except Exception as error:
        return (Row(file_name(model), error=error_line(model, error)),)


def rows_of_many(models: Sequence[Source], executor: Executor | None) -> Iterator[tuple[Row, ...]]:
    """Yield the rows of each model, in the order given."""
    yield from map(rows_of, models) if executor is None else executor.map(rows_of, models)


def _rows(file: str, result: Result) -> Iterator[Row]:
    codes = tuple(_codes(result))
    said = False
    for output in result.outputs:
        for field in result.receptive_fields(list(output.before_global or (output.name,))):
            said = True
            yield _row(file, result, field, codes)
    if not said:
        yield Row(file, result.model.outputs, codes=codes)


def _codes(result: Result) -> Iterator[str]:
    """Yield the codes of what is found, and with a "?" those that ask for a length that is open."""
    for code in make_settings(select="all", ignore="RF001").select:
        answer = _ask(result, code)
        if answer is None:
            yield f"{code}?"
        elif answer:
            yield code


def _ask(result: Result, code: str) -> bool | None:
    try:
        return any(findings(result, make_settings(select=code)))
    except UsageError:
        return None


def _row(file: str, result: Result, field: ReceptiveField, codes: tuple[str, ...]) -> Row:
    axes = [field.axes[axis] for axis in result.forms[field.input].spatial_axes]
    shown = [numbers(axis) for axis in axes]
    covers = {axis.covers_input for axis in axes}
    item = result.input(field.input)
    return Row(
        file,
        (field.tensor,),
        field.input,
        tuple(item.shape[axis.axis] for axis in axes),
        tuple(
            axis.scope if local is None or local.size is None else local.size
            for axis, local in zip(axes, shown, strict=True)
        ),
        _effective(result, field),
        False if False in covers else None if None in covers else True,
        any(axis.covers_input is None and axis.axis in item.probed for axis in axes),
        _halo(result, field),
        _lookahead(result, field, len(axes)),
        codes,
    )


def _effective(result: Result, field: ReceptiveField) -> tuple[int, ...] | None:
    if not has_local_path(result.forms[field.input], field.tensor):
        return None
    try:
        axes = erf(result, field.tensor, input=field.input, local=True).axes.values()
    except RfgraphError:
        return None
    sizes = tuple(axis.size for axis in axes if axis.size is not None)
    return sizes if len(sizes) == len(axes) else None


def _halo(result: Result, field: ReceptiveField) -> tuple[tuple[int, int], ...] | None:
    try:
        cut = tiles(result, field.tensor, field.input)
    except RfgraphError:
        return None
    if not cut.axes and cut.exact:
        return None
    return tuple(axis.halo for axis in cut.axes.values()) if cut.exact else ()


def _lookahead(result: Result, field: ReceptiveField, axes: int) -> Fraction | None:
    if axes != 1:
        return None
    try:
        return stream(result, field.tensor, field.input).lookahead
    except RfgraphError:
        return None


def _alike(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield rows that say the same of several tensors once."""
    alike: dict[Row, dict[str, None]] = {}
    for row in rows:
        alike.setdefault(replace(row, tensors=()), {}).update(dict.fromkeys(row.tensors))
    for row, names in alike.items():
        yield replace(row, tensors=tuple(names))


def in_order(rows: Sequence[Row], column: str | None, *, reverse: bool) -> list[Row]:
    """Return the rows ordered by a column, as given by None; what has no number comes last."""
    if column is None:
        return list(reversed(rows)) if reverse else list(rows)
    ordered = sorted(rows, key=lambda row: sort_key(row, column), reverse=reverse)
    return [
        *(row for row in ordered if _number(row, column)),
        *(row for row in ordered if not _number(row, column)),
    ]


def _number(row: Row, column: str) -> bool:
    return row.error is None and cells_of(row)[HEADER.index(column)] not in ("-", "not exact")


def sort_key(row: Row, column: str) -> tuple[object, ...]:
    """Return by what a column is ordered: numbers as such, words after them."""
    match column:
        case "input":
            return row.lengths
        case "size":
            return tuple((isinstance(size, str), size) for size in row.size)
        case "effective":
            return row.effective or ()
        case "halo":
            return row.halo or ()
        case "look-ahead":
            return (row.lookahead is not None, row.lookahead or 0)
        case "findings":
            return (len(row.codes), row.codes)
    return (cells_of(row)[HEADER.index(column)],)


# -- in each format -------------------------------------------------------------------------------


def as_text(rows: Sequence[Row], style: Style) -> str:
    """Return the table, a note on its columns, and how many models could not be read."""
    read = [row for row in rows if row.error is None]
    broken = len(rows) - len(read)
    models = count_of(len({row.file for row in rows}), "model")
    said = [[f"{models}, {broken} could not be read" if broken else models]]
    if read:
        said = [lay_out(HEADER, map(_printable, read), style), style.wrap(NOTE), *said]
    return blocks(*said)


def as_json(rows: Sequence[Row]) -> str:
    """Return the rows as JSON."""
    return dumps({**HEAD, "models": [row.to_dict() for row in rows]})


def as_csv(rows: Sequence[Row]) -> str:
    """Return a row for each row of the table, by the keys of the JSON report."""
    return csv_text(KEYS, map(_record, rows))


def _record(row: Row) -> Iterator[object]:
    halo = None if not row.halo else [f"{before}+{after}" for before, after in row.halo]
    entry = {**row.to_dict(), "halo": halo}
    yield from (entry[key] for key in KEYS)


def as_markdown(rows: Sequence[Row]) -> str:
    """Return the table."""
    return table(HEADER, map(_printable, rows)) + "\n"


def _printable(row: Row) -> list[str]:
    return [*map(safe, cells_of(row))]
