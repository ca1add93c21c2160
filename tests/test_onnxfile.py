"""ONNX files are looked through without being run: what they say, and what they must not ask for."""

import os
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx to write files")
import kirie  # noqa: E402
from kirie import _onnx, _protobuf, onnxfile  # noqa: E402
from kirie.errors import BadCheckpoint  # noqa: E402
from onnxmodels import brightness, constant, model, outside, port, save  # noqa: E402

MINI = Path(kirie.__file__).parent / "assets" / "kirie-mini.onnx"


def refused(path, *words):
    with pytest.raises(BadCheckpoint) as caught:
        onnxfile.read(path)
    text = str(caught.value)
    assert path.name in text
    assert text.isprintable()
    assert len(text) < 400
    for word in words:
        assert word in text, text


# --- what is read ----------------------------------------------------------------------------------------------------


def test_the_embedded_model_as_the_onnx_package_reads_it():
    facts, want = onnxfile.read(MINI), onnx.load(MINI)
    assert facts.inputs == [onnxfile.Port("image", "float32", ("N", 3, 288, 288))]
    assert [port.name for port in facts.outputs] == [one.name for one in want.graph.output]
    assert sum(facts.operators.values()) == len(want.graph.node)
    assert set(facts.operators) == {node.op_type for node in want.graph.node}
    assert facts.constants == {one.name for one in want.graph.initializer}
    arrays = [onnx.numpy_helper.to_array(one) for one in want.graph.initializer]
    assert facts.parameters == sum(a.size for a in arrays if a.dtype.kind == "f")
    assert facts.metadata == {prop.key: prop.value for prop in want.metadata_props}
    assert (facts.producer, facts.ir, facts.opsets) == ("kirie", 8, {"ai.onnx": 17})
    assert not facts.external


def test_ports_of_every_kind(tmp_path):
    made = brightness(kind=np.float16, size=(64, "w"))
    made.graph.input.append(port("grey", (1, 3, 1, 1)))  # old files list their weights as inputs
    made.graph.output.append(onnx.helper.make_tensor_sequence_value_info("s", 1, None))
    facts = onnxfile.read(save(made, tmp_path / "n.onnx"))
    assert facts.inputs == [onnxfile.Port("x", "float16", ("N", 3, 64, "w"))]
    assert facts.outputs[0].shape == ("N", 1, 64, "w")
    assert facts.outputs[1].shape is None


CONV = ("Conv", ["x", "grey", "bias"], ["a"], {})


@pytest.mark.parametrize(
    ("nodes", "holds"),
    [
        ([], "logits"),
        ([("Sigmoid", "ab")], "probabilities"),
        ([("Softmax", "ab"), ("Cast", "bc")], "probabilities"),
        ([("Sigmoid", "ab"), ("Resize", "bc"), ("Identity", "cd")], "probabilities"),
        ([("Upsample", "ab"), ("Add", "bca")], "logits"),
        ([("Sigmoid", "ab"), ("Mul", ["b", "two"], "c")], ""),  # 0 … 2
        ([("Sigmoid", "ab"), ("Sub", ["two", "b"], "c")], ""),
        ([("Sigmoid", "ab"), ("ReduceMin", "bm"), ("Sub", "bm", "c")], "probabilities"),
        ([("ReduceMin", "am"), ("Sub", "am", "c")], ""),  # stretched logits are no probabilities
        ([("ArgMax", "ab")], "classes"),
        ([("Tanh", "ab")], ""),
        ([("Relu", "xb"), ("Identity", "bc")], ""),
        ([("Identity", "qb")], ""),
    ],
)
def test_what_the_last_operators_tell(tmp_path, nodes, holds):
    last, rows = "a", [CONV]
    for operator, inputs, *output in nodes:
        ins, outs = (inputs, output[0]) if output else (inputs[:1] + inputs[2:], inputs[1])
        rows.append((operator, list(ins), [outs], {}))
        last = outs
    weights = [constant("grey", np.ones((1, 3, 1, 1))), constant("bias", [0]), constant("two", [2])]
    made = model(rows, weights, outputs=[port(last, None)])
    facts = onnxfile.read(save(made, tmp_path / "n.onnx"))
    assert onnxfile.ending(facts, last) == holds


def test_a_circle_of_operators_ends(tmp_path):
    rows = [("Identity", ["a"], ["b"], {}), ("Identity", ["b"], ["a"], {})]
    facts = onnxfile.read(save(model(rows, outputs=[port("a")]), tmp_path / "n.onnx"))
    assert onnxfile.ending(facts, "a") == ""


# --- what a file asks for --------------------------------------------------------------------------------------------

