"""`rfgraph tiles`, `rfgraph stream`, ranges of units and replaced lengths, as commands."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

import rfgraph
from analysis import nets
from oracle.examples import builder
from rfgraph.analysis.proof import Proof
from rfgraph.cli import main
from rfgraph.cli.options import proof_code

FIXTURES = Path(__file__).parents[1] / "fixtures"
UNET = str(FIXTURES / "unet_nearest.onnx")
WAV2VEC2 = str(FIXTURES / "wav2vec2.onnx")


@pytest.fixture
def run(capsys):
    def run(*arguments, code=0):
        assert main([*map(str, arguments), "--color", "never"]) == code
        found = capsys.readouterr()
        return found.err if code else found.out

    return run


def test_json_of_tiles_has_the_keys_of_the_contract(run):
    found = json.loads(
        run("tiles", UNET, "--image", "1600,1600", "--tile", 1040, "--format", "json")
    )
    assert found["exact"] is True
    assert found["blockers"] == []
    lengths = {"least": 16, "step": 16, "residues": list(range(16)), "lossless": [0]}
    numbers = {"period": [16, 16], "halo": [110, 110], "grid_halo": [112, 112]}
    expected = {"axis": 2, **numbers, "scale": 1, "offset": 0, "lengths": lengths}
    assert found["axes"] == [expected, {**expected, "axis": 3}]
    assert found["recommended"]["core"] == [816, 816]
    assert found["recommended"]["tile"] == [1040, 1040]
    assert len(found["plan"]) == 4
    assert found["plan"][3] == {
        "read": [[704, 1600], [704, 1600]],
        "keep": [[816, 1600], [816, 1600]],
        "write": [[816, 1600], [816, 1600]],
        "crop": [[112, 896], [112, 896]],
    }
    assert found == rfgraph.tiles(UNET, image=1600, tile=1040).to_dict()


def test_csv_of_a_plan_covers_the_output_once(run):
    text = run("tiles", UNET, "--image", "800", "--tile", 400, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    written = [
        (int(row["write_first"]), int(row["write_end"])) for row in rows if row["axis"] == "2"
    ]
    assert sorted(set(written)) == [(0, 176), (176, 352), (352, 528), (528, 800)]
    assert {row["tile"] for row in rows} == {str(k) for k in range(16)}


def test_csv_without_an_image_has_the_axes(run):
    (first, _) = csv.DictReader(io.StringIO(run("tiles", UNET, "--format", "csv")))
    assert (first["exact"], first["halo"], first["grid_halo"]) == ("true", "110 110", "112 112")


def test_markdown(run):
    text = run("tiles", UNET, "--image", 800, "--tile", 500, "--format", "markdown")
    assert "| 2 | 16 | 110 before, 110 after; on the grid 112 before, 112 after |" in text
    assert "| 0 | 2 | 0:384 | 0:272 | 0:272 | 0:272 |" in text


def test_a_long_plan_is_cut_in_text(run):
    text = run("tiles", FIXTURES / "espcn.onnx", "--image", 1000, "--tile", 100)
    assert "Plan: 121 tiles for an output of 1 x 1 x 3000 x 3000" in text
    assert "and 71 more (--format json and csv list all)" in text


def test_several_outputs_are_results(run):
    found = json.loads(run("tiles", FIXTURES / "wavenet_block.onnx", "--format", "json"))
    assert [item["tensor"] for item in found["results"]] == ["layer9.add", "skip"]


def test_the_last_tensors_that_are_exact_are_named(run):
    """A detector's maps, each of which tiles by itself; they end in one list of boxes."""
    path = FIXTURES / "exports" / "detector_ts_dynamic.onnx"
    found = json.loads(run("tiles", path, "--format", "json"))
    assert len(found["before_blockers"]) == 4
    tensor = found["before_blockers"][0]
    alone = json.loads(run("tiles", path, "--tensor", tensor, "--format", "json"))
    assert (alone["exact"], len(alone["axes"]), alone["before_blockers"]) == (True, 2, [])


