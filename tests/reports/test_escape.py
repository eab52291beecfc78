"""Names are shown whole where they fit, and nothing in them acts on what shows them."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfgraph.wording.names import (
    cells,
    for_csv,
    for_html,
    for_markdown,
    markdown_text,
    one_line,
    safe,
    shorten,
)

ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
NAMES = st.text(st.characters(), max_size=60)


def acting(text):
    return [char for char in text if unicodedata.category(char) in ACTING]


@given(NAMES)
def test_no_rendering_holds_a_character_that_acts(name):
    for shown in (safe(name), for_csv(name), for_markdown(name), for_html(name), one_line(name)):
        assert acting(shown) == []


@given(NAMES, st.integers(1, 40), st.sampled_from([0.0, 0.2, 0.5]))
def test_a_shortened_name_fits(name, width, head):
    text = shorten(name, width, head)
    assert cells(text) <= width
    if cells(safe(name)) <= width:
        assert text == safe(name)


@pytest.mark.parametrize(
    ("width", "head", "shown"),
    [
        (9, 0.5, "abcd…wxyz"),
        (9, 0.25, "ab…uvwxyz"),
        (9, 0.0, "…stuvwxyz"),
        (26, 0.5, "abcdefghijklmnopqrstuvwxyz"),
        (1, 0.5, "…"),
    ],
)
def test_names_lose_their_middle(width, head, shown):
    assert shorten("abcdefghijklmnopqrstuvwxyz", width, head) == shown


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("層1", 3), ("e\u0301", 1), ("", 0), ("ﾊ", 1)]
)
def test_cells_are_those_of_a_terminal(text, width):
    assert cells(text) == width


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", " =1", "\uff1d1", "\t=1"])
def test_formulas_are_text_in_csv(name):
    assert for_csv(name)[0] in "'\\"


@pytest.mark.parametrize("name", ["conv1", "a=b", "x-1", "/layer/conv", "'quoted'", ""])
def test_other_names_are_themselves_in_csv(name):
    assert for_csv(name) == name


@given(NAMES)
def test_csv_gives_back_what_was_written(name):
    out = io.StringIO()
    csv.writer(out).writerow([for_csv(name), "next"])
    (row,) = csv.reader(io.StringIO(out.getvalue()))
    assert row == [for_csv(name), "next"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("`x`", r"\`x\`"),
        ("_x_ *y*", r"\_x\_ \*y\*"),
        ("[a](b)", r"\[a\](b)"),
        ("a\\|b", r"a\\\\\|b"),
        ("http://x", r"http\://x"),
        ("www.x", r"www\.x"),
        ("~~x~~", r"\~\~x\~\~"),
        ("layer4.2.conv1", "layer4.2.conv1"),
        ("/down/conv:0", "/down/conv:0"),
    ],
)
def test_markdown_is_text(name, shown):
    assert for_markdown(name) == shown


def test_names_in_a_sentence_are_escaped_once():
    sentence = f"global through {safe('a' + chr(27))}"
    assert markdown_text(sentence) == r"global through a\\x1b"
    assert one_line(sentence) == r"global through a\x1b"


def test_html_is_text():
    shown = for_html("<img src=x onerror=\"a('b')\">&")
    assert shown == "&lt;img src=x onerror=&quot;a(&#x27;b&#x27;)&quot;&gt;&amp;"


@pytest.mark.parametrize("message", ["x" * 5000, "\\" * 5000, "\n" * 5000, "層" * 5000])
def test_messages_are_bounded(message):
    assert len(one_line(message)) == 300
    assert one_line(message).endswith("…")


def test_huge_names_are_bounded():
    assert len(safe("x" * 10**6)) < 5000
