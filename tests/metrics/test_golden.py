"""The published evaluators' own values, on 32 pairs from plain to degenerate, and on label maps."""

import json
from math import isfinite, nan

import numpy as np
import pytest
from PIL import Image

import golden
from kirie import metrics

pytest.importorskip("cv2", reason="needs the extra eval")
pytest.importorskip("numba", reason="needs the extra eval")

FOLDER = golden.root() / "metrics"
CLOSE = 1e-9
CURVES = {
    "insp_IoU": "inspyrenet.IoU",
    "insp_TIoU": "inspyrenet.TIoU",
    "insp_BIoU": "inspyrenet.BIoU",
    "BIoU": "birefnet.BIoU",
}


def read(path):
    with Image.open(path) as opened:
        return np.asarray(opened)


@pytest.fixture(scope="module")
def expected():
    if not (FOLDER / "expected.json").is_file():
        pytest.skip(f"metrics/expected.json is not in {golden.root()}: set KIRIE_GOLDEN to it")
    return json.loads((FOLDER / "expected.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def measured(expected):
    """All measures over all pairs and over the regular ones, and each pair's own."""
    whole, regular, each = metrics.suite("all"), metrics.suite("all"), {}
    for name in expected["names"]:
        photo = FOLDER / "pairs" / "img" / f"{name}.png"
        given = metrics.pair(
            read(FOLDER / "pairs" / "pred" / f"{name}.png"),
            read(FOLDER / "pairs" / "gt" / f"{name}.png"),
            image=read(photo) if photo.is_file() else None,
        )
        records = whole.measure(given)
        each[name] = whole.add(records)
        if name in expected["regular_names"]:
            regular.add(records)
    return whole, regular, each


def check(have, want):
    assert have.keys() == want.keys()
    for name, value in want.items():
        if not isfinite(float(value)):
            assert not isfinite(have[name]), name
        elif name.rpartition(".")[2] == "HCE":
            assert have[name] == value, name
        else:
            assert abs(have[name] - value) <= CLOSE * max(1, abs(value)), name


def test_every_picture(expected, measured):
    for name, record in measured[2].items():
        check(record.results, expected["per_image"][name])


def test_the_set(expected, measured):
    check(measured[0].compute(), expected["dataset"])
    check(measured[1].compute(), expected["dataset_regular"])


def test_means_over_the_finite(expected, measured):
    want = {k: v["mean_of_finite_per_image"] for k, v in expected["mean_of_finite"].items()}
    check(measured[0].compute(over="finite"), want)
    counts = {k: v["n"] for k, v in expected["mean_of_finite"].items()}
    assert measured[0].finite == counts


def test_curves(expected, measured):
    whole, regular, each = measured
    found = {name: record.curves for name, record in each.items()}
    found |= {"__dataset__": whole.curves(), "__dataset_regular__": regular.curves()}
    with np.load(FOLDER / "curves.npz") as stored:
        for key in stored.files:
            name, curve = key.split("/")
            have = found[name][CURVES.get(curve, curve)]
            assert np.abs(have - stored[key]).max() <= CLOSE, key


def test_where_the_reference_gives_no_value(expected, measured):
    for name, refused in expected["raises"].items():
        assert len(measured[2][name].notes) == len(refused)


def near(have, want, close=CLOSE):
    have, want = (
        np.asarray(have, float),
        np.asarray([nan if value == "nan" else value for value in np.ravel(want)], float),
    )
    np.testing.assert_allclose(have.ravel(), want, rtol=0, atol=close)


def test_label_maps():
    if not (FOLDER / "labelmaps").is_dir():
        pytest.skip(f"metrics/labelmaps is not in {golden.root()}: set KIRIE_GOLDEN to it")
    folder = FOLDER / "labelmaps"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    measure = metrics.LabelMaps(expected["num_classes"], ignore_index=expected["ignore_index"])
    for name, want in expected["per_image"].items():
        found = measure.update(
            read(folder / "pred" / f"{name}.png"), read(folder / "gt" / f"{name}.png")
        )
        assert found.keys() == want.keys()
        for key, value in want.items():
            near(found[key], value)
    for key, value in expected["dataset"].items():
        near(measure.compute()[key], value)


@pytest.mark.parametrize("name", ["basic", "absent", "absent_nan0", "all_ignored", "reduce_zero"])
def test_mean_iou(name):
    case = golden.load("metrics", f"miou_{name}")
    options = {k: v for k, v in case.facts["config"].items() if k != "note"}
    measure = metrics.LabelMaps(options.pop("num_classes"), **options)
    for prediction, label in zip(case.outputs["prediction"], case.outputs["label"], strict=True):
        measure.update(prediction, label)
    have = measure.compute()
    single = 1e-7  # the stored values are in single precision
    for ours, theirs in (("IoU", "class_iou"), ("Acc", "class_acc"), ("Dice", "class_dice")):
        near(have[ours], case.outputs[theirs], single)
    for both in ("aAcc", "mIoU", "mAcc", "mDice"):
        near(have[both], case.outputs[both], single)
