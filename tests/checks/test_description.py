"""RF008 of a bioimage.io description: its halos and steps, held to what the formulas give."""

import builtins

import onnx
import pytest

import rfgraph
from analysis import nets
from rfgraph.checks import description
from rfgraph.cli import main
from rfgraph.errors import UsageError

NEW = """
format_version: 0.5.0
inputs:
- id: raw
  axes:
  - type: batch
  - type: channel
    channel_names: [a]
  - {{type: space, id: y, size: {{min: 64, step: {step}}}}}
  - {{type: space, id: x, size: 64}}
outputs:
- id: made
  axes:
  - type: batch
  - type: channel
    channel_names: [a]
  - {{type: space, id: y, size: {{tensor_id: raw, axis_id: y}}, halo: {halo}}}
  - {{type: space, id: x, size: {{tensor_id: raw, axis_id: x}}, halo: 64}}
"""
OLD = """
format_version: 0.4.9
inputs:
- {{name: raw, axes: bcyx, shape: {{min: [1, 1, 64, 64], step: [0, 0, {step}, 0]}}}}
outputs:
- {{name: made, axes: bcyx, halo: [0, 0, {halo}, 64]}}
"""


@pytest.fixture
def said(tmp_path):
    def said(text, model):
        path = tmp_path / "rdf.yaml"
        path.write_text(text, encoding="utf-8")
        found = rfgraph.check(model, select="RF008", rdf=path)
        return [finding.message.partition(": ")[2] for finding in found]

    return said


@pytest.mark.parametrize("text", [NEW, OLD])
@pytest.mark.parametrize(
    ("halo", "step", "message"),
    [
        (24, 4, []),
        (32, 8, []),
        (20, 4, ["required a halo of at least 24 output positions, described as 20"]),
        (24, 6, ["required lengths in steps of a multiple of 4, described as 6"]),
    ],
)
def test_a_description_is_held_to_halo_and_grid(said, text, halo, step, message):
    """A U-Net of depth 2: 22 on both sides, 24 on the grid of 4."""
    assert said(text.format(halo=halo, step=step), nets.unet(2, "transposed")) == message


def upsampled():
    """Twice as long, by a transposed window of 2, behind one that reaches 2 on both sides."""
    net = nets.plane()
    return net.model(net.up(net.conv("x", 5), 2, 2))


@pytest.mark.parametrize(
    ("make", "halo", "least"),
    [
        # 188 behind, of which the output lacks 184.
        (nets.valid_unet, 4, 4),
        # 2 on both sides, twice as long.
        (upsampled, 4, 4),
    ],
)
def test_a_halo_is_in_output_positions(said, make, halo, least):
    model = make()
    assert said(NEW.format(halo=halo, step=16), model) == []
    (found,) = said(NEW.format(halo=halo - 1, step=16), model)
    assert found == f"required a halo of at least {least} output positions, described as {halo - 1}"


def test_what_cannot_be_tiled_is_said(said):
    net = nets.plane()
    mean = net.op("GlobalAveragePool", "x")
    (found,) = said(NEW.format(halo=99, step=4), net.model(net.op("Mul", "x", mean)))
    assert found.startswith("no halo is enough: 'globalaveragepool0'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not YAML"),
        ("- 1", "with inputs and outputs as tables"),
        ("inputs: [{axes: [{size: {step: x}}]}]\noutputs: []", "requires axes with sizes"),
        ("inputs: []\noutputs: []", "describes 0 outputs, and the model has 1"),
        ("x" * (description.MAX_DESCRIPTION + 1), "longer than MAX_DESCRIPTION"),
    ],
)
def test_what_is_no_description_is_one_line(said, text, message):
    with pytest.raises(UsageError, match=message):
        said(text, nets.unet(2, "transposed"))


def test_a_file_that_is_not_there():
    with pytest.raises(UsageError, match="cannot be read"):
        description.read("/nowhere/rdf.yaml")


def test_the_halo_is_said_once():
    with pytest.raises(UsageError, match="requires halo or rdf, found both"):
        rfgraph.check(nets.unet(2, "transposed"), halo=24, rdf="rdf.yaml")


def test_without_a_reader_an_error_says_what_to_install(monkeypatch):
    imported = builtins.__import__

    def without(name, *rest):
        if name == "yaml":
            raise ImportError
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match="requires PyYAML"):
        description.read("rdf.yaml")


def test_the_command_and_the_configuration(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    onnx.save(nets.unet(2, "transposed"), "net.onnx")
    (tmp_path / "rdf.yaml").write_text(NEW.format(halo=20, step=4), encoding="utf-8")
    assert main(["check", "net.onnx", "--select", "RF008", "--rdf", "rdf.yaml"]) == 1
    assert "at least 24 output positions" in capsys.readouterr().out
    config = '[tool.rfgraph]\nselect = ["RF008"]\nrdf = "rdf.yaml"\n'
    (tmp_path / "pyproject.toml").write_text(config, encoding="utf-8")
    assert main(["check", "net.onnx"]) == 1
    onnx.save(nets.unet(2, "transposed"), "other.onnx")
    assert main(["check", "net.onnx", "other.onnx", "--rdf", "rdf.yaml"]) == 2
    assert "--rdf is of one model, found 2 models" in capsys.readouterr().err