PLACES = ("initializer", "constant", "list", "subgraph", "sparse", "sparse attribute", "function")


def asking(place, location, **entries):
    """A model with a tensor outside of it, anywhere that ONNX allows one."""
    tensor = outside("w", (1, 3, 1, 1), location, **entries)
    sparse = onnx.SparseTensorProto(values=outside("w", (1,), location, **entries), dims=[3])
    plain = [constant("w", np.zeros((1, 3, 1, 1)))]
    made = model([("Conv", ["x", "w"], ["y"], {})], [] if place in PLACES[:5] else plain)
    graph = made.graph
    if place == "initializer":
        graph.initializer.append(tensor)
    elif place == "constant":
        graph.node.insert(0, onnx.helper.make_node("Constant", [], ["w"], value=tensor))
    elif place == "list":
        node = graph.node[0]
        node.attribute.append(onnx.AttributeProto(name="t", type=9, tensors=[tensor]))
    elif place == "subgraph":
        for _ in range(3):  # an If in an If in an If
            inner = onnx.GraphProto(name="g", initializer=[tensor], node=list(graph.node))
            branch = onnx.helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
            del graph.node[:]
            graph.node.append(branch)
            tensor = constant("u", [0])
    elif place == "sparse":
        graph.sparse_initializer.append(sparse)
    elif place == "sparse attribute":
        made.graph.node.append(onnx.helper.make_node("Constant", [], ["z"], sparse_value=sparse))
    else:
        node = onnx.helper.make_node("Constant", [], ["z"], value=tensor)
        made.functions.append(onnx.FunctionProto(name="f", domain="d", node=[node]))
    return made


@pytest.fixture
def folder(tmp_path):
    """A folder with weights, and more weights outside of it, where only links lead."""
    inside = tmp_path / "model"
    inside.mkdir()
    (inside / "sub").mkdir()
    for path in (inside / "w.bin", inside / "sub" / "w.bin", tmp_path / "secret"):
        path.write_bytes(bytes(12))
    (inside / "link.bin").symlink_to(tmp_path / "secret")
    (inside / "near.bin").symlink_to("w.bin")
    (inside / "up").symlink_to(tmp_path)
    (inside / "loop").symlink_to("loop")
    return inside


@pytest.mark.parametrize("place", PLACES)
def test_a_tensor_outside_the_folder_is_found_wherever_it_hides(folder, place):
    path = folder / "n.onnx"
    path.write_bytes(asking(place, "../secret").SerializeToString())
    refused(path, "'../secret'", "outside its own folder")
    path.write_bytes(asking(place, "w.bin", length="12").SerializeToString())
    assert set(onnxfile.read(path).external) == {("w", "w.bin", "", "12")}


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/etc/passwd", "outside its own folder"),
        ("sub/../../secret", "outside its own folder"),
        ("..\\secret", "outside its own folder"),
        ("C:\\secret", "outside its own folder"),
        ("C:secret", "outside its own folder"),
        ("\\\\server\\share\\x", "outside its own folder"),
        ("", "outside its own folder"),
        ("a\x00b", "outside its own folder"),
        ("\x1b[31mred", "outside its own folder"),
        ("x" * 4000, "not beside it"),
        ("link.bin", "link out of its folder"),
        ("up/secret", "link out of its folder"),
        ("loop", "not beside it"),
        ("sub", "not beside it"),
        ("gone.bin", "not beside it"),
        ("*/_ORT_MEM_ADDR_/*", "not beside it"),  # onnxruntime's own mark for an address in memory
    ],
)
def test_locations_that_are_refused(folder, location, words):
    path = folder / "n.onnx"
    path.write_bytes(asking("initializer", location).SerializeToString())
    refused(path, words)


@pytest.mark.parametrize("location", ["w.bin", "near.bin", "sub/w.bin", "./w.bin"])
def test_locations_that_are_allowed(folder, location):
    path = folder / "n.onnx"
    path.write_bytes(asking("initializer", location, offset="0", length="12").SerializeToString())
    assert onnxfile.read(path).external
    (folder.parent / "away.onnx").symlink_to(path)  # the folder is the file's, not the link's
    assert onnxfile.read(folder.parent / "away.onnx").external


@pytest.mark.parametrize(
    "entries",
    [
        {"length": "13"},
        {"offset": "1", "length": "12"},
        {"offset": "-5"},
        {"length": "1e3"},
        {"length": "9" * 5000},
    ],
)
def test_a_tensor_beyond_the_end_of_its_file(folder, entries):
    path = folder / "n.onnx"
    path.write_bytes(asking("initializer", "w.bin", **entries).SerializeToString())
    refused(path)


