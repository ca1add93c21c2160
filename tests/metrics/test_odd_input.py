"""What measures do with empty, constant, grey, deep, coloured, mismatched and impossible input."""

from math import isnan

import numpy as np
import pytest

from kirie import metrics
from kirie.errors import BadInput, MissingExtra
from scenes import pair

LIGHT = ("MAE", "Sm", "Em", "Fm", "confusion", "auc", "inspyrenet.IoU")
GIVEN = pair(7)


def results(prediction, truth, names=LIGHT):
    return metrics.suite(names).update(prediction, truth).results


@pytest.mark.parametrize(
    ("prediction", "truth"),
    [
        (lambda p: p, lambda g: g > 128),
        (lambda p: p, lambda g: (g > 128).astype(np.uint8)),  # 0 and 1
        (lambda p: p, lambda g: (g > 128).astype(np.int64)),
        (lambda p: p, lambda g: g.astype(np.uint16) * 257),
        (lambda p: p, lambda g: (g > 128).astype(np.float32)),
        (
            lambda p: p,
            lambda g: np.where(g > 128, 129, 128).astype(np.uint8),
        ),  # just over, just under
        (lambda p: p, lambda g: np.dstack([g] * 3)),
        (lambda p: p, lambda g: np.dstack([np.full_like(g, 90)] * 3 + [g])),  # alpha
        (lambda p: p.astype(np.uint16) * 257, lambda g: g),
        (lambda p: p.astype(">u2") * 257, lambda g: g),
        (lambda p: p / 255, lambda g: g),
        (lambda p: (p / 255).astype(np.float32), lambda g: g),
        (lambda p: p[None, None], lambda g: g[None]),
        (lambda p: p.tolist(), lambda g: g.tolist()),
        (np.asfortranarray, lambda g: g[:, ::-1][:, ::-1]),
    ],
)
def test_the_same_map_in_another_guise(prediction, truth):
    assert results(prediction(GIVEN[0]), truth(GIVEN[1])) == results(*GIVEN)


def test_bool_predictions():
    found = GIVEN[0] > 128
    assert results(found, GIVEN[1]) == results(found * np.uint8(255), GIVEN[1])


def test_colours_are_read_by_their_luma():
    red = np.zeros((2, 2, 3), np.uint8)
    red[0, 0] = 255
    red[0, 1] = (255, 0, 0)  # 76 of 255
    assert metrics.pair(red, red).prediction.codes.tolist() == [[255, 76], [0, 0]]


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_constant_predictions_are_not_stretched(level):
    constant = np.full((4, 4), level, np.uint8)
    truth = np.zeros((4, 4), np.uint8)
    truth[:2] = 255
    assert metrics.MAE().update(constant, truth)["MAE"] == pytest.approx(0.5)
    assert metrics.SMeasure().update(constant, np.zeros((4, 4), bool))["Sm"] == 1 - level / 255


def test_a_shifted_map_scores_the_same():
    found = (np.arange(64).reshape(8, 8) * 4).astype(np.uint8)
    truth = found > 100
    assert results(found // 2 + 20, truth)["MAE"] == pytest.approx(
        results(found, truth)["MAE"], abs=0.01
    )


@pytest.mark.parametrize("names", [LIGHT, ("all",)])
@pytest.mark.parametrize("truth", [0, 255])
@pytest.mark.parametrize("prediction", [0, 255, "noise"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (12, 10)])
def test_empty_and_full_truths(names, truth, prediction, shape):
    if names == ("all",):
        pytest.importorskip("numba")
    plane = np.full(shape, truth, np.uint8)
    draw = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = draw if prediction == "noise" else np.full(shape, prediction, np.uint8)
    values = results(found, plane, names)
    undefined = {name for name, value in values.items() if isnan(value)}
    assert undefined <= {"birefnet.mBA"}
    if truth == 0:
        assert values["Fm_max"] == 0  # as published, also for a perfect empty map


def test_one_pixel_of_everything():
    pytest.importorskip("numba")
    for truth in (0, 255):
        values = results(np.array([[200]], np.uint8), np.array([[truth]], np.uint8), ("all",))
        assert values["MAE"] == pytest.approx(55 / 255 if truth else 200 / 255)


def test_sizes_that_differ():
    pytest.importorskip("cv2")
    small = np.zeros((6, 8), np.uint8)
    small[2:4, 2:6] = 255
    truth = np.kron(small, np.ones((2, 2), np.uint8))
    record = metrics.MAE().update(small, truth)
    assert 0 < record["MAE"] < 0.1
    assert metrics.pair(small, truth).notes == ("prediction resized to the truth",)
    with pytest.raises(BadInput, match="8×6 and the truth 16×12"):
        metrics.MAE(resize="error").update(small, truth)
    with pytest.raises(BadInput, match="resize is 'nearest'"):
        metrics.pair(small, truth, resize="nearest")


