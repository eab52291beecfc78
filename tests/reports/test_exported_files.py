"""Exported files, as the programs that they are for read them."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tracemalloc
import types
from pathlib import Path

import networkx as nx
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

import rfgraph
from hostile import names
from hostile.make import function, graph, model, node, value
from rfgraph.cli import main

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
RESNET = FIXTURES / "resnet18.onnx"
FORMATS = ("netron", "model-explorer", "dot", "graphml", "onnx")


def written(source, tmp_path, to, **more):
    path = tmp_path / f"exported.{to}"
    rfgraph.export(source, path, to, **more)
    return path


# -- as Netron looks it up -------------------------------------------------------------------------


def netron(data, kind, name):
    """What Netron shows: entries of "kind::name", the name up to its first line break."""
    assert data["signature"] == "netron:attachment"
    target = name.split("\n")[0]
    return {
        item["name"]: item["value"]
        for item in data["metrics"]
        if f"{item['kind']}::{item['target']}" == f"{kind}::{target}"
    }


def test_netron_shows_the_field_of_nodes_and_values(tmp_path):
    data = json.loads(written(RESNET, tmp_path, "netron").read_text())
    # 435 with stride 32: published for ResNet-18 (Araujo et al. 2019); 246: tests/effective.
    shown = netron(data, "node", "layer4.1.relu")
    assert shown == netron(data, "value", "layer4.1.relu_out")
    assert (shown["rfgraph.size"], shown["rfgraph.stride"]) == ("435", "32")
    assert (shown["rfgraph.start"], shown["rfgraph.scope"]) == ("-217", "local")
    assert abs(int(shown["rfgraph.effective"]) - 246) <= 25
    assert netron(data, "value", "input")["rfgraph.size"] == "1"
    assert netron(data, "node", "fc") == {"rfgraph.scope": "global"}
    assert set(data) == {"signature", "metrics"}


def test_a_name_that_netron_does_not_open_is_told(tmp_path, capsys):
    for name, said in {"a.json": "", "a.txt": "rfgraph: Netron takes an attachment"}.items():
        assert main(["export", str(RESNET), "--to", "netron", "-o", str(tmp_path / name)]) == 0
        assert capsys.readouterr().err.startswith(said)
        assert (tmp_path / name).exists()


def test_netron_is_not_told_what_it_would_show_in_the_wrong_place(tmp_path):
    nodes = [
        node("Relu", "x", ["a\nfirst"], "twice"),
        node("MaxPool", ["a\nfirst"], "b", "twice", kernel_shape=[3, 3]),
        node("Relu", "b", ["a\nsecond"]),
        node("Relu", ["a\nsecond"], "y", "own\nline"),
    ]
    source = model(nodes).SerializeToString()
    data = json.loads(written(source, tmp_path, "netron").read_text())
    assert netron(data, "node", "twice") == netron(data, "value", "a") == {}
    assert netron(data, "node", "") == {}
    assert netron(data, "node", "own\nline")["rfgraph.size"] == "3"
    assert netron(data, "value", "b")["rfgraph.size"] == "3"


# -- as Model Explorer looks it up -----------------------------------------------------------------


def test_model_explorer_colours_nodes_by_one_number(tmp_path):
    for metric, number in {"size": 435, "stride": 32, "start": -217}.items():
        path = written(RESNET, tmp_path, "model-explorer", metric=metric)
        ((name, data),) = json.loads(path.read_text()).items()
        assert name == onnx.load(RESNET).graph.name
        assert data["results"]["layer4.1.relu"] == {"value": number}
        assert "fc" not in data["results"]
        assert [stop["stop"] for stop in data["gradient"]] == [0, 0.5, 1]


def test_model_explorer_knows_nodes_without_a_name_by_type_and_number(tmp_path):
    nodes = [node("Relu", "x", "a"), node("MaxPool", "a", "y", kernel_shape=[3, 5])]
    made = model(nodes)
    made.graph.name = ""
    path = written(made.SerializeToString(), tmp_path, "model-explorer")
    found = json.loads(path.read_text())
    # Of axes that differ, the numbers are those of the largest size.
    assert found["<main>"]["results"] == {"Relu_0": {"value": 1}, "MaxPool_1": {"value": 5}}


@pytest.fixture
def model_explorer(monkeypatch):
    """The classes that extensions of Model Explorer 0.1.34 are made of."""

    def record(name):
        return type(name, (types.SimpleNamespace,), {})

    package = types.ModuleType("model_explorer")
    package.NodeDataProvider = type("NodeDataProvider", (), {})
    for part in ("GetConfigEditorsResult", *(f"NodeDataProvider{n}" for n in PARTS)):
        setattr(package, part, record(part))
    builder = types.ModuleType("model_explorer.node_data_builder")
    for part in ("GradientItem", "GraphNodeData", "NodeDataResult"):
        setattr(builder, part, record(part))
    monkeypatch.setitem(sys.modules, "model_explorer", package)
    monkeypatch.setitem(sys.modules, "model_explorer.node_data_builder", builder)
    monkeypatch.delitem(sys.modules, "rfgraph.model_explorer.main", raising=False)
    import rfgraph.model_explorer.main as extension

    yield extension.ReceptiveFields()
    sys.modules.pop("rfgraph.model_explorer.main", None)


PARTS = ("Filter", "Metadata", "Result")


def test_the_provider_gives_a_set_of_data_for_each_number(model_explorer, tmp_path):
    assert model_explorer.metadata.id == "rfgraph"
    assert model_explorer.get_config_editors("rfgraph").configEditors == []
    name = onnx.load(RESNET).graph.name
    sets = model_explorer.run("rfgraph", str(RESNET), name, {}).result
    assert [data.name.split()[-1] for data in sets] == ["size", "stride", "start", "effective"]
    assert sets[0].results["layer4.1.relu"].value == 435
    assert sets[0].gradient[0].stop == 0
    path = tmp_path / "nameless.onnx"
    onnx.save(model([node("Relu", "x", "y")]), path)
    (first, *_) = model_explorer.run("rfgraph", str(path), "g", {}).result
    assert list(first.results) == ["<node_0>"]
    assert "main graph" in model_explorer.run("rfgraph", str(path), "Loop/body", {}).error
    assert "gone.onnx" in model_explorer.run("rfgraph", "gone.onnx", "g", {}).error


# -- graphs ----------------------------------------------------------------------------------------


def test_graphml_comes_back_with_numbers(tmp_path):
    found = nx.read_graphml(written(RESNET, tmp_path, "graphml"), force_multigraph=True)
    result = rfgraph.analyze(RESNET)
    assert (set(found), found.number_of_edges()) == (set(result.graph), len(result.graph.edges))
    data = found.nodes["layer4.1.relu_out"]
    assert (data["size"], data["stride"], data["start"]) == (435, 32.0, -217.0)
    assert (data["axis"], data["scope"], data["shape"]) == (2, "local", "1,8,7,7")


TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(-?[\w.+]+)|(->|[\[\]{}=;])|\s+', re.DOTALL)


def read_dot(text):
    """Nodes with their attributes, and edges, of the part of DOT that is written."""
    words, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match, text[at : at + 40]
        at = match.end()
        if match[1] is not None:
            # The only escape of the language is that of the quote.
            words.append(
                ("text", re.sub(r'\\(["\\])', lambda m: '"' if m[1] == '"' else m[0], match[1]))
            )
        elif match[2] or match[3]:
            words.append(("word" if match[2] else "sign", match[2] or match[3]))
    assert words[:2] == [("word", "digraph"), ("sign", "{")]
    assert words[-1] == ("sign", "}")
    nodes, edges, rest = {}, [], words[2:-1]
    while rest:
        start, end = rest.index(("sign", "[")), rest.index(("sign", "]"))
        head, inner = [word for _, word in rest[:start]], rest[start + 1 : end]
        assert rest[end + 1] == ("sign", ";")
        assert all(inner[at + 1] == ("sign", "=") for at in range(0, len(inner), 3))
        pairs = {inner[at][1]: inner[at + 2][1] for at in range(0, len(inner), 3)}
        if len(head) == 3:
            assert head[1] == "->"
            edges.append((head[0], head[2], pairs))
        else:
            nodes[head[0]] = pairs
        rest = rest[end + 2 :]
    nodes.pop("node")
    return nodes, edges


def test_dot_holds_the_whole_graph(tmp_path):
    nodes, edges = read_dot(written(RESNET, tmp_path, "dot").read_text())
    graph = rfgraph.load(RESNET).graph
    tensors = {data["tensor"]: data for data in nodes.values()}
    assert list(tensors) == list(graph)
    assert sorted((nodes[a]["tensor"], nodes[b]["tensor"]) for a, b, _ in edges) == sorted(
        (a, b) for a, b in graph.edges()
    )
    found = tensors["layer4.1.relu_out"]
    assert (found["size"], found["stride"], found["lengths"]) == ("435", "32.0", "1,8,7,7")
    assert found["label"] == r"layer4.1.relu_out\nRelu\nfield 435, stride 32"


def test_a_condensed_graph_has_few_boxes(tmp_path):
    source = FIXTURES / "densenet121.onnx"
    path = written(source, tmp_path, "graphml", condensed=True)
    found = nx.read_graphml(path, force_multigraph=True)
    assert 10 <= len(found) <= 150
    tensors = rfgraph.load(source).graph
    assert sum(data["tensors"] for _, data in found.nodes(data=True)) == len(tensors)
    assert nx.is_directed_acyclic_graph(found)
    assert all(nx.has_path(tensors, a, b) for a, b in found.edges())
    nodes, edges = read_dot(written(source, tmp_path, "dot", condensed=True).read_text())
    assert (len(nodes), len(edges)) == (len(found), found.number_of_edges())
    with pytest.raises(rfgraph.UsageError, match="condensed requires the format dot or graphml"):
        rfgraph.export(source, path, "netron", condensed=True)


# -- the model itself ------------------------------------------------------------------------------


def with_weights():
    """Two convolutions and what reads them, with weights that count."""
    random = np.random.default_rng(0)
    stored = [
        numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)
        for name, shape in {"w": (8, 4, 3, 3), "v": (8, 8, 3, 3)}.items()
    ]
    nodes = [
        node("Conv", "x w", "a", "first", strides=[2, 1]),
        node("Conv", "a v", "b", "second", dilations=[1, 2]),
        node("Relu", "b", "y", "last"),
    ]
    return model(nodes, outputs=[value("y", (1, 8, 1, 2))], initializers=stored)


def notes(made, prefix="rfgraph."):
    return [
        {item.key: item.value for item in one.metadata_props if item.key.startswith(prefix)}
        for one in made.graph.node
    ]


def without_notes(made):
    copy = onnx.ModelProto()
    copy.CopyFrom(made)
    for one in copy.graph.node:
        kept = [item for item in one.metadata_props if not item.key.startswith("rfgraph.")]
        del one.metadata_props[:]
        one.metadata_props.extend(kept)
    return copy


def test_an_onnx_file_is_the_same_model_with_metadata(tmp_path):
    source = with_weights()
    source.graph.node[0].metadata_props.add(key="namespace", value="own")
    source.graph.node[0].metadata_props.add(key="rfgraph.size", value="stale")
    original = tmp_path / "original.onnx"
    onnx.save(source, original)
    path = written(original, tmp_path, "onnx")
    found = onnx.load(path)
    assert without_notes(found) == without_notes(source)
    assert found.graph.node[0].metadata_props[0].value == "own"
    told = notes(found)
    assert told[0] == {
        "rfgraph.size": "3",
        "rfgraph.stride": "2, 1",
        "rfgraph.start": "0",
        "rfgraph.scope": "local",
        "rfgraph.effective": "3",
    }
    # 3 + 2 * 2 and 3 + 4; strides of the first alone.
    assert told[1]["rfgraph.size"] == told[2]["rfgraph.size"] == "7"
    onnx.checker.check_model(path, full_check=True)
    x = np.random.default_rng(1).normal(size=(1, 4, 8, 8)).astype(np.float32)
    first, second = (
        onnxruntime.InferenceSession(file).run(None, {"x": x})[0] for file in (original, path)
    )
    np.testing.assert_array_equal(first, second)
    before, after = (rfgraph.analyze(file).to_dict() for file in (original, path))
    assert {**before, "model": None} == {**after, "model": None}
    again = tmp_path / "again.onnx"
    rfgraph.export(path, again, "onnx")
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "file", ["resnet18", "unet_bilinear", "se_gate", "siamese", "inception_v3"]
)
def test_fixtures_stay_the_same_models(file, tmp_path):
    original = FIXTURES / f"{file}.onnx"
    path = written(original, tmp_path, "onnx")
    assert without_notes(onnx.load(path)) == onnx.load(original)
    sizes = {}
    for field in rfgraph.analyze(original).receptive_fields():
        if field.axes[2].size is not None and field.axes[2].size == field.axes[3].size:
            sizes.setdefault(field.node, field.axes[2].size)
    told = dict(
        zip([n.name for n in onnx.load(path).graph.node], notes(onnx.load(path)), strict=True)
    )
    compared = [name for name in sizes if name in told]
    assert compared
    assert all(told[name]["rfgraph.size"] == str(sizes[name]) for name in compared)


def test_any_source_is_exported(tmp_path):
    source = with_weights()
    text = tmp_path / "model.textproto"
    onnx.save(source, text, format="textproto")
    for given in (source, source.SerializeToString(), text, rfgraph.load(source)):
        assert without_notes(onnx.load(written(given, tmp_path, "onnx"))) == source


def test_a_changed_model_is_written_as_it_is(tmp_path):
    changed = rfgraph.what_if(with_weights(), {("second", "dilations"): (1, 1)})
    path = written(changed, tmp_path, "onnx")
    found = onnx.load(path)
    assert [told["rfgraph.size"] for told in notes(found)] == ["3", "7, 5", "7, 5"]
    assert rfgraph.analyze(path).receptive_field("y").axes[3].size == 5


def test_what_stands_in_bodies_is_not_told(tmp_path):
    # The same node of a body may stand for several: the tool says nothing rather than one of them.
    body = function("Twice", "a", "b", [node("MaxPool", "a", "b", "inner", kernel_shape=[3, 3])])
    nodes = [
        node("Twice", "x", "a", "call", domain="local"),
        node("Twice", "a", "y", "again", domain="local"),
    ]
    source = model(nodes, functions=[body])
    found = onnx.load(written(source, tmp_path, "onnx"))
    assert [told["rfgraph.size"] for told in notes(found)] == ["3", "5"]
    assert not found.functions[0].node[0].metadata_props


def test_a_tensor_of_several_inputs_says_whose_the_numbers_are(tmp_path):
    nodes = [
        node("MaxPool", "x", "a", "a", kernel_shape=[3, 3]),
        node("MaxPool", "z", "b", "b", kernel_shape=[5, 5], pads=[1, 1, 1, 1]),
        node("Add", "a b", "y", "sum"),
    ]
    found = notes(onnx.load(written(model(nodes, ["x", "z"]), tmp_path, "onnx")))
    assert found[1]["rfgraph.input"] == "z"
    assert found[2]["rfgraph.input"] == "x"
    assert (found[2]["rfgraph.size"], found[2]["rfgraph.size[z]"]) == ("3", "5")


def test_a_model_without_axes_has_nothing_to_tell(tmp_path):
    source = model([node("Relu", "v", "y", "r")], [value("v", ())])
    for to in FORMATS:
        assert written(source, tmp_path, to).stat().st_size
    assert notes(onnx.load(tmp_path / "exported.onnx")) == [{}]


def sparse_model(path, size):
    """A model with weights of `size` bytes that take no room on the disk."""
    made = with_weights()
    tensor = TensorProto(name="big", data_type=TensorProto.FLOAT, dims=[size // 4])
    inside = tensor.SerializeToString() + bytes([9 << 3 | 2]) + varint(size)
    field = bytes([5 << 3 | 2]) + varint(len(inside) + size) + inside
    body = made.graph.SerializeToString()
    made.ClearField("graph")
    with path.open("wb") as file:
        file.write(made.SerializeToString())
        file.write(bytes([7 << 3 | 2]) + varint(len(body) + len(field) + size) + body + field)
        file.truncate(file.tell() + size)
    return path


def varint(number):
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


@pytest.mark.parametrize("size", [1 << 26, pytest.param(1 << 30, marks=pytest.mark.heavy)])
def test_large_weights_are_copied_in_pieces(size, tmp_path):
    source = sparse_model(tmp_path / "big.onnx", size)
    tracemalloc.start()
    rfgraph.export(source, tmp_path / "out.onnx", "onnx")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20
    grown = (tmp_path / "out.onnx").stat().st_size - source.stat().st_size
    assert 0 < grown < 1000
    assert notes(onnx.load(tmp_path / "out.onnx"))[0]["rfgraph.size"] == "3"


def test_external_data_stays_where_it_is(tmp_path, capsys):
    source = tmp_path / "model.onnx"
    onnx.save(
        with_weights(), source, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    before = (tmp_path / "w.bin").read_bytes()
    assert main(["export", str(source), "--to", "onnx", "-o", str(tmp_path / "out.onnx")]) == 0
    assert "'w.bin'" in capsys.readouterr().err
    assert main(["export", str(source), "--to", "dot", "-o", str(tmp_path / "o"), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert rfgraph.export(source, tmp_path / "two.onnx", "onnx") == ("w.bin",)
    assert (tmp_path / "w.bin").read_bytes() == before
    x = np.ones((1, 4, 8, 8), np.float32)
    first, second = (
        onnxruntime.InferenceSession(tmp_path / file).run(None, {"x": x})[0]
        for file in ("model.onnx", "out.onnx")
    )
    np.testing.assert_array_equal(first, second)
    with pytest.raises(rfgraph.UsageError, match=r"w\.bin"):
        rfgraph.export(source, tmp_path / "w.bin", "onnx")


def test_external_files_are_found_wherever_tensors_are(tmp_path):
    def outside(name, file):
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[8])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=file)
        return tensor

    branch = graph([node("Add", "x i", "b")], [], [value("b")], [outside("i", "branch.bin")])
    other = graph([node("Identity", "x", "b")], [], [value("b")])
    nodes = [
        node("Constant", "", "k", value=outside("", "constant.bin")),
        node("Add", "x k", "a"),
        node("If", "c", "y", then_branch=branch, else_branch=other),
    ]
    made = model(nodes, ["x", value("c", (), TensorProto.BOOL)], initializers=[outside("m", "m")])
    sparse = made.graph.sparse_initializer.add(dims=[8])
    sparse.values.CopyFrom(outside("sp", "sparse.bin"))
    model_graph = rfgraph.load(made).file_graph()
    assert set(model_graph.external) == {"m", "branch.bin", "constant.bin", "sparse.bin"}


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("to", FORMATS)
def test_the_model_is_never_overwritten(to, tmp_path):
    source = tmp_path / "model.onnx"
    onnx.save(with_weights(), source)
    before = source.read_bytes()
    (tmp_path / "linked").symlink_to(source)
    os.link(source, tmp_path / "hard")
    for path in (source, tmp_path / "linked", tmp_path / "hard", tmp_path / "." / "model.onnx"):
        with pytest.raises(rfgraph.UsageError, match="is the model itself"):
            rfgraph.export(source, path, to)
    assert source.read_bytes() == before


def test_errors_say_what_is_required(tmp_path, capsys):
    source = tmp_path / "model.onnx"
    onnx.save(with_weights(), source)
    with pytest.raises(rfgraph.UsageError, match=r"to requires one of netron, .*found 'gexf'"):
        rfgraph.export(source, tmp_path / "o", "gexf")
    with pytest.raises(rfgraph.UsageError, match=r"metric requires one of size, .*found 'depth'"):
        rfgraph.export(source, tmp_path / "o", "model-explorer", metric="depth")
    with pytest.raises(rfgraph.RfgraphError, match="No such file or directory"):
        rfgraph.export(source, tmp_path / "no" / "o", "onnx")
    with pytest.raises(rfgraph.RfgraphError, match="not a file name"):
        rfgraph.export(source, "a\0b", "onnx")
    assert main(["export", str(source), "--to", "gexf", "-o", "x"]) == 2
    assert main(["export", str(source), "--to", "onnx", "-o", str(source)]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_a_file_that_changed_is_not_exported_and_leaves_nothing(tmp_path):
    source = tmp_path / "model.onnx"
    onnx.save(with_weights(), source)
    loaded = rfgraph.load(source)
    source.write_bytes(b"x" + source.read_bytes())
    with pytest.raises(rfgraph.ModelError, match="changed"):
        rfgraph.export(loaded, tmp_path / "out.onnx", "onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_a_model_that_gets_too_large_for_protobuf_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rfgraph.onnxfile.reading.annotation.WHOLE_LIMIT", 1000)
    with pytest.raises(rfgraph.ModelError, match="exceed protobuf's limit of 1000 bytes"):
        rfgraph.export(with_weights(), tmp_path / "out.onnx", "onnx")


def test_a_graph_that_was_built_by_hand_has_no_file(tmp_path):
    loaded = rfgraph.load(RESNET)
    keys = ("file", "ir_version", "opsets", "producer", "nodes", "inputs", "outputs", "graph")
    own = rfgraph.Model(*(getattr(loaded, key) for key in keys))
    for to in ("netron", "model-explorer", "onnx"):
        with pytest.raises(rfgraph.UsageError, match="read from a file"):
            rfgraph.export(own, tmp_path / "o", to)
    assert rfgraph.export(own, tmp_path / "o.dot", "dot") == ()


# -- names that act --------------------------------------------------------------------------------


@pytest.mark.parametrize("label", names.NAMES)
def test_names_that_act_are_data(label, tmp_path):
    source = names.everywhere(names.NAMES[label])
    result = rfgraph.analyze(source)
    found = onnx.load(written(result, tmp_path, "onnx"))
    assert without_notes(found) == source
    nodes, _ = read_dot(written(result, tmp_path, "dot").read_text())
    graphml = nx.read_graphml(written(result, tmp_path, "graphml"))
    assert [data["tensor"] for data in nodes.values()] == list(graphml)
    for to in ("netron", "model-explorer"):
        data = written(result, tmp_path, to).read_bytes()
        assert data.isascii()
        json.loads(data)


def test_the_same_bytes_each_time(tmp_path):
    for to in FORMATS:
        first = written(RESNET, tmp_path, to).read_bytes()
        assert written(io.BytesIO(RESNET.read_bytes()), tmp_path, to).read_bytes() == first


def test_stdout_is_where_the_texts_go(capsysbinary, tmp_path, monkeypatch):
    model = str(FIXTURES / "toy_aligned.onnx")
    monkeypatch.chdir(tmp_path)
    for form in ("netron", "model-explorer", "dot", "graphml"):
        rfgraph.export(model, tmp_path / "written", to=form)
        assert main(["export", model, "--to", form, "-o", "-"]) == 0
        assert capsysbinary.readouterr().out == (tmp_path / "written").read_bytes()
    assert main(["export", model, "--to", "onnx", "-o", "-"]) == 2
    assert b"requires a file name, found '-'" in capsysbinary.readouterr().err
    assert not (tmp_path / "-").exists()


def test_what_no_format_has_is_refused(capsys, tmp_path):
    model, file = str(FIXTURES / "toy_aligned.onnx"), str(tmp_path / "written")
    assert main(["export", model, "--to", "netron", "--metric", "size", "-o", file]) == 2
    assert "--metric requires --to model-explorer, found --to netron" in capsys.readouterr().err
