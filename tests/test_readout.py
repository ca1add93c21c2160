import numpy as np
import pytest

from kirie.errors import BadCheckpoint, BadInput
from kirie.prepare import Geometry
from kirie.readout import absence, alpha, calibrated
from kirie.spec import ReadOut

GEOMETRY = Geometry(picture=(30, 50), network=(8, 8))


def test_sigmoid_without_overflow():
    raw = np.array([[[-1e4, 1e4], [0, 2]]], np.float32)
    out = alpha(raw, ReadOut(), Geometry(picture=(2, 2), network=(2, 2)))
    np.testing.assert_allclose(out, [[0, 1], [0.5, 1 / (1 + np.exp(-2))]], atol=1e-6)


def test_shape_range_and_type():
    raw = np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.float32) * 5
    for readout in (ReadOut(), ReadOut(stretch=True, quantise=True, filter="lanczos")):
        out = alpha(raw, readout, GEOMETRY)
        assert out.shape == (30, 50)
        assert out.dtype == np.float32
        assert 0 <= out.min() <= out.max() <= 1


def test_only_stretch_makes_a_subject_of_noise():
    noise = np.random.default_rng(0).normal(-6, 0.1, (1, 8, 8)).astype(np.float32)
    assert alpha(noise, ReadOut(), GEOMETRY).max() < 0.01
    assert alpha(noise, ReadOut(stretch=True), GEOMETRY).max() > 0.9


def test_a_constant_map_has_no_subject_to_stretch():
    assert alpha(np.full((1, 8, 8), 3, np.float32), ReadOut(stretch=True), GEOMETRY).max() == 0


def test_invert_takes_the_opposite_before_the_stretch():
    raw = np.array([[[0.2, 0.4, 0.6]]], np.float32)
    geometry = Geometry(picture=(1, 3), network=(1, 3))
    out = alpha(raw, ReadOut(activation="none", invert=True), geometry)
    np.testing.assert_allclose(out, [[0.8, 0.6, 0.4]], atol=1e-6)
    out = alpha(raw, ReadOut(activation="none", invert=True, stretch=True), geometry)
    np.testing.assert_allclose(out, [[1, 0.5, 0]], atol=1e-6)


def test_levels_take_the_haze_off():
    raw = np.array([[[0.01, 0.5, 0.99]]], np.float32)
    out = alpha(
        raw,
        ReadOut(activation="none", levels=(0.02, 0.98)),
        Geometry(picture=(1, 3), network=(1, 3)),
    )
    np.testing.assert_allclose(out, [[0, 0.5, 1]], atol=1e-6)


def test_decidedness_becomes_the_iou_that_it_had():
    assert calibrated(0.3, ReadOut()) == 0.3
    measured = ReadOut(calibration=(0.1, 0.2, 0.9))
    for decided, worth in ((0, 0.1), (0.25, 0.15), (0.5, 0.2), (0.75, 0.55), (1, 0.9)):
        assert calibrated(decided, measured) == pytest.approx(worth)


@pytest.mark.parametrize("wrong", [(0.5,), (0.5, 0.4), (0.5, 1.2), ("a", "b"), [0.1, 0.2]])
def test_a_calibration_rises_within_zero_and_one(wrong):
    with pytest.raises(BadInput, match="two rising numbers"):
        ReadOut(calibration=wrong)


def test_softmax_counts_everything_but_the_background():
    raw = np.zeros((4, 1, 1), np.float32)
    out = alpha(raw, ReadOut(activation="softmax"), Geometry(picture=(1, 1), network=(1, 1)))
    np.testing.assert_allclose(out, 0.75)


@pytest.mark.parametrize(
    "raw", [np.full((1, 4, 4), np.nan), np.full((1, 4, 4), np.inf), np.zeros((4, 4))]
)
def test_a_broken_map_is_refused(raw):
    with pytest.raises(BadCheckpoint, match="not a finite map"):
        alpha(raw.astype(np.float32), ReadOut(), GEOMETRY)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (8, 9), (31, 8), (101, 77), (1, 40)])
@pytest.mark.parametrize("plane", [(8, 8), (1, 1), (5, 3)])
def test_enlarging_is_pillows_bilinear(size, plane):
    from PIL import Image

    if size[0] < plane[0] or size[1] < plane[1]:
        pytest.skip("shrinks")
    values = np.random.default_rng(2).random(plane, np.float32)
    expected = np.asarray(Image.fromarray(values).resize(size[::-1], Image.Resampling.BILINEAR))
    out = alpha(values[None], ReadOut(activation="none"), Geometry(picture=size, network=plane))
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_probabilities_are_taken_as_they_are():
    raw = np.array([[[-0.01, 0.25, 1.01]]], np.float32)
    row = Geometry(picture=(1, 3), network=(1, 3))
    np.testing.assert_allclose(alpha(raw, ReadOut(activation="none"), row), [[0, 0.25, 1]])
    both = np.concatenate([1 - raw, raw])
    readout = ReadOut(activation="none", classes=("background", "subject"))
    np.testing.assert_allclose(alpha(both, readout, row), [[0, 0.25, 1]], atol=1e-6)


@pytest.mark.parametrize("value", [-3, 2, 255])
def test_what_is_no_probability_is_not_clipped_into_one(value):
    raw = np.full((1, 8, 8), value, np.float32)
    with pytest.raises(BadCheckpoint, match="says that these are probabilities"):
        alpha(raw, ReadOut(activation="none"), GEOMETRY)


@pytest.mark.parametrize(
    ("count", "readout", "wanted"),
    [
        (3, ReadOut(), "1"),
        (2, ReadOut(activation="none"), "1"),
        (1, ReadOut(activation="softmax"), "several"),
        (3, ReadOut(activation="softmax", classes=("a", "b")), "2"),
        (1, ReadOut(classes=("a", "b")), "2"),
    ],
)
def test_maps_that_the_card_does_not_read(count, readout, wanted):
    with pytest.raises(BadCheckpoint, match=f"gives {count} maps? .* reads {wanted}:"):
        alpha(np.zeros((count, 8, 8), np.float32), readout, GEOMETRY)


def test_an_unlikely_subject_is_none():
    card = ReadOut(activation="none", presence=0.7)
    geometry = Geometry(picture=(4, 4), network=(4, 4))
    raw = np.full((1, 4, 4), 0.1, np.float32)
    raw[0, 1:3, 1:3] = 0.65
    assert not alpha(raw, card, geometry).any()
    raw[0, 1, 1:3] = 0.9  # a mean of 0.775
    assert alpha(raw, card, geometry).max() == np.float32(0.9)
    assert absence(raw, card) == 0
    assert absence(raw * 0.1, card) == pytest.approx(1 - 2 * 0.09)
    assert alpha(raw * 0.5, card.unmeasured(), geometry).any()


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "0.5", None])
def test_presence_is_a_probability(wrong):
    with pytest.raises(BadInput, match="presence"):
        ReadOut(presence=wrong)