def test_notes():
    zero_one = np.array([[0, 1]], np.uint8)
    grey = np.array([[0, 100]], np.uint8)
    assert metrics.pair(grey, zero_one).notes == ("truth of 0 and 1",)
    assert metrics.pair(grey, grey).notes == ("grey truth, cut above 128",)
    (note,) = metrics.pair(zero_one, zero_one * 255).notes
    assert note.startswith("prediction of 0 and 1")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.array([[0.5, np.nan]]), "NaN"),
        (np.array([[0.5, 3.0]]), "sigmoid"),
        (np.array([[-1, 4]]), "from -1 to 4"),
        (np.array([[0, 300]]), "from 0 to 300"),
        (np.zeros((2, 3, 4, 5), np.uint8), "shape"),
        (np.zeros((3, 4, 5), np.uint8), "shape"),
        (np.zeros((0, 4), np.uint8), "shape"),
        (np.zeros((2, 2, 4), np.float32), "alpha"),
        (np.array([["a", "b"]]), "holds"),
        (np.zeros((2, 2), complex), "holds"),
    ],
)
def test_impossible_input(given, words):
    with pytest.raises(BadInput, match=words):
        metrics.MAE().update(given, np.zeros((2, 2), bool))
    with pytest.raises(BadInput, match=words):
        metrics.MAE().update(np.zeros((2, 2), bool), given)


def test_a_picture_must_be_that_of_the_truth():
    pytest.importorskip("numba")
    measure, plane = metrics.CamouflageContextMeasure(), np.zeros((20, 30), bool)
    assert not measure.update(plane, plane)  # without the picture there is no value
    with pytest.raises(BadInput, match="uint8 RGB"):
        measure.update(plane, plane, image=np.zeros((20, 30), np.uint8))
    with pytest.raises(BadInput, match="40×20 and the truth 30×20"):
        measure.update(plane, plane, image=np.zeros((20, 40, 3), np.uint8))


def test_camouflage_needs_enough_of_object_and_surroundings():
    pytest.importorskip("numba")
    image = np.random.default_rng(0).integers(0, 256, (6, 40, 3), dtype=np.uint8)
    truth = np.zeros((6, 40), bool)
    truth[2:4, 5:30] = True
    plain = metrics.ContextMeasure(beta2=1.2).update(truth, truth)["CM"]
    assert metrics.CamouflageContextMeasure().update(truth, truth, image=image)["CCM"] == plain


def test_a_slanted_line_has_no_context():
    pytest.importorskip("numba")
    line = np.eye(9, dtype=bool)
    record = metrics.ContextMeasure().update(line, line)
    assert not record
    assert "slanted line" in record.notes[0]


def test_unknown_variants_and_options():
    with pytest.raises(BadInput, match="no variant 'matlab': it has pysodmetrics, birefnet"):
        metrics.SMeasure(variant="matlab")
    with pytest.raises(BadInput, match="alpha is 2"):
        metrics.SMeasure(alpha=2)
    with pytest.raises(BadInput, match="beta2"):
        metrics.FMeasure(beta2=0)
    with pytest.raises(BadInput, match="no kind 'acc'"):
        metrics.Confusion(("acc",))
    with pytest.raises(BadInput, match="Did you mean 'Sm'"):
        metrics.suite("sm")


def test_without_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    assert metrics.suite(LIGHT).update(*GIVEN)
    with pytest.raises(MissingExtra, match=r"WeightedF needs .*pip install 'kirie\[eval\]'"):
        metrics.WeightedF()
    with pytest.raises(MissingExtra, match="Resizing"):
        metrics.MAE().update(GIVEN[0][:1, :1], GIVEN[1])


def test_without_numba(monkeypatch):
    pytest.importorskip("cv2")
    from kirie.metrics import _measure

    monkeypatch.setattr(_measure, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="HCE"):
        metrics.HCE()
    assert metrics.suite(LIGHT).update(*GIVEN)


@pytest.mark.parametrize(
    ("prediction", "truth", "words"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), "one size"),
        (np.full((2, 2), 0.5), np.zeros((2, 2), int), "whole numbers"),
        (np.full((2, 2), -1), np.zeros((2, 2), int), "whole numbers"),
        (np.full((2, 2), 5000), np.zeros((2, 2), int), "num_classes"),
        (np.zeros((2, 2, 3), int), np.zeros((2, 2), int), "one label map"),
    ],
)
def test_impossible_label_maps(prediction, truth, words):
    with pytest.raises(BadInput, match=words):
        metrics.LabelMaps().update(prediction, truth)


def test_label_maps_of_unknown_classes_grow():
    grown, told = metrics.LabelMaps(), metrics.LabelMaps(4)
    for high in (2, 4, 1):
        draw = np.random.default_rng(high)
        maps = draw.integers(0, high, (2, 9, 9))
        grown.update(*maps)
        told.update(*maps)
    for name, value in told.compute().items():
        np.testing.assert_equal(grown.compute()[name], value)


def test_labels_out_of_range():
    # A prediction out of range is wrong; a truth out of range is nobody's pixel.
    measure = metrics.LabelMaps(2)
    results = measure.update(np.array([[0, 7, 1, 1]]), np.array([[0, 0, 1, 9]]))
    assert results["aAcc"] == pytest.approx(2 / 3)
    assert results["IoU"].tolist() == [1 / 2, 1 / 2]
