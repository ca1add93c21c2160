"""Files that kirie writes: faithful, half the size, and with their card inside."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")
onnx = pytest.importorskip("onnx", reason="needs the extra train")

from kirie import export, nn, readout  # noqa: E402
from kirie.engines import open_engine  # noqa: E402
from kirie.errors import BadInput, KirieError  # noqa: E402
from kirie.nn.build import ARCHITECTURES, resolve  # noqa: E402
from kirie.prepare import prepare  # noqa: E402
from kirie.spec import ModelCard, Preparation  # noqa: E402

pytestmark = pytest.mark.torch
SIZE = (64, 96)


def card(architecture="u2netp", **changes):
    facts = {
        "name": "mine",
        "title": "Mine",
        "architecture": architecture,
        "licence": "CC0-1.0",
        "commercial": True,
        "preparation": Preparation(size=(320, 320), filter="skimage", scale="maximum"),
    }
    return ModelCard(**{**facts, **changes})


@pytest.fixture(scope="module", params=["u2netp", "mini"])
def net(request):
    try:
        resolve(ARCHITECTURES[request.param].target)
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not there")
    torch.manual_seed(0)
    net = nn.build(request.param)
    with torch.no_grad():  # statistics that folding has to reckon with
        for name, buffer in net.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.8, 1.2)
    return net.train()  # exporting is eval, whatever the mode


def name_of(net):
    return "mini" if type(net).__name__ == "Mini" else "u2netp"


@pytest.fixture(scope="module")
def written(net, tmp_path_factory):
    """(folder, report of half, report of full)."""
    folder = tmp_path_factory.mktemp("export")
    mine = card(name_of(net))
    half = export.to_onnx(net, folder / "half.onnx", card=mine, size=SIZE)
    full = export.to_onnx(net, folder / "full.onnx", card=mine, size=SIZE, half=False)
    return folder, half, full


def test_parity_and_size(net, written):
    folder, half, full = written
    assert net.training
    assert half.same_weights <= 1e-4
    assert full.same_weights <= 1e-4
    assert full.float32 <= 1e-4
    assert half.float32 <= 2e-2
    assert half.size == (folder / "half.onnx").stat().st_size
    weights = 4 * sum(p.numel() for p in net.parameters())
    assert full.size < weights + 300_000
    assert half.size < weights / 2 + 300_000
    assert sorted(path.name for path in folder.iterdir()) == ["full.onnx", "half.onnx"]


def test_the_graph(net, written):
    model = onnx.load(written[0] / "half.onnx")
    left = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    # Each of kirie-mini's decoder steps normalises a sum, which no convolution can take over.
    assert len(left) == (len(net.fuses) if name_of(net) == "mini" else 0)
    kinds = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) > 1}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert [i.version for i in model.opset_import if i.domain in ("", "ai.onnx")] == [export.OPSET]
    (image,), (logits,) = model.graph.input, model.graph.output
    assert (image.name, logits.name) == ("image", "logits")
    dims = image.type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == ["N", 3, *SIZE]


def test_the_card_and_any_batch(net, written):
    engine, found, *_ = open_engine((written[0] / "half.onnx",), None, device="cpu")
    mine = card(name_of(net))
    assert found.preparation.size == SIZE
    assert found.preparation.filter == mine.preparation.filter
    assert (found.name, found.licence, found.architecture) == ("mine", "CC0-1.0", name_of(net))
    batch = np.random.default_rng(0).normal(size=(3, 3, *SIZE)).astype(np.float32)
    with engine:
        together = engine(batch)["logits"]
        apart = np.concatenate([engine(batch[n : n + 1])["logits"] for n in range(3)])
    assert together.shape == (3, 1, *SIZE)
    np.testing.assert_allclose(together, apart, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("half", [False, True])
def test_safetensors_cut_like_onnx(net, written, tmp_path, disc, half):
    path = tmp_path / "net.safetensors"
    mine = card(name_of(net), preparation=Preparation(size=SIZE))
    export.to_safetensors(net, path, card=mine, half=half)
    assert nn.load(path).origin.card == mine
    weights = 4 * sum(p.numel() for p in net.parameters())
    assert path.stat().st_size < weights / (2 if half else 1) + 300_000
    batch, geometry = prepare(disc, mine.preparation)
    alphas = []
    for file in (path, written[0] / ("half.onnx" if half else "full.onnx")):
        engine, found, *_ = open_engine((file,), None, device="cpu")
        with engine:
            alphas.append(readout.alpha(engine(batch)["logits"][0], found.readout, geometry))
    # Halved files differ a little: the ONNX file's weights were folded before they were rounded.
    np.testing.assert_allclose(*alphas, atol=2e-2 if half else 1e-4)


def test_a_card_of_another_network_is_refused(net, tmp_path):
    wrong = card("u2net" if name_of(net) == "mini" else "u2netp", arguments={"classes": 3})
    with pytest.raises(BadInput, match="'mine'"):
        export.to_safetensors(net, tmp_path / "net.safetensors", card=wrong)
    with pytest.raises(BadInput, match="'mine'"):
        export.to_onnx(net, tmp_path / "net.onnx", card=wrong, size=SIZE)
    assert not list(tmp_path.iterdir())


def test_a_file_that_fails_leaves_the_old_one(net, tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(KirieError, match="nothing was written"):
        export.to_onnx(net, path, card=card(name_of(net)), size=(32, 32))
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]


def test_a_folder_that_is_not_there(net, tmp_path):
    with pytest.raises(BadInput, match="cannot be written"):
        export.to_safetensors(net, tmp_path / "no" / "net.safetensors", card=card(name_of(net)))


def test_the_header_is_plain_json(net, tmp_path):
    path = tmp_path / "net.safetensors"
    export.to_safetensors(net, path, card=card(name_of(net)))
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert json.loads(header["__metadata__"]["kirie"])["architecture"] == name_of(net)
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
