"""RF007: a stored result against a changed model, and stored results that are not what they say."""

from __future__ import annotations

import json
import pickle

import pytest

import rfgraph
from checks import nets
from rfgraph.checks import baseline, rf007
from rfgraph.cli import main
from rfgraph.domains.fields.axis import Axis

WIDE = (1, 2, 4)  # dilations of 3-wide windows: 1 + 2 * 7 = 15 positions
NARROW = (1, 2, 2)  # 1 + 2 * 5 = 11


def stored(model):
    """A model's result as a baseline, by way of the command that stores it."""
    return baseline.parse(json.loads(json.dumps(rfgraph.analyze(model).to_dict())))


def plain(dilations, **options):
    return nets.chain(*((d, 1) for d in dilations), **options)


def compare(before, now, **settings):
    found = rfgraph.check(now, baseline=stored(before), ignore="RF001", **settings)
    assert {item.code for item in found} <= {"RF007"}
    return [item.message for item in found]


def test_nothing_is_found_where_nothing_changed():
    for name in ("resnet50", "bagnet9", "siamese", "se_gate", "unet_bilinear", "wavenet_block"):
        path = nets.fixture(name)
        assert compare(path, path) == [], name


def test_a_stored_result_is_given_as_a_file_or_as_what_it_holds(tmp_path):
    report = rfgraph.analyze(plain(WIDE)).to_dict()
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    wanted = compare(plain(WIDE), plain(NARROW))
    for given in (str(path), path, report, json.loads(path.read_text(encoding="utf-8"))):
        found = rfgraph.check(plain(NARROW), baseline=given, tensors="conv2", ignore="RF001")
        assert [item.message for item in found] == wanted
    with pytest.raises(rfgraph.UsageError, match=r"baseline .*missing\.json: No such file"):
        rfgraph.check(plain(NARROW), baseline=tmp_path / "missing.json")
    with pytest.raises(rfgraph.UsageError, match="the document requires an object"):
        rfgraph.check(plain(NARROW), baseline=7)


def test_what_shrank_is_said_and_what_grew_is_fine():
    (only,) = compare(plain(WIDE), plain(NARROW))
    assert only == (
        "tensor 'conv2' on input 'x', axis 2: smaller than in the baseline: "
        "size: 15, now 11, smallest size: 15, now 11 and smallest path: 15, now 11"
    )
    assert compare(plain(NARROW), plain(WIDE)) == []


def test_the_smallest_path_is_compared_though_the_region_is_the_same():
    # Published: ResNet-50 with the stride on the 1x1 has 483 and 11, the later variant 427 and 11.
    (first,) = compare(nets.fixture("resnet50_v1"), nets.fixture("resnet50"))
    assert "size: 483, now 427" in first
    assert "smallest path" not in first
    net = nets.Net("shortcut", "arithmetic only")
    x = net.input("x", [1, 2, 64])
    y = net.conv(x, "conv0", 2, 3, 1, 1)
    net.output(net.add(x, y, "conv1"), [1, 2, 64])
    straight = nets.Net("straight", "arithmetic only")
    z = straight.conv(straight.input("x", [1, 2, 64]), "conv0", 2, 3, 1, 1)
    straight.output(straight.relu(z, "conv1"), [1, 2, 64])
    (only,) = compare(straight.model(), net.model())
    assert only.endswith("smaller than in the baseline: smallest path: 3, now 1")


def test_a_global_axis_that_became_local_has_shrunk():
    gated = rfgraph.load(nets.fixture("se_gate"))
    plain_net = nets.Net("plain", "arithmetic only")
    item = gated.inputs[0]
    x = plain_net.input(item.name, list(item.shape))
    (output,) = gated.outputs
    shape = [1, 4, *item.shape[2:]]
    plain_net.output(plain_net.conv(x, output, 4, 7, 1, 3), shape)
    (first,) = compare(nets.fixture("se_gate"), plain_net.model())
    assert first.endswith(
        "smaller than in the baseline: global became local of size 7 and "
        "the input is no longer covered"
    )
    # And back: the region grew, and the local paths (5, by hand) are smaller than 7.
    (first,) = compare(plain_net.model(), nets.fixture("se_gate"))
    assert "became" not in first
    assert "smallest path: 7, now 5" in first