def test_a_long_grid_says_which_lengths_were_tried(run, tmp_path):
    """A grid of 3000: multiples are tried, not each of 3000 lengths."""
    net = nets.line()
    x = "x"
    for step in (10, 15, 20):
        x = net.conv(x, step, s=step, pads=0)
    path = tmp_path / "far.onnx"
    onnx.save(net.model(net.op("Relu", x)), path)
    text = " ".join(run("tiles", path).split())
    assert "multiples of 3000, which lose nothing to strides; others were not tried" in text


@pytest.mark.parametrize(
    "asked", [("--image", 64), ("--tile", 32), ("--memory", "1GiB")], ids=lambda asked: asked[0]
)
def test_that_no_plan_is_made_is_said_where_one_was_asked_for(run, asked):
    said = "No plan is made and no tile is chosen, because tiles are not exact."
    for form in ("text", "markdown"):
        assert said not in run("tiles", FIXTURES / "se_gate.onnx", "--format", form)
        text = run("tiles", FIXTURES / "se_gate.onnx", *asked, "--format", form)
        assert said in " ".join(text.split())
    with_three = run("tiles", FIXTURES / "se_gate.onnx", "--tile", "1,2,3", code=2)
    assert "tile requires one length or 2" in with_three


def test_what_is_not_exact_is_named(run):
    text = run("tiles", FIXTURES / "se_gate.onnx")
    assert "GlobalAveragePool at se.avgpool: reads the whole axis (axes 2, 3)" in text
    assert "Exact as far as relu1 (--tensor)." in text
    text = run("tiles", FIXTURES / "se_gate.onnx", "--format", "markdown")
    assert "Tiles are not exact:" in text
    assert "Exact as far as relu1 (`--tensor`)." in text
    assert json.loads(run("tiles", FIXTURES / "resnet18.onnx", "--format", "json"))["axes"] == [
        {
            "axis": axis,
            **dict.fromkeys(("period", "halo", "grid_halo", "scale", "offset")),
            "lengths": {"least": 224, "step": None, "residues": None, "lossless": None},
        }
        for axis in (2, 3)
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--tile", 200),
            "tiles of at least 240 (16 and halos of 112 and 112), found 200",
        ),
        (("--tile", "1,2,3"), "tile requires one length or 2 (one for each spatial axis)"),
        (("--tile", 0), "tile requires one length or 2"),
        (("--tile", "x"), "required lengths separated by commas"),
        (
            ("--image", 8),
            "refuses lengths of 8, 8; axis 2 accepts any length from 16",
        ),
        (("--tensor", "heat"), "no tensor 'heat'; the nearest names are 'head'"),
    ],
)
def test_errors_say_what_is_allowed(run, arguments, said):
    assert said in run("tiles", UNET, *arguments, code=2)


def test_a_file_of_one_length(run, tmp_path):
    path = FIXTURES / "patchgan3.onnx"
    assert "256, fixed in the file" in run("tiles", path)
    said = "tiles of 256 positions, which the file fixes, have an exact plan for images of 256 + 8k"
    assert said in run("tiles", path, "--image", 500, code=2)
    assert said in run("tiles", path, "--image", 200, code=2)
    assert "a tile reads no less" in run("tiles", path, "--tile", 200, code=2)
    short = tmp_path / "short.onnx"
    onnx.save(nets.unet(3, "transposed", (64, 64)), short)
    assert "none: the lengths that the file fixes leave no room" in run("tiles", short)
    assert "found 64 as the file's own length" in run("tiles", short, "--image", 128, code=2)
    assert "Plan: 1 tile for" in run("tiles", short, "--image", 64)


# -- streams ---------------------------------------------------------------------------------------