def test_two_locations_for_one_tensor(folder):
    made = asking("initializer", "w.bin")
    made.graph.initializer[0].external_data.add(key="location", value="../secret")
    path = folder / "n.onnx"
    path.write_bytes(made.SerializeToString())
    refused(path, "two places")


def test_a_graph_in_two_pieces_is_one_graph(folder):
    """Protocol buffers join what is there twice: a check that reads one piece would miss the other."""
    first, second = brightness(), onnx.ModelProto()
    second.graph.initializer.append(outside("w", (1,), "../secret"))
    path = folder / "n.onnx"
    path.write_bytes(first.SerializeToString() + second.SerializeToString())
    assert onnx.load(path, load_external_data=False).graph.initializer[-1].name == "w"
    refused(path, "outside its own folder")


# --- damaged and hostile files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"weights, honestly\n", "text"),
        (b"<!DOCTYPE html><html>quota exceeded</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
        (b"PK\x03\x04" + bytes(60), "not an ONNX file"),
        (b"\x08\x08\x12\x04test", "no network"),
        (b"\x3a" + b"\xff" * 9 + b"\x01", "longer than what holds it"),
        (b"\x08\x08\x3a" + b"\xff" * 10, "part of no number"),
        (b"\x00\x00\x01", "begins no field"),
        (b"\x3b\x01", "begins no field"),  # a group
        (b"\x38\x01", "begins no graph"),  # field 7 as a number
    ],
)
def test_what_is_no_onnx_file(tmp_path, content, words):
    path = tmp_path / "n.onnx"
    path.write_bytes(content)
    refused(path, words)


def test_folders_missing_files_and_devices(tmp_path):
    refused(tmp_path, "folder")
    refused(tmp_path / "gone.onnx", "No such")
    os.mkfifo(tmp_path / "pipe.onnx")
    refused(tmp_path / "pipe.onnx", "device")


def wrapped(tag, inner):
    length, size = b"", len(inner)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([tag]) + length + bytes([size]) + inner


def nested(depth):
    inner = b""
    for _ in range(depth):
        for tag in (0x32, 0x2A, 0x0A):  # attribute.g, node.attribute, graph.node
            inner = wrapped(tag, inner)
    return wrapped(0x3A, inner)  # model.graph


def test_graphs_in_graphs_without_end(tmp_path):
    path = tmp_path / "n.onnx"
    path.write_bytes(nested(5000))
    refused(path, "nested")


def test_a_file_of_nothing_but_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(_protobuf, "MOST_FIELDS", 10_000)
    path = tmp_path / "n.onnx"
    path.write_bytes(b"\x98\x01\x01" * 10_001)  # a field that no version of the format has
    refused(path, "more than 10000 parts")
    path.write_bytes(b"\x08\x01" * 10_000)
    refused(path, "no network")
    monkeypatch.setattr(_onnx, "MOST_REPEATED", 5000)
    refused(path, "more than 5000 ir")


def test_shapes_and_texts_without_end(tmp_path):
    made = brightness()
    made.graph.initializer[0].dims.extend([1] * 65)
    refused(save(made, tmp_path / "a.onnx"), "axes")
    made = brightness()
    made.graph.node[0].op_type = "C" * 5000
    refused(save(made, tmp_path / "b.onnx"), "longer")
    made = brightness(card="x" * 2_000_000)
    refused(save(made, tmp_path / "c.onnx"), "longer")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.9999])
def test_truncated_files(tmp_path, share):
    whole = MINI.read_bytes()
    path = tmp_path / "n.onnx"
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path, "cut short")


def test_damaged_bytes_never_surprise(tmp_path):
    """Files with one to four wrong bytes each: refused with a sentence, or read."""
    draw = np.random.default_rng(1)
    seeds = [brightness(end=["Sigmoid"], card="{}"), asking("subgraph", "w.bin")]
    path = tmp_path / "n.onnx"
    (tmp_path / "w.bin").write_bytes(bytes(12))
    outcomes = set()
    for turn in range(400):
        data = bytearray(seeds[turn % 2].SerializeToString())
        for _ in range(draw.integers(1, 5)):
            data[draw.integers(len(data))] = draw.integers(256)
        if draw.random() < 0.2:
            del data[draw.integers(len(data)) :]
        path.write_bytes(data)
        try:
            facts = onnxfile.read(path)
            assert onnxfile.ending(facts, facts.outputs[0].name) in {"logits", "probabilities", ""}
            outcomes.add("read")
        except BadCheckpoint as error:
            outcomes.add("refused" if str(error).isprintable() else "unprintable")
    assert outcomes == {"read", "refused"}
