"""kirie.compat.rembg beside rembg: its recorded answers on the same network files, and itself where it is installed."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageCms

import compat_record as record
from kirie import image, zoo
from kirie.compat import _sessions
from kirie.compat.rembg import new_session, remove
from kirie.cutter import Cutter
from kirie.engines.fake import FakeEngine
from kirie.engines.onnx import OnnxEngine
from kirie.errors import (
    BadCheckpoint,
    BadInput,
    DeviceUnavailable,
    MissingExtra,
    Offline,
    UnknownModel,
)
from kirie.spec import ModelCard, Preparation, Procedure, ReadOut

PICTURES = record.pictures()
ANSWERS = record.recorded("rembg")
NEEDS_MATTING = ("alpha_matting", "decontaminate")


def card(name):
    """A card as the zoo might hold it, on the small networks; its own preparation is another one than rembg's."""
    clothes = "cloth" in name
    activation = "softmax" if clothes else "sigmoid" if "birefnet" in name else "none"
    return ModelCard(
        name=name,
        title="a small network",
        architecture="u2net",
        licence="MIT",
        commercial=True,
        preparation=Preparation(size=(64, 64)),
        readout=ReadOut(activation=activation, levels=(0.1, 0.9)),
        procedure=Procedure(maps=("logits" if clothes else "alpha",)),
    )


@pytest.fixture
def small(monkeypatch):
    """Every name has a card, and the small networks are its files."""

    def load(name, device):
        file = record.CLOTHES if "cloth" in name else record.NETWORK
        return Cutter(card(name), OnnxEngine(file, device=device))

    monkeypatch.setattr(_sessions.zoo, "get", card)
    monkeypatch.setattr(_sessions, "load", load)


@pytest.fixture
def session(small):
    with new_session("u2net") as opened:
        yield opened


def opened(result):
    """A result as an array."""
    return np.asarray(Image.open(BytesIO(result)) if isinstance(result, bytes) else result)


@pytest.mark.parametrize("name", record.REMBG)
def test_the_answer_is_rembgs_own(small, name):
    model, picture, arguments = record.REMBG[name]
    if any(needed in arguments for needed in NEEDS_MATTING):
        pytest.importorskip("pymatting")
    custom = {"model_path": str(record.NETWORK)} if model.endswith("_custom") else {}
    with new_session(model, **custom) as opened_session:
        if name == "matting fails":
            with pytest.warns(RuntimeWarning, match="Alpha matting failed"):
                made = remove(PICTURES[picture], session=opened_session, **arguments)
        else:
            made = remove(PICTURES[picture], session=opened_session, **arguments)
    want = ANSWERS[name]
    have = opened(made)
    assert have.shape == want.shape
    assert want.min() < want.max()
    difference = np.abs(have.astype(int) - want)
    assert difference.max() <= 1  # float32 sums may round to the other side on another machine
    assert (difference > 0).mean() <= 0.01


def photos(folder):
    """Photos in all the ways that they come, as files in `folder`."""
    given = Path(os.environ.get("KIRIE_DATA", "")) / "photos"
    found = ["chelsea.png", "exif_portrait_6.jpg", "shoes_cc0.jpg"]
    paths = [given / name for name in found if (given / name).is_file()]
    sources = [path.read_bytes() for path in paths] or [PICTURES["turned"], PICTURES["rgb"]]
    cases = {}
    for number, source in enumerate(sources):
        if isinstance(source, bytes):
            (folder / f"{number}").write_bytes(source)
            cases[f"{number}"] = ("u2net_custom", f"{number}", {})
    first = sources[0]
    picture = first if isinstance(first, Image.Image) else Image.open(BytesIO(first))
    for mode in ("RGB", "RGBA", "L", "P"):
        way = picture.convert(mode)
        if mode == "RGBA":
            way.putalpha(picture.convert("L"))
        way.save(folder / mode, "PNG")
        cases[mode] = ("u2net_custom", mode, {"only_mask": True})
    return cases


def network(path):
    """U²-Net-P with random weights, its sigmoid inside, as rembg's files are; the small network without PyTorch."""
    torch, onnx = pytest.importorskip("torch"), pytest.importorskip("onnx")
    from kirie import export, nn

    torch.manual_seed(4)
    net = nn.build("u2netp").eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.5)  # random weights as they come answer nearly the same everywhere
    made = card("u2netp")
    export.to_onnx(
        net,
        path,
        card=ModelCard(**_fields(made, architecture="u2netp", procedure=Procedure())),
        size=(320, 320),
    )
    model = onnx.load(path)
    model.graph.node.append(onnx.helper.make_node("Sigmoid", ["logits"], ["alpha"]))
    model.graph.output[0].name = "alpha"
    onnx.save(model, path)


def _fields(made, **changes):
    return {name: getattr(made, name) for name in made.__slots__} | changes