def test_json_of_a_stream_has_the_keys_of_the_contract(run):
    found = json.loads(run("stream", WAV2VEC2, "--rate", 16000, "--chunk", 320, "--format", "json"))
    assert found["chunks"] == [
        {
            "chunk": 320,
            "delay": 1,
            "context": 320,
            "latency": {"best": 639, "worst": 639, "ms": ["639/16", "639/16"]},
        }
    ]
    assert (found["axis"], found["causal"], found["lookahead"]) == (2, False, 399)
    assert (found["period"], found["rate"], found["dropped"]) == ([1, 320], 16000, 240)
    assert found["caches"][0] == {"node": "conv_layers.0.conv", "values": 5, "bytes": 20}
    assert (found["state_bytes"], found["breakers"]) == (84, [])
    assert found == rfgraph.stream(WAV2VEC2, rate=16000, chunk=320).to_dict()


def test_text_csv_and_markdown_of_a_stream(run):
    text = run("stream", WAV2VEC2, "--rate", 16000)
    assert "look-ahead   399 positions, 24.9375 ms" in text
    assert "1 out for 320 in: 50 a second at 16000 Hz" in text
    rows = list(csv.DictReader(io.StringIO(run("stream", WAV2VEC2, "--format", "csv"))))
    assert [(row["chunk"], row["delay"]) for row in rows] == [
        ("320", "1"),
        ("640", "1"),
        ("1280", "1"),
        ("2560", "1"),
    ]
    text = run("stream", FIXTURES / "tcn.onnx", "--format", "markdown")
    assert "| 1 | 0 | 60 | 0..0 | - |" in text
    assert "Causal" in text


def test_a_stream_that_breaks(run):
    path = FIXTURES / "se_gate.onnx"
    found = json.loads(run("stream", path, "--axis", 2, "--format", "json"))
    assert (found["causal"], found["lookahead"], found["chunks"]) == (False, None, [])
    why = {"node": "se.avgpool", "op_type": "GlobalAveragePool", "why": "reads the whole axis"}
    assert found["breakers"] == [why]
    assert "Does not stream:" in run("stream", path, "--axis", 2)
    (row,) = csv.DictReader(io.StringIO(run("stream", path, "--axis", 2, "--format", "csv")))
    assert row["chunk"] == ""
    assert "Does not stream" in run("stream", path, "--axis", 2, "--format", "markdown")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("stream", UNET), "the spatial axes of input 'input' are 2, 3: name one"),
        (("stream", UNET, "--axis", 4), "axis requires one of input 'input', 0 to 3, found 4"),
        (("stream", UNET, "--axis", "two"), "required an integer, found 'two'"),
        (("stream", WAV2VEC2, "--chunk", 100), "chunk requires a multiple of 320, found 100"),
        (("stream", WAV2VEC2, "--chunk", 0), "chunk requires a multiple of 320, found 0"),
        (("stream", WAV2VEC2, "--rate", 0), "required a number above 0, found '0'"),
        (("stream", WAV2VEC2, "--rate", "1e9"), "required a number above 0, found '1e9'"),
        (("stream", WAV2VEC2, "--rate", "x"), "required a number above 0, found 'x'"),
    ],
)
def test_stream_errors_say_what_is_allowed(run, arguments, said):
    assert said in run(*arguments, code=2)


# -- ranges and replaced lengths -------------------------------------------------------------------


