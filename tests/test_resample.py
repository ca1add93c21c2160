"""The scikit-image resize, and the published preparation and mask steps that stand on it."""

from pathlib import Path

import numpy as np
import pytest

import golden
from kirie import readout
from kirie._resample import resize_skimage, resize_torch
from kirie.errors import BadInput
from kirie.prepare import Geometry, prepare
from kirie.spec import Preparation, ReadOut

STORED = Path(__file__).parent / "golden" / "skimage" / "resize.npz"
SIZES = ["5x6", "19x25", "19x6", "14x17", "1x1"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("anti_aliasing", [True, False])
@pytest.mark.parametrize("picture", ["dark", "light"])
def test_equals_scikit_image(picture, anti_aliasing, size):
    """Values recorded from scikit-image 0.25.2; the light picture shows the clipping at the zero padding."""
    with np.load(STORED) as stored:
        image = stored[picture] / 255
        want = stored[f"{picture}-{size}-{anti_aliasing}"]
    have = resize_skimage(
        image, tuple(int(n) for n in size.split("x")), anti_aliasing=anti_aliasing
    )
    np.testing.assert_allclose(have, want, rtol=0, atol=1e-12)


def test_refuses_what_is_no_picture():
    with pytest.raises(BadInput, match="nothing empty"):
        resize_skimage(np.zeros((0, 4, 3)), (2, 2), anti_aliasing=True)
    with pytest.raises(BadInput, match="nothing empty"):
        resize_skimage(np.zeros((4, 4)), (2, 2), anti_aliasing=True)


def test_pytorchs_bilinear_by_hand():
    picture = np.array([[[0, 10, 255]], [[100, 11, 0]]], np.uint8)  # (2, 1, 3)
    out = resize_torch(picture, (4, 2))
    assert out.dtype == np.float32
    assert out[:, 0].tolist() == out[:, 1].tolist()
    assert out[:, 0].tolist() == [[0, 10, 255], [25, 10, 191], [75, 10, 63], [100, 11, 0]]
    assert resize_torch(picture, (1, 1)).tolist() == [[[50, 10, 127]]]


@pytest.mark.parametrize("size", [(64, 64), (17, 200), (1, 1), (300, 5)])
@pytest.mark.parametrize("shape", [(120, 90), (33, 64), (1, 7)])
def test_equals_pytorch(shape, size):
    torch = pytest.importorskip("torch")
    picture = np.random.default_rng(3).integers(0, 256, (*shape, 3), np.uint8)
    batch = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    want = torch.nn.functional.interpolate(batch, size, mode="bilinear").to(torch.uint8)
    wrong = np.abs(resize_torch(picture, size) - want[0].permute(1, 2, 0).numpy())
    assert wrong.max() <= 1
    assert (wrong > 0).mean() < 0.03  # where rounding lets a whole number fall


@pytest.fixture(scope="module")
def published():
    return golden.load("u2net", "preprocess_96")


@pytest.mark.parametrize(
    ("output", "how"),
    [("repo", "skimage"), ("repo_no_antialias", "skimage-plain"), ("rembg", "lanczos")],
)
def test_published_preparation(published, output, how):
    picture = published.outputs["image"][0].astype(np.uint8)
    batch, geometry = prepare(picture, Preparation(size=(96, 96), filter=how, scale="maximum"))
    assert geometry.picture == picture.shape[:2]
    published.check(batch, output)


@pytest.mark.parametrize(("output", "how"), [("repo_mask", "bilinear"), ("rembg_mask", "lanczos")])
def test_published_mask(published, output, how):
    raw = published.outputs["map"][0]
    height, width = published.outputs[output].shape[1:]
    alpha = readout.alpha(
        raw,
        ReadOut(activation="none", stretch=True, quantise=True, filter=how),
        Geometry(picture=(height, width), network=(96, 96)),
    )
    published.check(np.round(alpha * 255)[None], output)
