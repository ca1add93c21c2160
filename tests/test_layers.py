import numpy as np
import pytest

from kirie import _layers, arrange, image
from kirie.options import CutOptions


@pytest.fixture
def disc_alpha():
    ys, xs = np.mgrid[0:300, 0:400]
    return (np.hypot(ys - 150, xs - 200) < 80).astype(np.float32)


def test_a_drop_shadow_is_soft_and_below_to_the_right(disc_alpha):
    shadow = _layers.drop(disc_alpha)
    assert 0.3 < shadow.max() <= _layers.DROP_OPACITY + 1e-6
    assert np.abs(np.diff(shadow, axis=0)).max() < 0.1
    ys, xs = (np.indices(shadow.shape) * shadow).sum(axis=(1, 2)) / shadow.sum()
    assert ys > 151
    assert xs > 201


def test_a_contact_shadow_lies_under_the_subject(disc_alpha):
    shadow = _layers.contact(disc_alpha)
    rows, columns = np.nonzero(shadow > 0.05)
    assert rows.min() > 205
    assert 225 < rows.max() < 250
    assert columns.mean() == pytest.approx(199.5, abs=1.5)
    assert np.abs(np.diff(shadow, axis=1)).max() < 0.15


@pytest.mark.parametrize("width", [3, 10, 30.5])
def test_an_outline_is_as_wide_as_asked_with_a_sharp_edge(disc_alpha, width):
    band = _layers.outline(disc_alpha, width)
    assert np.sqrt((band >= 0.5).sum() / np.pi) == pytest.approx(80 + width, abs=1)
    assert (band[disc_alpha == 1] == 1).all()
    row = band[150]
    assert ((row > 0.05) & (row < 0.95)).sum() <= 8


@pytest.mark.parametrize("make", [_layers.drop, _layers.contact, lambda a: _layers.outline(a, 5)])
def test_nothing_throws_no_shadow(make):
    assert not make(np.zeros((40, 50), np.float32)).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_under_is_the_compositing_equation(dtype):
    rng = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    colours = rng.integers(0, top, (30, 40, 3), dtype)
    alpha, layer = (rng.random((30, 40)).astype(np.float32) for _ in range(2))
    out, total = _layers.under(colours, alpha, (top, 0, top // 2), layer)
    expected = alpha + layer * (1 - alpha)
    np.testing.assert_allclose(total, expected, atol=1e-6)
    paint = np.array([top, 0, top // 2], float)
    mixed = (
        colours * alpha[..., None].astype(float) + paint * (layer * (1 - alpha))[..., None]
    ) / expected[..., None]
    np.testing.assert_allclose(out, mixed, atol=0.51 + top / 60000)


@pytest.mark.parametrize(
    "options",
    [
        {"shadow": "drop"},
        {"shadow": "contact"},
        {"outline": 12},
        {"outline": "3%", "shadow": "drop"},
    ],
)
def test_a_crop_leaves_room_for_them(disc_alpha, options):
    """Cropped tightly, a shadow still ends within the picture, and little more than it needs is added."""
    picture = image.decode(np.full((300, 400, 3), 200, np.uint8))
    _, alpha, _ = arrange.arranged(
        picture, picture.pixels, disc_alpha, CutOptions(crop=0, **options).resolved()
    )
    border = np.concatenate((alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
    assert (alpha[-1] if options.get("shadow") == "contact" else border).max() < 0.12
    assert alpha.shape[0] < 190
    assert alpha.shape[1] < 190