def test_a_range_of_units_reads_the_hull_of_what_they_read(run):
    path, name = str(FIXTURES / "unet_transposed.onnx"), "head"
    text = run("unit", path, "--tensor", name, "--index", "0,*,32:48,-4:", "--format", "json")
    found = json.loads(text)
    assert found["index"] == [0, None, [32, 48], [384, 388]]
    single = [
        rfgraph.unit(path, name, (0, None, h, w)).regions[0]
        for h, w in [(32, 384), (47, 384), (40, 385), (32, 387), (47, 387)]
    ]
    (region,) = found["regions"]
    for key in ("clipped", "unclipped"):
        for axis in (2, 3):
            spans = [getattr(item, key)[axis] for item in single]
            hull = [min(lo for lo, _ in spans), max(hi for _, hi in spans)]
            assert region[key][axis] == hull
    assert "unit head [0, *, 32:48, 384:388]" in run("unit", path, "--index", "0,*,32:48,-4:")
    assert "head at 0, \\*, 32:48, 0:388" in run(
        "unit", path, "--index", "0,*,32:48,:", "--format", "markdown"
    )
    assert "0 * 32:48 0:388" in run("unit", path, "--index", "0,*,32:48,:", "--format", "csv")


def test_a_unit_says_where_padding_touches_it(run, tmp_path):
    """Two windows of 5: units 0 to 3 from the start, of 20 the last 4 from the end."""
    path = tmp_path / "two.onnx"
    onnx.save(nets.two_centered(), path)
    shape = ("--input-shape", "1,1,20")
    assert "padding touches it at the start of axis 2\n" in run(
        "unit", path, *shape, "--index", "0,0,3"
    )
    assert "padding touches it at the end of axis 2\n" in run(
        "unit", path, *shape, "--index", "0,0,16"
    )
    assert "padding touches" not in run("unit", path, *shape, "--index", "0,0,4:16")
    text = run("unit", path, *shape, "--index", "0,0,:", "--format", "markdown")
    assert "Padding touches it at the start of axis 2 and at the end of axis 2." in text


@pytest.mark.parametrize("index", ["0,*,48:32,0", "0,*,0:400,0", "0,*,5:5,0"])
def test_a_range_without_units_is_an_error(run, index):
    path = FIXTURES / "unet_transposed.onnx"
    said = "the range on axis 2 requires first:end within 0:388, of at least one unit"
    assert said in run("unit", path, "--index", index, code=2)


def test_an_entry_that_is_no_range(run):
    path = FIXTURES / "unet_transposed.onnx"
    said = "required integers, ranges as 4:8 or *"
    assert said in run("unit", path, "--index", "0,1:2:3", code=2)


def test_declared_lengths_are_replaced_and_that_is_said(run):
    path = FIXTURES / "resnet18.onnx"
    text = run(path, "--override-shape", "1,3,320,256")
    assert "Input  input  1 x 3 x 320 x 256" in text
    assert "The file declares 224 on axis 2 and 224 on axis 3." in text
    found = json.loads(run(path, "--override-shape", "1,3,320,256", "--format", "json"))
    (item,) = found["inputs"]
    assert (item["shape"], item["declared"]) == ([1, 3, 320, 256], {"2": 224, "3": 224})


def test_what_contradicts_replaced_lengths_is_named(run):
    said = "node 'fc6' (Gemm): requires factors that share an axis"
    assert said in run(FIXTURES / "vgg16.onnx", "--override-shape", "1,3,256,256", code=2)
    said = "input 'input' requires 4 dimensions, found [1, 3]"
    assert said in run(FIXTURES / "vgg16.onnx", "--override-shape", "1,3", code=2)


def test_the_shift_is_said_where_there_is_one(run):
    assert "15.5 positions towards the start (0.484 strides of 32)" in run(
        FIXTURES / "resnet18.onnx"
    )
    assert "off-centre" not in run(UNET)


def test_the_lengths_at_which_nothing_is_lost_are_said(run, tmp_path):
    path = tmp_path / "valid.onnx"
    onnx.save(nets.valid_unet(), path)
    text = run(path)
    assert "not aligned" in text
    assert "lengths            strides lose positions at 256  none at 188 + 16k" in text
    even = run(path, "--input-shape", "1,1,252,268")
    assert "lose positions" not in even
    assert "not aligned" not in even
    assert "strides lose positions at 256 (axis 3)" in run(path, "--input-shape", "1,1,252,256")


