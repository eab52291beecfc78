"""Models written as text: protobuf's text and JSON forms and ONNX's own syntax."""

from __future__ import annotations

import re
from pathlib import PurePath

import onnx
from onnx import serialization

from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading.scan import MAX_NESTING
from rfgraph.wording.names import printable

_SYNTAX = "onnxtxt"
# The endings that onnx knows; its older versions lack some.
_ENDINGS = {
    ".textproto": "textproto",
    ".txtpb": "textproto",
    ".prototxt": "textproto",
    ".pbtxt": "textproto",
    ".json": "json",
    ".onnxjson": "json",
    ".onnxtxt": _SYNTAX,
    ".onnxtext": _SYNTAX,
}
# As onnx's parser reads it: brackets in strings and comments do not count.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|#[^\n]*|[(){}]', re.DOTALL)
_STEP = {"(": (1, 0), ")": (-1, 0), "{": (0, 1), "}": (0, -1)}


def text_format(name: str) -> str | None:
    """Return the text format that the ending of a file name stands for, None if it is binary."""
    return _ENDINGS.get(PurePath(name).suffix.lower())


def parse_text(data: bytes, form: str) -> onnx.ModelProto:
    """Return the model that `data` spells in a format of `text_format`; ModelError if none."""
    try:
        if form == _SYNTAX:
            return _parse_syntax(data.decode("utf-8"))
        return serialization.registry.get(form).deserialize_proto(data, onnx.ModelProto())
    except (MemoryError, ModelError):
        raise
    except Exception as error:  # each parser has its own, and RecursionError, AttributeError
        reason = printable(" ".join(str(error).split()), 160)
        raise ModelError(f"not an ONNX model as {form} ({reason})") from None


def _parse_syntax(text: str) -> onnx.ModelProto:
    """Parse ONNX's own syntax, whose parser descends without a bound until the process dies."""
    round_depth = curly_depth = 0
    for token in _TOKEN.finditer(text):
        step = _STEP.get(token[0])
        if step is not None:
            round_depth += step[0]
            curly_depth += step[1]
        if max(round_depth, curly_depth) > MAX_NESTING:
            raise ModelError(f"brackets are nested deeper than {MAX_NESTING}")
    return onnx.parser.parse_model(text)