def test_masks_equal_those_of_the_installed_rembg(tmp_path):
    python = os.environ.get("KIRIE_REMBG") or (find_spec("rembg") and sys.executable)
    if not python:
        pytest.skip("rembg is not installed, and KIRIE_REMBG names no python that has it")
    network(tmp_path / "network.onnx")
    cases = photos(tmp_path)
    answers = record.ask(python, "rembg", cases, tmp_path)
    with new_session("u2net_custom", model_path=tmp_path / "network.onnx") as ours:
        for name, (_, file, arguments) in cases.items():
            have = opened(remove((tmp_path / file).read_bytes(), session=ours, **arguments))
            assert have.shape == answers[name].shape, name
            difference = np.abs(have.astype(int) - answers[name])
            assert difference.max() <= 1, name
            assert (difference > 0).mean() <= 0.001, name
            mask = answers[name][..., -1] if answers[name].ndim == 3 else answers[name]
            assert mask.std() > 20, name  # that the network answers at all


def test_what_goes_in_comes_out(session):
    picture = PICTURES["rgb"]
    made = remove(picture, session=session)
    assert isinstance(made, Image.Image)
    assert made.mode == "RGBA"
    array = remove(np.asarray(picture), session=session)
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.uint8
    assert (array == np.asarray(made)).all()
    array[0, 0] = 1  # may be written to
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    for forced in (
        remove(buffer.getvalue(), session=session),
        remove(picture, session=session, force_return_bytes=True),
    ):
        assert isinstance(forced, bytes)
        assert forced.startswith(b"\x89PNG")
        assert (opened(forced) == array).sum() >= array.size - 4


def test_the_given_image_is_not_changed(session):
    picture = PICTURES["rgb"].copy()
    remove(picture, session=session, putalpha=True)
    assert picture.mode == "RGB"
    assert (np.asarray(picture) == np.asarray(PICTURES["rgb"])).all()


@pytest.mark.parametrize("picture", ["palette", "grey"])
def test_bytes_of_every_mode(session, picture):
    """Pillow's palettes with alpha cannot be written as PNG, nor laid on a colour."""
    given = PICTURES[picture]
    made = Image.open(
        BytesIO(remove(given, session=session, putalpha=True, force_return_bytes=True))
    )
    assert made.mode == {"palette": "RGBA", "grey": "LA"}[picture]
    assert (np.asarray(made.convert("RGB")) == np.asarray(given.convert("RGB"))).all()
    hard = {"session": session, "post_process_mask": True}
    laid = remove(given, putalpha=True, bgcolor=(9, 8, 7, 255), **hard)
    hidden = np.asarray(remove(given, only_mask=True, **hard)) == 0
    assert hidden.any()
    assert (np.asarray(laid)[hidden] == (9, 8, 7, 255)).all()


def test_without_a_session_the_default_network_is_opened(small, monkeypatch):
    names = []
    monkeypatch.setattr(_sessions.zoo, "get", lambda name: names.append(name) or card(name))
    made = remove(PICTURES["rgb"], only_mask=True, providers=["CPUExecutionProvider"])
    assert names == ["u2net"]
    assert (np.asarray(made) == ANSWERS["u2net"]).mean() > 0.99


