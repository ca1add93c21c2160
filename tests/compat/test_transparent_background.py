"""kirie.compat.transparent_background beside the recorded answers of the package, its network replaced by a small one."""

import os
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

import compat_record as record
import golden
from kirie import zoo
from kirie.compat import _composites
from kirie.compat import transparent_background as module
from kirie.compat.transparent_background import Remover
from kirie.cutter import Cutter
from kirie.engines.onnx import OnnxEngine
from kirie.errors import BadInput, MissingExtra
from kirie.spec import ModelCard, Preparation

PICTURES = record.pictures()
ANSWERS = record.recorded("transparent-background")
LOOSE = {
    "map of an array": 4,  # resized for the network with smoothing, there without
    "background": 3,  # another implementation of bilinear
}
CARD = ModelCard(
    name="small",
    title="a small network",
    architecture="inspyrenet",
    licence="MIT",
    commercial=True,
    preparation=Preparation(size=(record.BASE, record.BASE)),
)


@pytest.fixture
def asked(monkeypatch):
    """The small network stands for all; what was asked for is remembered."""
    calls = []

    def load(model, **options):
        calls.append((model, options))
        return Cutter(CARD, OnnxEngine(record.NETWORK))

    monkeypatch.setattr(module, "load", load)
    return calls


def made(name, folder):
    """Our answer to a case."""
    picture, kind, arguments = record.REMOVER[name]
    if name.startswith("rgba") and "threshold" not in arguments:
        pytest.importorskip("pymatting")
    rest = {key: value for key, value in arguments.items() if key != "resize"}
    remover = Remover("fast", resize=arguments.get("resize", "static"))
    source = PICTURES[picture]
    if picture == "array":
        source = np.asarray(source)
    if kind.endswith(".png"):
        kind = str(folder / kind)
        record.background().save(kind)
    result = remover.process(source, type=kind, **rest)
    assert isinstance(result, type(source))
    assert np.asarray(result).dtype == np.uint8
    return (
        np.asarray(result)[:: record.THIN, :: record.THIN]
        if picture == "large"
        else np.asarray(result)
    )


def compare(name, have, want):
    assert have.shape == want.shape
    assert want.std() > 10
    difference = np.abs(have.astype(int) - want)
    assert difference.max() <= LOOSE.get(name, 1)
    assert name in LOOSE or (difference > 0).mean() <= 0.01


@pytest.mark.parametrize("name", record.REMOVER)
def test_the_answer_is_its_own(asked, tmp_path, name):
    compare(name, made(name, tmp_path), ANSWERS[name])


def test_the_answers_equal_those_of_the_installed_package(asked, tmp_path):
    python = os.environ.get("KIRIE_TRANSPARENT_BACKGROUND")
    if not python and find_spec("transparent_background"):
        python = sys.executable
    if not python:
        pytest.skip(
            "transparent-background is not installed, and KIRIE_TRANSPARENT_BACKGROUND names no python that has it"
        )
    answers = record.ask(python, "transparent-background", record.REMOVER, tmp_path)
    for name in record.REMOVER:
        compare(name, made(name, tmp_path), answers[name])


def test_blur_and_outline_are_opencvs():
    cv2 = pytest.importorskip("cv2")
    draw = np.random.default_rng(5)
    for height, width in ((1, 1), (3, 50), (97, 61), (300, 211)):
        picture = draw.integers(0, 256, (height, width, 3), np.uint8)
        assert (_composites.blurred(picture, 15) == cv2.GaussianBlur(picture, (0, 0), 15)).all()
        for sigma in (0.01, 1, 5):
            noise = cv2.GaussianBlur(draw.random((height, width)), (0, 0), sigma)
            inside = noise > np.median(noise)
            edges = cv2.Canny(inside.astype(np.uint8) * 255, 50, 100)
            assert (_composites.outline(inside) == (edges != 0)).all()


@pytest.mark.parametrize("kind", ["[255, 30, 7]", [255, 30, 7], (255, 30, 7), "[255,30,7]"])
def test_a_colour_may_be_text_or_numbers(asked, kind):
    have = Remover().process(PICTURES["image"], type=kind)
    compare("colour", np.asarray(have), ANSWERS["colour"])


@pytest.mark.parametrize(
    "kind", ["rbga", "[1, 2]", "[1, 2, 300]", "[a, b, c]", [0.5, None, 1], "gone.jpg"]
)
def test_an_unknown_type_is_an_error(asked, kind):
    with pytest.raises(BadInput, match=r"none of rgba|three whole numbers"):
        Remover().process(PICTURES["image"], type=kind)


@pytest.mark.parametrize("edges", ["clean", "raw"])
def test_other_colours_need_no_extra(asked, monkeypatch, edges):
    monkeypatch.setitem(sys.modules, "pymatting", None)
    have = np.asarray(Remover(edges=edges).process(PICTURES["image"]))
    want = ANSWERS["rgba"]
    assert np.abs(have[..., 3].astype(int) - want[..., 3]).max() <= 1
    inside = want[..., 3] >= 250
    assert np.abs(have[inside].astype(int) - want[inside])[:, :3].mean() < 4
    if edges == "raw":
        assert (have[..., :3] == np.asarray(PICTURES["image"])).all()
    else:
        faint = (want[..., 3] > 30) & (want[..., 3] < 130)
        picture = np.asarray(PICTURES["image"])
        assert have[faint][:, 0].mean() > picture[faint][:, 0].mean() + 10