def test_sampling_that_depends_on_the_length_is_said(run, tmp_path):
    # The corners stay on each other: 12 positions lie at 5/11 of 6, and 10 would at 4/9 of 5.
    for mode, said in (("align_corners", True), ("half_pixel", False)):
        build, x = builder(1, 1, 6)
        how = {"mode": "linear", "coordinate_transformation_mode": mode}
        model = build.model(build.same_conv(build.resize(x, [12], None, **how), 1, 3))
        model.graph.node[0].name = "up"
        path = tmp_path / f"{mode}.onnx"
        onnx.save(model, path)
        assert ("lengths            sampling at up depends on the length" in run(path)) == said


# -- what to paste ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "said"),
    [
        ("dask", "net, x.rechunk({2: 816, 3: 816}), dtype=x.dtype,"),
        ("dask", "depth={2: (112, 112), 3: (112, 112)}, boundary='none', trim=True,"),
        ("monai", "roi_size=(1040, 1040), sw_batch_size=1, predictor=net,"),
        ("bioimageio", "input axis 2: size: {min: 16, step: 16}"),
        ("bioimageio", "size: {tensor_id: input, axis_id: 2, offset: 0}, scale: 1, halo: 112"),
        ("careamics", "tile_size=(1040, 1040), tile_overlap=(224, 224)"),
        ("tiler", "tile_shape=(1040, 1040), overlap=(224, 224)"),
        ("torchgeo", "size=(1040, 1040), stride=(816, 816), units=Units.PIXELS"),
        ("spandrel", "SizeRequirements(minimum=16, multiple_of=16)"),
        ("spandrel", "ModelTiling.SUPPORTED"),
        ("gdal", "gdal_retile.py -ps 1040 1040 -overlap 224"),
    ],
)
def test_what_to_paste(run, library, said):
    assert said in run("tiles", UNET, "--tile", 1040, "--for", library)


@pytest.mark.parametrize("library", ["torchgeo", "gdal", "bioimageio", "spandrel"])
def test_tiles_of_a_length_that_the_file_fixes(run, library):
    """Only 572 is accepted; a halo of 192 on both sides would leave a core of 176 on the grid."""
    said = {
        "torchgeo": "size=(572, 572), stride=(384, 384)",
        "gdal": "-ps 572 572 -overlap 396",
        "bioimageio": "input axis 2: size: 572",
        "spandrel": "SizeRequirements(minimum=572, multiple_of=572)",
    }
    assert said[library] in run("tiles", FIXTURES / "unet_transposed.onnx", "--for", library)


def test_the_halo_of_what_a_valid_net_gives(run, tmp_path):
    """The output lacks 184: of a halo of 188 behind, 4 units are there."""
    path = tmp_path / "valid.onnx"
    onnx.save(nets.valid_unet(), path)
    assert "offset: -184}, scale: 1, halo: 4" in run("tiles", path, "--for", "bioimageio")


@pytest.mark.parametrize(
    ("name", "library", "said"),
    [
        ("espcn", "dask", "dask.array.map_overlap keeps lengths, and axis 2 does not"),
        ("unet_transposed", "monai", "axis 2 of the output is 184 shorter"),
        ("unet_transposed", "careamics", "CAREamics keeps lengths, and axis 2 does not"),
        ("espcn", "tiler", "tiler keeps lengths, and axis 2 does not"),
        ("se_gate", "monai", "no tiles are exact: 'se.avgpool'"),
        ("tcn", "gdal", "gdal_retile takes 2 spatial axes, found 1"),
        ("exports/unet_ts", "tiler", "leave no room beside the halos"),
    ],
)
def test_what_cannot_be_pasted(run, name, library, said):
    assert said in run("tiles", FIXTURES / f"{name}.onnx", "--for", library, code=2)


def test_tiling_is_discouraged_beside_a_gate(run):
    assert "DISCOURAGED" in run("tiles", FIXTURES / "se_gate.onnx", "--for", "spandrel")