def test_a_session_of_ones_own_is_enough():
    class Left:
        def predict(self, img):
            half = Image.new("L", img.size)
            half.paste(255, (0, 0, img.width // 2, img.height))
            return [half]

    made = np.asarray(remove(PICTURES["rgb"], session=Left()))
    assert (made[:, :44, :3] == np.asarray(PICTURES["rgb"])[:, :44]).all()
    assert (made[:, 44:] == 0).all()


def test_clean_edges_are_straight_and_bright(session):
    """rembg multiplies the colours by the mask: half of a bright subject's colour is left on its edge."""
    raw, clean = (
        np.asarray(remove(PICTURES["rgb"], session=session, edges=edges))
        for edges in ("raw", "clean")
    )
    assert (raw[..., 3] == clean[..., 3]).all() or np.abs(
        raw[..., 3].astype(int) - clean[..., 3]
    ).max() <= 1
    edge = (raw[..., 3] > 60) & (raw[..., 3] < 160)
    assert clean[edge][:, 0].mean() > 1.5 * raw[edge][:, 0].mean()


def test_one_session_serves_many_threads(session):
    with ThreadPoolExecutor(4) as pool:
        masks = list(pool.map(lambda _: opened(session.predict(PICTURES["rgb"])[0]), range(8)))
    assert all((mask == masks[0]).all() for mask in masks)


def test_a_card_of_kiries_own_is_read_its_own_way(disc):
    from kirie import load

    with new_session("kirie-mini") as mini, load("kirie-mini") as cutter:
        mask = np.asarray(remove(Image.fromarray(disc), session=mini, only_mask=True))
        assert (mask == cutter.cut(disc).mask).all()


def test_providers_are_preferences(small, monkeypatch):
    monkeypatch.setattr("kirie.engines.onnx.providers", lambda: ["CPUExecutionProvider"])
    cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"
    assert new_session("u2net", providers=[cpu]).inner_session.get_providers() == [cpu]
    assert new_session("u2net", providers=[]).engine.device == "cpu"
    with pytest.warns(RuntimeWarning, match="runs on cpu.*no CUDA part"):
        assert new_session("u2net", providers=[cuda, cpu]).engine.device == "cpu"
    with pytest.warns(RuntimeWarning, match="TensorrtExecutionProvider"):
        new_session("u2net", providers=["TensorrtExecutionProvider", cpu])
    for alone in ([cuda], [(cuda, {"device_id": 1})], ["OpenVINOExecutionProvider"]):
        with pytest.raises(DeviceUnavailable, match="allow the CPU"):
            new_session("u2net", providers=alone)


def test_session_options_are_used(small):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with new_session("u2net", sess_opts=options) as one:
        assert one.inner_session.get_session_options().intra_op_num_threads == 1
        assert (opened(one.predict(PICTURES["rgb"])[0]) == ANSWERS["u2net"]).mean() > 0.99


def test_session_options_need_onnx_runtime(small, monkeypatch):
    monkeypatch.setattr(_sessions, "load", lambda name, **_: Cutter(card(name), FakeEngine()))
    with pytest.raises(BadCheckpoint, match="not run in ONNX Runtime"):
        new_session("u2net", sess_opts=onnxruntime.SessionOptions())


def test_what_has_no_use_is_said(session):
    with pytest.warns(RuntimeWarning, match="no use for 'extra', sam_prompt"):
        session.predict(PICTURES["rgb"], "extra", sam_prompt=[])
    with pytest.warns(RuntimeWarning, match="new_session has no use for gpu"):
        new_session("u2net", gpu=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sam", "no card for rembg's 'sam'"),
        ("withoutbg", "sends nothing"),
        ("u2nett", "Unknown model 'u2nett'"),
    ],
)
def test_names_that_are_not_there(name, message):
    with pytest.raises(UnknownModel, match=message):
        new_session(name)


def test_rembgs_names_are_the_zoos():
    """The sizes at least are facts of the networks; the rest of rembg's preparation is its own."""
    found = set(_sessions.PREPARATIONS) & {
        name for model in zoo.MODELS for name in (model.name, *model.aliases)
    }
    assert {"u2net", "u2netp", "u2net_human_seg", "u2net_cloth_seg", "silueta"} <= found
    for name in found:
        assert zoo.get(name).preparation.size == _sessions.PREPARATIONS[name].size


def test_weights_go_through_kiries_gates(monkeypatch, tmp_path):
    monkeypatch.setenv("KIRIE_OFFLINE", "1")
    monkeypatch.setenv("KIRIE_HOME", str(tmp_path))
    with pytest.raises(Offline):
        remove(PICTURES["rgb"])


def test_custom_networks_need_a_file(tmp_path):
    with pytest.raises(BadInput, match="needs model_path"):
        new_session("u2net_custom")
    with pytest.raises(BadInput, match=r"not net\.pth"):
        new_session("dis_custom", model_path="net.pth")
    with pytest.raises(BadCheckpoint, match="No such"):
        new_session("ben_custom", model_path=tmp_path / "gone.onnx")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"%PDF-1.7", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (PICTURES["turned"][:900], "damaged or cut off"),
        ("photo.jpg", "not str"),
        (np.zeros((3, 40, 50), np.uint8), "no picture"),
        (np.full((4, 5, 3), 7.0), "floats must lie in"),
    ],
)
def test_what_is_no_picture_is_said_in_a_sentence(session, data, message):
    with pytest.raises(BadInput, match=message):
        remove(data, session=session)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"edges": "soft"}, "raw, clean"), ({"vitmatte": True}, "no ViTMatte")],
)
def test_impossible_arguments_are_refused(session, arguments, message):
    with pytest.raises(BadInput, match=message):
        remove(PICTURES["rgb"], session=session, **arguments)


@pytest.mark.parametrize("argument", NEEDS_MATTING)
def test_matting_without_its_extra_names_it(session, monkeypatch, argument):
    monkeypatch.setitem(sys.modules, "pymatting", None)
    with pytest.raises(MissingExtra, match=r"kirie\[matting\]"):
        remove(PICTURES["rgb"], session=session, **{argument: True})


def test_sixteen_bits_are_scaled_not_clipped(session):
    grey = np.asarray(PICTURES["grey"])
    buffer = BytesIO()
    Image.fromarray(grey.astype(np.uint16) * 257).save(buffer, "PNG")
    for source in (buffer.getvalue(), grey.astype(np.uint16) * 257, Image.open(buffer)):
        made = opened(remove(source, session=session, only_mask=True))
        assert (made == ANSWERS["grey"]).mean() > 0.99


def test_an_rgb_profile_is_kept(session):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = BytesIO()
    PICTURES["rgb"].save(buffer, "PNG", icc_profile=icc)
    assert image.decode(remove(buffer.getvalue(), session=session)).icc == icc
    assert "icc_profile" not in remove(PICTURES["rgb"], session=session).info


def test_importing_the_drop_ins_is_light():
    heavy = ["torch", "pymatting", "numba", "scipy", "cv2", "onnx", "onnxruntime"]
    script = (
        "import kirie.compat.rembg, kirie.compat.transparent_background, sys; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