def test_clean_colours_without_pymatting_are_an_error(asked, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymatting", None)
    remover = Remover()
    with pytest.raises(MissingExtra, match=r"kirie\[matting\]"):
        remover.process(PICTURES["image"])
    compare(
        "rgba hard",
        np.asarray(remover.process(PICTURES["image"], threshold=0.6)),
        ANSWERS["rgba hard"],
    )


@pytest.mark.parametrize("picture", ["grey", "palette", "cmyk", "rgba"])
def test_pictures_of_every_mode_are_taken(asked, picture):
    given = PICTURES[picture]
    have = Remover().process(given, type="white")
    assert have.mode == "RGB"
    assert have.size == given.size
    plain = Remover().process(given.convert("RGB"), type="white")
    assert (np.asarray(have) == np.asarray(plain)).all()


@pytest.mark.parametrize("source", ["photo.jpg", b"bytes", np.zeros((2, 3, 4, 5)), None])
def test_what_is_no_picture_is_said(asked, source):
    with pytest.raises(BadInput, match=r"takes a PIL image|no picture"):
        Remover().process(source)


def test_what_the_constructor_asks_for(asked, tmp_path):
    Remover("fast", device="mps:0")
    assert asked.pop() == ("inspyrenet-fast", {"device": "mps"})
    remover = Remover(ckpt=str(tmp_path / "own.pth"), device="cuda:1")
    assert asked.pop() == (tmp_path / "own.pth", {"device": "cuda:1", "like": "inspyrenet-base"})
    assert remover.device == "cpu"
    Remover(ckpt=tmp_path / "own.onnx")  # its own card says all
    assert asked.pop() == (tmp_path / "own.onnx", {"device": "auto", "like": None})
    assert "small on onnx/cpu" in repr(remover)
    with pytest.warns(RuntimeWarning, match="resize is static"):
        Remover(jit=True, resize="dynamic")
    for wrong in ({"mode": "slow"}, {"resize": "stretch"}, {"edges": "soft"}):
        with pytest.raises(BadInput, match="can only be one of"):
            Remover(**wrong)


def test_a_constant_answer_is_an_empty_map(asked):
    remover = Remover()
    remover.cutter = Cutter(CARD, Constant())
    have = remover.process(Image.new("RGB", (40, 30), "white"), type="map")
    assert np.asarray(have).max() == 0


class Constant:
    """A network that sees the same everywhere."""

    name, device, precision, reason = "constant", "cpu", "fp32", "a test"

    def __call__(self, batch):
        return {"logits": np.full((1, 1, *batch.shape[2:]), 2, np.float32)}

    def close(self):
        pass


class Once:
    """An engine that answers the first batch for real, and the same again after that."""

    def __init__(self, engine):
        self.name, self.device = engine.name, engine.device
        self._engine, self._answer = engine, None

    def __call__(self, batch):
        self._answer = self._answer or self._engine(batch)
        return self._answer


def test_modes_are_cards():
    for mode, size in (("base", 1024), ("fast", 384), ("base-nightly", 1024)):
        assert zoo.get(module.CARDS[mode]).preparation.size == (size, size)


@pytest.mark.slow
def test_the_whole_package_on_its_own_network(tmp_path):
    """Recorded from the package itself, its InSPyReNet with reference weights: the file, the network, every type."""
    torch = pytest.importorskip("torch")
    case = golden.load("inspyrenet", "tb_remover_fast")
    state = {name: torch.from_numpy(np.asarray(value)) for name, value in case.weights().items()}
    torch.save(state, tmp_path / "own.pth")
    del state
    picture = Image.fromarray(case.outputs["image"].astype(np.uint8))
    remover = Remover("fast", ckpt=tmp_path / "own.pth", device="cpu")
    remover.cutter = Cutter(remover.cutter.card, Once(remover.cutter.engine))
    calls = {
        "map": ("map", {}, slice(0, 1)),
        "map_threshold": ("map", {"threshold": 0.5}, slice(0, 1)),
        "map_reverse": ("map", {"reverse": True}, slice(0, 1)),
        "rgba": ("rgba", {}, slice(None)),
        "rgba_threshold": ("rgba", {"threshold": 0.5}, slice(0, 4, 3)),
        "green": ("green", {}, slice(None)),
        "white_r": ("white", {}, slice(0, 1)),
        "color_r": ("[255, 0, 0]", {}, slice(0, 1)),
        "blur_g": ("blur", {}, slice(1, 2)),
        "overlay": ("overlay", {}, slice(None)),
    }
    for name, (kind, arguments, channels) in calls.items():
        if name == "rgba":
            pytest.importorskip("pymatting")
        have = np.asarray(remover.process(picture, type=kind, **arguments))[..., channels]
        want = case.outputs[name]
        difference = np.abs(have.astype(int) - want.reshape(have.shape))
        assert (difference > 1).mean() <= 1e-4, name  # a threshold may flip
        assert (difference > 0).mean() <= 0.01, name