def test_the_map_before_the_pool_is_compared_under_any_name():
    def net(name, kernel):
        made = nets.Net("pooled", "arithmetic only")
        x = made.conv(made.input("x", [1, 2, 32, 32]), name, 4, kernel, 1, kernel // 2)
        made.head(x, "fc")
        return made.model()

    assert compare(net("old", 5), net("new", 5)) == []
    (only,) = compare(net("old", 5), net("new", 3))
    assert only.startswith("tensor 'new' on input 'x', axes 2, 3: smaller than in the baseline: ")
    assert "size: 5, now 3" in only


def test_a_tensor_may_be_named():
    before, now = plain(WIDE), plain((1, 1, 8))
    assert compare(before, now) == []
    (only,) = compare(before, now, tensors=["conv1"])
    assert only.startswith("tensor 'conv1' on input 'x', axis 2: smaller")
    with pytest.raises(rfgraph.UsageError, match="the baseline has no tensor 'conv9'"):
        compare(before, now, tensors=["conv9"])


def test_what_is_gone_is_found():
    assert compare(plain(WIDE), plain((1, 2))) == [
        "tensor 'conv2' was in the baseline, and is not there"
    ]
    model = plain(WIDE)
    model.graph.input[0].name = "y"
    model.graph.node[0].input[0] = "y"
    assert compare(plain(WIDE), model) == ["input 'x' was in the baseline, and is not there"]
    assert compare(nets.sampled(), nets.sampled()) == []


def test_a_path_that_is_gone_is_found():
    def net(connected):
        made = nets.Net("paths", "arithmetic only")
        x = made.input("x", [1, 2, 9])
        y = made.input("y", [1, 2, 9])
        made.output(made.conv(x if connected else y, "out", 2, 3, 1, 1), [1, 2, 9])
        return made.model()

    assert compare(net(connected=True), net(connected=False), inputs=["y"]) == [
        "a path from input 'x' to tensor 'out' was in the baseline, and is not there"
    ]


def test_numbers_that_are_no_longer_known_are_found():
    old = Axis(2, "local", size=5, size_min=5, shortest=5)
    assert list(rf007.losses(old, Axis(2, "local", size=5, size_min=None, shortest=6))) == [
        "smallest size: 5, now not known"
    ]
    lost = Axis(2, "unknown")
    assert list(rf007.losses(lost, Axis(2, "none"))) == []


def test_what_became_unknown_is_found():
    model = plain(WIDE)
    model.graph.node[1].op_type = "Mystery"
    model.graph.node[1].domain = "com.example"
    model.opset_import.add(domain="com.example", version=1)
    (only,) = compare(plain(WIDE), model)
    assert only.endswith("smaller than in the baseline: local became unknown")


def test_a_reach_that_got_a_bound_has_shrunk():
    def net(reverse):
        made = nets.Net("running", "arithmetic only")
        x = made.conv(made.input("x", [1, 2, 9]), "conv", 2, 3, 1, 1)
        axis = made.constant("axis", 2)
        made.output(made.node("CumSum", [x, axis], "y", reverse=reverse), [1, 2, 9])
        return made.model()

    (only,) = compare(net(0), net(1), tensors=["y"])
    assert only.endswith("smaller than in the baseline: reach before: without bound, now 1")
    assert compare(net(1), net(1), tensors=["y"]) == []


@pytest.mark.parametrize("settings", [{}, {"stat": "min"}, {"select": "RF001"}])
def test_a_baseline_is_compared_with_beside_what_is_selected(settings):
    # Sizes 15 and 11, by hand, on an input of 64.
    found = rfgraph.check(plain(NARROW), baseline=stored(plain(WIDE)), **settings)
    assert [item.code for item in found] == ["RF001", "RF007"]
    found = rfgraph.check(plain(NARROW), baseline=stored(plain(WIDE)), select="RF002")
    assert [item.code for item in found] == ["RF007"]


def test_the_stored_file_is_what_the_command_writes(tmp_path, capsys):
    file = tmp_path / "baseline.json"
    assert main([nets.fixture("resnet50_v1"), "--format", "json", "-o", str(file)]) == 0
    compare_with = ["--baseline", str(file), "--stat", "union"]
    assert main(["check", nets.fixture("resnet50_v1"), *compare_with]) == 0
    assert main(["check", nets.fixture("resnet50"), *compare_with]) == 1
    assert "size: 483, now 427" in capsys.readouterr().out
    found = baseline.read(file)
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_result_of_some_tensors_is_refused_where_they_are_not_the_outputs(tmp_path):
    file = tmp_path / "some.json"
    assert (
        main([nets.fixture("alexnet"), "--tensor", "conv1", "--format", "json", "-o", str(file)])
        == 0
    )
    found = baseline.read(file)
    assert rfgraph.check(nets.fixture("alexnet"), baseline=found, tensors=["conv1"]) == []
    with pytest.raises(rfgraph.UsageError, match="the baseline has no numbers of 'fc7'"):
        rfgraph.check(nets.fixture("alexnet"), baseline=found)


VALID = rfgraph.analyze(plain(WIDE)).to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"receptive_fields": None},
        {"receptive_fields": [3]},
        {"receptive_fields": [{"tensor": 3, "input": "x", "axes": []}]},
        {"receptive_fields": [{"tensor": "t", "input": "x", "axes": [{"axis": "2"}]}]},
        {"receptive_fields": [{"tensor": "t", "input": "x", "axes": [{"scope": "wide"}]}]},
        {
            "receptive_fields": [
                {"tensor": "t", "input": "x", "axes": [{"scope": "local", "size": 1.5}]}
            ]
        },
        {
            "receptive_fields": [
                {"tensor": "t", "input": "x", "axes": [{"scope": "local", "before": "1/0"}]}
            ]
        },
        {"outputs": [{"name": "y", "before_global": [1]}]},
        {"inputs": [{"name": "x", "spatial_axes": [True]}]},
    ],
)
def test_a_document_that_is_none_is_refused(change):
    baseline.parse(VALID)
    with pytest.raises(rfgraph.UsageError, match=r"required? |requires "):
        baseline.parse({**VALID, **change})


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"schema": 1}', b"[" * 100_000, b"\xff"])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    file = tmp_path / "baseline.json"
    file.write_bytes(content)
    with pytest.raises(rfgraph.UsageError, match=r"baseline .*baseline\.json: "):
        baseline.read(file)
    with pytest.raises(rfgraph.UsageError, match="regular file"):
        baseline.read(tmp_path)
    with pytest.raises(rfgraph.UsageError, match="No such file"):
        baseline.read(tmp_path / "missing")