# -- memory ----------------------------------------------------------------------------------------


def test_the_largest_tile_that_fits(run, tmp_path):
    """Two 5-wide convolutions of one channel: two tensors are alive at once, of 4 bytes each."""
    path = tmp_path / "two.onnx"
    onnx.save(nets.two_centered(), path)
    text = run("tiles", path, "--memory", "8kB", "--format", "json")
    assert json.loads(text)["recommended"] == {
        "core": [1000 - 8],
        "tile": [1000],
        "overhead": 1000 / 992,
        "activations": 8000,
    }
    assert "8000 bytes of activations at once, no workspace" in run(
        "tiles", path, "--memory", "8000"
    )
    assert json.loads(run("tiles", path, "--memory", "1KiB", "--format", "json"))["recommended"][
        "tile"
    ] == [128]
    said = "memory of 64 bytes is too little: the least tile takes 72 bytes"
    assert said in run("tiles", path, "--memory", "64B", code=2)
    assert "required bytes as 2GiB" in run("tiles", path, "--memory", "2 gigs", code=2)


def test_a_length_that_the_file_fixes_is_the_only_one_whatever_fits(run, tmp_path):
    """16 positions, of which a halo of 4 on either side leaves 8."""
    path = tmp_path / "fixed.onnx"
    onnx.save(nets.two_centered(length=16), path)
    text = run("tiles", path, "--memory", "1GiB", "--format", "json")
    assert json.loads(text)["recommended"] == {
        "core": [16 - 8],
        "tile": [16],
        "overhead": 2,
        "activations": 2 * 16 * 4,
    }
    assert "takes 128 bytes" in run("tiles", path, "--memory", 127, code=2)
    short = tmp_path / "short.onnx"
    onnx.save(nets.two_centered(length=8), short)
    said = "found 8 as the file's own length"
    assert said in run("tiles", short, "--image", 64, "--memory", "1GiB", code=2)


def test_tile_and_memory_are_not_both_taken(run):
    said = "tile and memory both say how large a tile is: give one of them"
    assert said in run("tiles", UNET, "--tile", 512, "--memory", "1GiB", code=2)


def test_a_skip_stays_alive(run, tmp_path):
    net = nets.line()
    path = tmp_path / "skip.onnx"
    onnx.save(net.model(net.op("Add", "x", net.conv("x", 3))), path)
    found = rfgraph.tiles(str(path), memory=12 * 50)
    assert (found.recommended.tile, found.recommended.activations) == ((50,), 600)


def test_names_from_a_file_cannot_act(run, tmp_path):
    net = nets.line()
    model = net.model(net.op("Odd\x1b[31m", net.conv("x", 3)))
    model.graph.node[1].name = "a\nb\u202e"
    path = tmp_path / "odd.onnx"
    onnx.save(model, path)
    for command in (("tiles",), ("stream", "--axis", 2)):
        for form in ("text", "markdown", "csv", "json"):
            text = run(*command[:1], path, *command[1:], "--format", form)
            assert not set("\x1b\u202e") & set(text)
    assert "\x1b" not in run("tiles", path, "--for", "dask", code=2)


def test_a_length_that_the_file_fixes_has_no_other_at_the_ends(run):
    """Every tile is 572 long there."""
    found = json.loads(run("tiles", FIXTURES / "unet_transposed.onnx", "--format", "json"))
    assert ["ends" in axis for axis in found["axes"]] == [False, False]


def test_a_run_that_gives_something_else_fails():
    """Off by 1 where rounding may be 256 units in the last place of values up to 1; or no run."""
    found = rfgraph.tiles(UNET)
    for difference, code in ((1.0, 1), (0.0, 0), (None, 0)):
        proof = Proof(parts=2, difference=difference, scale=1.0, epsilon=2.0**-23)
        assert proof_code([found, replace(found, proof=proof)]) == code
