"""Four-by-four pictures, whose measures can be worked out on paper."""

from math import isnan, log, sqrt

import numpy as np
import pytest

from kirie import metrics

TRUTH = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
FOUND = np.array([[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]], bool)  # two too many
MISSED = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]], bool)  # two missing


def of(measure, prediction=FOUND, truth=TRUTH):
    return measure.update(prediction, truth).results


def test_mae_and_mse():
    assert of(metrics.MAE()) == {"MAE": 2 / 16}
    assert of(metrics.MSE()) == {"birefnet.MSE": 2 / 16}
    grey = np.array([[0, 51], [102, 255]], np.uint8)
    truth = np.array([[0, 0], [255, 255]], np.uint8)
    assert of(metrics.MAE(), grey, truth)["MAE"] == pytest.approx((0.2 + 0.6) / 4)
    assert of(metrics.MSE(), grey, truth)["birefnet.MSE"] == pytest.approx((0.04 + 0.36) / 4)


def test_f_measure():
    f = 1.3 * (4 / 6) * 1 / (0.3 * 4 / 6 + 1)
    lowest = 1.3 * (4 / 16) / (0.3 * 4 / 16 + 1)  # the last threshold finds everything
    found = of(metrics.FMeasure())
    assert found["Fm_adp"] == pytest.approx(f)
    assert found["Fm_max"] == pytest.approx(f)
    assert found["Fm_mean"] == pytest.approx((255 * f + lowest) / 256)


def test_the_confusion_family():
    found = of(metrics.Confusion())
    tp, fp, fn, tn = 4, 2, 0, 10
    accuracy, chance = 14 / 16, (6 * 4 + 10 * 14) / 256  # as published: 14 = tn + tp, not tn + fp
    expected = {
        "pre": tp / 6,
        "rec": 1,
        "fpr": fp / 12,
        "iou": tp / (tp + fp + fn),
        "dice": 2 * tp / (2 * tp + fp + fn),
        "f1": 2 * (4 / 6) / (4 / 6 + 1),
        "spec": tn / 12,
        "ber": 1 - (1 + tn / 12) / 2,
        "oa": accuracy,
        "kappa": (accuracy - chance) / (1 - chance),
    }
    for name, value in expected.items():
        assert found[f"{name}_bin"] == pytest.approx(value), name
        assert found[f"{name}_adp"] == pytest.approx(value), name
    chance = (6 * 4 + 10 * 12) / 256
    cohen = of(metrics.Confusion(("cohen",)))["cohen_bin"]
    assert cohen == pytest.approx((accuracy - chance) / (1 - chance))


def test_areas_under_curves():
    # From (recall 1, precision 4/6) to (1, 4/16): nothing lies between; the ROC goes from (1/6, 1) to (1, 1).
    assert of(metrics.AUC()) == {"auc_pr": 0, "auc_roc": pytest.approx(5 / 6)}


def test_e_measure():
    p, g = 6 / 16, 4 / 16
    terms = [(4, 1 - p, 1 - g), (2, 1 - p, -g), (0, -p, 1 - g), (10, -p, -g)]
    e = sum(n * (2 * a * b / (a * a + b * b) + 1) ** 2 / 4 for n, a, b in terms) / 15
    found = of(metrics.EMeasure())
    assert found["Em_adp"] == pytest.approx(e)
    assert found["Em_max"] == pytest.approx(e)


def test_e_measure_exceeds_one_for_a_perfect_map():
    assert of(metrics.EMeasure(), TRUTH)["Em_max"] == pytest.approx(16 / 15)


def test_s_measure():
    # The object is found whole; ten of the twelve others are right.
    mean, spread = 10 / 12, sqrt((10 * (2 / 12) ** 2 + 2 * (10 / 12) ** 2) / 11)
    by_object = 0.25 * 1 + 0.75 * 2 * mean / (mean**2 + 1 + spread)
    # The centroid (1.5 → 2, and one more) leaves blocks of 3×3, 3×1, 1×3 and 1×1.
    x, y = 4 / 9, 4 / 9  # the first block: four right pixels of nine, as they should be
    same = x * (1 - x) * 9 / 8  # its variances and covariance
    first = 4 * x * y * same / ((x * x + y * y) * 2 * same)
    right = 0.0  # two found where nothing is: no covariance, but variance
    below = 1.0  # nothing found, nothing there
    by_region = (9 * first + 3 * right + 3 * below + 1 * below) / 16
    assert of(metrics.SMeasure())["Sm"] == pytest.approx((by_object + by_region) / 2)


def test_s_measure_of_empty_and_full_truths():
    grey = np.array([[0, 51], [102, 255]], np.uint8)
    assert of(metrics.SMeasure(), grey, np.zeros((2, 2), bool))["Sm"] == pytest.approx(1 - 0.4)
    assert of(metrics.SMeasure(), grey, np.ones((2, 2), bool))["Sm"] == pytest.approx(0.4)


