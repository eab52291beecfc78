"""The command `rfgraph report`: what it writes, and what it refuses."""

from pathlib import Path

import pytest

import rfgraph
from rfgraph.cli import main
from rfgraph.reports.html.report import html_report

FIXTURES = Path(__file__).parents[1] / "fixtures"
MODEL = str(FIXTURES / "toy_unaligned.onnx")


def test_the_page_is_written(tmp_path, capsys):
    path = tmp_path / "report.html"
    assert main(["report", MODEL, "-o", str(path)]) == 0
    assert capsys.readouterr() == ("", "")
    assert path.read_bytes() == html_report(rfgraph.analyze(MODEL)).encode()


def test_the_page_may_be_printed(capsys):
    assert main(["report", MODEL, "-o", "-"]) == 0
    assert capsys.readouterr().out == html_report(rfgraph.analyze(MODEL))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: -o/--output"),
        (["-o", "report.pdf"], "required a file name that ends in .html, found 'report.pdf'"),
        (["-o", "/nowhere/report.html"], "--output /nowhere/report.html: No such file"),
    ],
)
def test_what_is_refused(words, said, capsys):
    assert main(["report", MODEL, *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_bindings_are_those_of_every_command(tmp_path, capsys):
    path = tmp_path / "report.html"
    tcn = str(FIXTURES / "tcn.onnx")
    assert main(["report", tcn, "--input-shape", "1,2,48", "-o", str(path)]) == 0
    assert "48" in path.read_text(encoding="utf-8")
    assert '"shape":[1,2,48]' in path.read_text(encoding="utf-8")
