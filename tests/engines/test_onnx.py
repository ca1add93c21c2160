"""The ONNX engine with files that are odd, wrong or hostile: each is one clear sentence, none is a traceback."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx to write files")
from onnx import TensorProto  # noqa: E402

from kirie.engines.onnx import OnnxEngine  # noqa: E402
from kirie.errors import BadCheckpoint, OutOfMemory  # noqa: E402, OutOfMemory
from onnxmodels import brightness, constant, model, outside, port, save  # noqa: E402


def picture(count=1, height=8, width=12):
    draw = np.random.default_rng(0)
    return draw.random((count, 3, height, width), np.float32)


def _run(path, batch):
    engine = OnnxEngine(path, device="cpu")
    assert batch is not None, "it was opened"
    engine(batch)


def refused(made, path, *words, batch=None):
    """The sentence with which a file is refused, when it is opened or, with a batch, when it runs."""
    if not isinstance(made, bytes):
        made = made.SerializeToString()
    path.write_bytes(made)
    with pytest.raises((BadCheckpoint, OutOfMemory)) as caught:
        _run(path, batch)
    text = str(caught.value)
    assert path.name in text
    assert text.isprintable()
    assert len(text) < 500
    for word in words:
        assert word in text, text


@pytest.fixture
def path(tmp_path):
    return tmp_path / "n.onnx"


# --- what runs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "precision"), [(np.float32, "fp32"), (np.float16, "fp16"), (np.float64, "fp64")]
)
def test_floats_of_any_width(path, kind, precision):
    made = brightness(kind=kind)
    if kind is np.float64:  # for which onnxruntime has no convolution
        made = brightness()
        made.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
        made.graph.node[0].input[0] = "single"
        made.graph.node.insert(0, onnx.helper.make_node("Cast", ["x"], ["single"], to=1))
    with OnnxEngine(save(made, path), device="cpu") as engine:
        (have,) = engine(picture(2)).values()
        assert engine.precision == precision
    want = 40 * np.einsum("nchw,c->nhw", picture(2), [0.2126, 0.7152, 0.0722])[:, None] - 20
    assert have.dtype == np.float32
    np.testing.assert_allclose(have, want, atol=0.05 if kind is np.float16 else 1e-4)


def pixels_model():
    """A file that takes pixels and normalises them itself."""
    return model(
        [
            ("Cast", ["x"], ["f"], {"to": 1}),
            ("Conv", ["f", "grey", "bias"], ["y"], {}),
        ],
        [constant("grey", np.full((1, 3, 1, 1), 40 / 3 / 255)), constant("bias", [-20])],
        inputs=[port("x", kind=TensorProto.UINT8)],
    )


def test_pixels_where_the_file_normalises(path):
    engine = OnnxEngine(save(pixels_model(), path), device="cpu")
    white = np.full((1, 3, 4, 4), 255, np.uint8)
    np.testing.assert_allclose(engine(white)["y"], 20, atol=1e-4)
    with pytest.raises(BadCheckpoint, match="takes pixels"):
        engine(picture())


@pytest.mark.parametrize("fixed", [1, 2, 4])
def test_a_fixed_batch_takes_any_number_of_pictures(path, fixed):
    made = brightness()
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = fixed
    made.graph.output[0].type.tensor_type.shape.dim[0].dim_value = fixed
    engine = OnnxEngine(save(made, path), device="cpu")
    free = OnnxEngine(save(brightness(), path.with_name("free.onnx")), device="cpu")
    for count in (1, 3, 5):
        have, want = (one(picture(count))["logits"] for one in (engine, free))
        np.testing.assert_array_equal(have, want)


def test_maps_without_a_channel_axis(path):
    made = brightness(end=["Squeeze"], size=(8, 12))
    del made.graph.output[0].type.tensor_type.shape.dim[:2]
    made.graph.node[-1].input.append("axes")
    made.graph.initializer.append(constant("axes", [0, 1], np.int64))
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    engine = OnnxEngine(save(made, path), device="cpu")
    assert engine(picture(2))["e1"].shape == (2, 1, 8, 12)


def test_weights_beside_the_file_also_through_a_link(path, tmp_path):
    (tmp_path / "w.bin").write_bytes(np.full(3, 2, np.float32).tobytes())
    weights = outside("w", (1, 3, 1, 1), "w.bin", offset="0", length="12")
    save(model([("Conv", ["x", "w"], ["y"], {})], [weights]), path)
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "link.onnx").symlink_to(path)
    for one in (path, tmp_path / "away" / "link.onnx"):
        np.testing.assert_allclose(
            OnnxEngine(one, device="cpu")(np.ones((1, 3, 2, 2), np.float32))["y"], 6
        )


# --- what does not fit -----------------------------------------------------------------------------------------------

RELU = ("Relu", ["x"], ["y"], {})


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([port("x"), port("more")], ["x tensor(float)", "more tensor(float)", "one batch"]),
        ([port("x", ("N", 3))], ["one batch"]),
        ([port("x", ("N", "h", "w", 3))], ["channels last"]),
        ([port("x", (1, 320, 320, 3))], ["channels last"]),
        ([port("x", (1, 1, 320, 320))], ["three channels"]),
        ([port("x", kind=TensorProto.INT8)], ["tensor(int8)", "float32, float16, float64, uint8"]),
        ([port("x", kind=TensorProto.BFLOAT16)], ["bfloat16"]),
    ],
)
def test_inputs_that_are_no_pictures(path, inputs, words):
    kind = inputs[0].type.tensor_type.elem_type
    made = model([("Identity", ["x"], ["y"], {})], inputs=inputs, outputs=[port("y", None, kind)])
    refused(made, path, *words)


def test_outputs_that_are_no_maps(path):
    classes = model(
        [("ArgMax", ["x"], ["y"], {"axis": 1})], outputs=[port("y", None, TensorProto.INT64)]
    )
    refused(classes, path, "int64", "logits")
    flat = model([("GlobalAveragePool", ["x"], ["p"], {}), ("Flatten", ["p"], ["y"], {})])
    refused(flat, path, "not maps", batch=picture(2))
    mixed = model([("ReduceMean", ["x"], ["y"], {"axes": [0]})])
    refused(mixed, path, "not maps", batch=picture(2))
    empty = model(
        [("Slice", ["x", "o", "o", "axis"], ["y"], {})],
        [constant("o", [0], np.int64), constant("axis", [2], np.int64)],
    )
    refused(empty, path, "not maps", batch=picture())


@pytest.mark.parametrize(
    ("nodes", "opsets", "operator"),
    [
        ([("Frobnicate", ["x"], ["y"], {})], [("", 17)], "Frobnicate"),
        ([("Cut", ["x"], ["y"], {"domain": "my.ops"})], [("", 17), ("my.ops", 1)], "my.ops:Cut"),
        ([("Cut", ["x"], ["y"], {"domain": "my.ops"})], [("", 17)], "my.ops:Cut"),
        ([("Cu\x1b[31mt", ["x"], ["y"], {})], [("", 17)], "Cu\\x1b[31mt"),
    ],
)
def test_unknown_operators_are_named(path, nodes, opsets, operator):
    refused(model(nodes, opsets=opsets), path, f"the operator '{operator}'", "upgrade onnxruntime")


def test_newer_formats_than_the_runtime_knows(path):
    refused(model([RELU], opsets=[("", 999)]), path, "Opset 999", "upgrade onnxruntime")
    made = model([RELU])
    made.ir_version = 999
    refused(made, path, "999", "upgrade onnxruntime")


# --- hostile files ---------------------------------------------------------------------------------------------------

HUGE = [1000] * 4


def test_an_output_larger_than_any_answer_is_refused_before_it_is_computed(path):
    made = model([("ConstantOfShape", ["s"], ["y"], {})], [constant("s", HUGE, np.int64)])
    try:
        refused(made, path, "1000000000000 numbers", "Nothing was computed")
    except AssertionError:  # releases before 1.20 try to compute it when they open the file
        refused(made, path, "more memory than the CPU has")


def test_more_memory_than_there_can_be(path):
    """The size is computed from the picture, so that nobody can know it before: 4 PB, more than an address space."""
    nodes = [
        ("ReduceMax", ["x"], ["m"], {"axes": [1, 2, 3], "keepdims": 0}),
        ("Cast", ["m"], ["i"], {"to": 7}),
        ("Add", ["s", "i"], ["shape"], {}),
        ("ConstantOfShape", ["shape"], ["y"], {}),
    ]
    made = model(nodes, [constant("s", [1000] * 5, np.int64)])
    refused(made, path, "GB of memory", "smaller network", batch=picture())


def test_a_size_that_the_network_cannot_take(path):
    made = model([("Add", ["x", "w"], ["y"], {})], [constant("w", np.zeros((1, 3, 7, 7)))])
    refused(made, path, "fails on a picture", batch=picture())


def test_nothing_outside_the_folder_is_opened(path, tmp_path, monkeypatch):
    monkeypatch.setattr("kirie.engines.onnx._session", lambda *_: pytest.fail("it was opened"))
    made = model([("Conv", ["x", "w"], ["y"], {})], [outside("w", (1, 3, 1, 1), "/etc/passwd")])
    refused(made, path, "/etc/passwd", "not opened")


@pytest.mark.parametrize(
    "card",
    [
        "{",
        "[" * 100_000,
        '{"kirie": 1, "name": "x"}',
        "x" * 900_000,
        '{"kirie": 1' + ', "a": 1' * 10_000 + "}",
    ],
)
def test_hostile_cards(path, card):
    made = brightness(card=card)
    path.write_bytes(made.SerializeToString())
    with pytest.raises(BadCheckpoint, match="model card"):
        OnnxEngine(path, device="cpu")