def test_s_measure_of_an_object_in_the_corner():
    corner = np.zeros((4, 4), bool)
    corner[3, 3] = True
    assert isnan(of(metrics.SMeasure(), FOUND, corner)["Sm"])
    assert of(metrics.SMeasure(variant="birefnet"), FOUND, corner) == {"birefnet.Sm": 0}
    assert of(metrics.SMeasure(variant="inspyrenet"), FOUND, corner) == {"inspyrenet.Sm": 0}


def test_weighted_f():
    pytest.importorskip("numba")
    # One pixel of the truth, found; one false pixel beside it, which is one pixel away.
    truth, found = np.zeros((1, 9), bool), np.zeros((1, 9), bool)
    truth[0, 0] = found[0, :2] = True
    weight = 2 - 0.5 ** (1 / 5)
    precision = 1 / (1 + weight)
    expected = {"wFm": pytest.approx(2 * precision / (precision + 1))}
    assert of(metrics.WeightedF(), found, truth) == expected
    assert weight == pytest.approx(2 - np.exp(log(0.5) / 5))
    assert of(metrics.WeightedF(), found, np.zeros((1, 9), bool)) == {"wFm": 0}


def square(side, size=60):
    plane = np.zeros((size, size), bool)
    plane[20 : 20 + side, 20 : 20 + side] = True
    return plane


@pytest.mark.parametrize(("side", "clicks"), [(9, 0), (15, 1)])
def test_hce_of_a_false_part_by_itself(side, clicks):
    pytest.importorskip("numba")
    # Thinner than twice five pixels it is forgiven, else it is one click.
    truth = np.zeros((60, 60), bool)
    truth[2:5, 2:5] = True
    assert of(metrics.HCE(), truth | square(side), truth) == {"HCE": clicks}


def test_hce_of_a_missed_line():
    pytest.importorskip("numba")
    line = np.zeros((30, 30), bool)
    line[10, 4:24] = True
    assert of(metrics.HCE(), np.zeros((30, 30), bool), line) == {"HCE": 2}  # its two ends


def test_hce_of_the_whole_picture():
    pytest.importorskip("numba")
    truth, found = np.zeros((30, 30), bool), np.ones((30, 30), bool)
    assert of(metrics.HCE(), found, truth) == {"HCE": 1}
    assert of(metrics.HCE(variant="birefnet"), found, truth) == {"birefnet.HCE": 0}


def test_matting():
    pytest.importorskip("cv2")
    found = np.array([[0, 51], [102, 255]], np.uint8)
    truth = np.array([[0, 0], [204, 255]], np.uint8)
    results = of(metrics.Matting(("SAD", "MSE", "MAD")), found, truth)
    assert results == pytest.approx(
        {
            "matting.SAD": 0.6 / 1000,
            "matting.SAD_unknown": 0.4 / 1000,
            "matting.MSE": 0.2 / 4,
            "matting.MSE_unknown": 0.16,
            "matting.MAD": 0.15,
        }
    )


def test_matting_connectivity():
    pytest.importorskip("cv2")
    # The right half is found at 0.5, so it hangs together with the rest up to there alone.
    truth = np.full((4, 4), 255, np.uint8)
    found = truth.copy()
    found[:, 2:] = 128
    # The truth stands 0.5 above that, the prediction 0.002, which costs nothing.
    conn = of(metrics.Matting(("Conn",)), found, truth)["matting.Conn"]
    assert conn == pytest.approx(8 * 0.5 / 1000)


def test_size_invariant_mae():
    pytest.importorskip("cv2")
    # Two objects, boxes of 8×8 in 20×40: one found whole, one missed; and one false pixel elsewhere.
    truth = np.zeros((20, 40), bool)
    truth[2:10, 2:10] = truth[2:10, 20:28] = True
    found = truth.copy()
    found[2:10, 20:28] = False
    found[15, 15] = True
    behind = 20 * 40 - 128
    share = behind / 128
    expected = (share * 1 / behind + 0 + 1) / (2 + share)
    assert of(metrics.SizeInvariantMAE(), found, truth) == {"SI_MAE": pytest.approx(expected)}
    recall = of(metrics.SizeInvariant(("rec",)), found, truth)
    assert recall["SI_rec_bin"] == pytest.approx((1 + 0) / 2)


def test_label_maps():
    measure = metrics.LabelMaps(3)
    truth = np.array([[0, 0, 1, 1], [0, 255, 1, 1]])
    found = np.array([[0, 1, 1, 1], [2, 2, 1, 0]])
    results = measure.update(found, truth)
    assert results["confusion"].tolist() == [[1, 1, 1], [1, 3, 0], [0, 0, 0]]
    assert results["aAcc"] == pytest.approx(4 / 7)
    assert results["IoU"] == pytest.approx([1 / 4, 3 / 5, 0])
    assert results["Acc"] == pytest.approx([1 / 3, 3 / 4, float("nan")], nan_ok=True)
    assert results["mIoU"] == pytest.approx((1 / 4 + 3 / 5 + 0) / 3)
    assert results["mAcc"] == pytest.approx((1 / 3 + 3 / 4) / 2)
    assert results["fwIoU"] == pytest.approx((3 * 1 / 4 + 4 * 3 / 5) / 7)
