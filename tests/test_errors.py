"""How names and paths are shown in an error."""

from __future__ import annotations

from rfgraph.wording.names import MAX_PATH, printable, shown_path


def test_a_long_name_keeps_its_start_and_a_long_path_its_end():
    assert printable("conv1" + "x" * 200, 8) == "conv1xx…"
    shown = shown_path("/a" * 200 + "/model.onnx")
    assert len(shown) == MAX_PATH
    assert shown.startswith("…")
    assert shown.endswith("/a/model.onnx")
    assert shown_path("model.onnx") == "model.onnx"


def test_what_acts_on_a_terminal_is_escaped_in_both():
    assert printable("a\x1b[2J\u202eb\n") == "a\\x1b[2J\\u202eb\\x0a"
    assert shown_path("a\x1b[2J\u202eb\n") == "a\\x1b[2J\\u202eb\\x0a"
