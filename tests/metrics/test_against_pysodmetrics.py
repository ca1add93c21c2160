"""Random pairs against PySODMetrics itself, where it is installed (pip install pysodmetrics)."""

import warnings
from math import isnan

import numpy as np
import pytest

from kirie import metrics
from scenes import objects, pair

sod = pytest.importorskip("py_sod_metrics", reason="pysodmetrics is not installed")
pytest.importorskip("numba", reason="needs the extra eval")

MODES = {"with_dynamic": True, "with_adaptive": True, "with_binary": True}
HANDLERS = {
    "fm": (sod.FmeasureHandler, {"beta": 0.3}),
    "f1": (sod.FmeasureHandler, {"beta": 1}),
    "pre": (sod.PrecisionHandler, {}),
    "rec": (sod.RecallHandler, {}),
    "fpr": (sod.FPRHandler, {}),
    "iou": (sod.IOUHandler, {}),
    "dice": (sod.DICEHandler, {}),
    "spec": (sod.SpecificityHandler, {}),
    "ber": (sod.BERHandler, {}),
    "oa": (sod.OverallAccuracyHandler, {}),
    "kappa": (sod.KappaHandler, {}),
}


def handlers(*, sample_based):
    return {
        name: kind(**MODES, sample_based=sample_based, **more)
        for name, (kind, more) in HANDLERS.items()
    }


class Theirs:
    """Their values under our names; None where they raise."""

    def __init__(self, prediction, truth, **options):
        self.given = {"pred": prediction, "gt": truth, **options}
        self.values = {}

    def take(self, make, name, of):
        try:
            measure = make()
            measure.step(**self.given)
            self.values |= of(measure.get_results())
        except (OverflowError, AssertionError, np.linalg.LinAlgError):
            self.values[name] = None

    def all(self, *, slow=True):
        self.take(sod.MAE, "MAE", lambda r: {"MAE": r["mae"]})
        self.take(sod.Smeasure, "Sm", lambda r: {"Sm": r["sm"]})
        self.take(sod.WeightedFmeasure, "wFm", lambda r: {"wFm": r["wfm"]})
        self.take(sod.HumanCorrectionEffortMeasure, "HCE", lambda r: {"HCE": r["hce"]})
        self.take(sod.ContextMeasure, "CM", lambda r: {"CM": r["cm"]})
        for short, make in (("Em", sod.Emeasure), ("Fm", sod.Fmeasure)):
            self.take(make, short, lambda r, short=short: self.curve(short, r[short.lower()]))
        self.take(lambda: sod.FmeasureV2(handlers(sample_based=True)), "iou_adp", self.family)
        self.take(sod.SizeInvarianceMAE, "SI_MAE", lambda r: {"SI_MAE": r["si_mae"]})
        make = sod.SizeInvarianceFmeasureV2
        self.take(lambda: make(handlers(sample_based=True)), "SI_iou_adp", self.objects)
        self.take(lambda: make(handlers(sample_based=False)), "SI_iou_overall_max", self.overall)
        if slow:
            self.take(lambda: sod.MSIoU(**MODES), "MSIoU_adp", lambda r: self.modes("MSIoU", r))
        return self.values

    @staticmethod
    def curve(name, result):
        curve = result["curve"]
        return {
            f"{name}_adp": result["adp"],
            f"{name}_mean": curve.mean(),
            f"{name}_max": curve.max(),
        }

    @staticmethod
    def modes(name, result):
        curve = np.array(result["dynamic"])
        return {
            f"{name}_adp": result["adaptive"],
            f"{name}_mean": curve.mean(),
            f"{name}_max": curve.max(),
            f"{name}_bin": result["binary"],
        }

    def family(self, results):
        return {k: v for name in results for k, v in self.modes(name, results[name]).items()}

    @staticmethod
    def objects(results):
        found = {}
        for name, result in results.items():
            curves = result["dynamic"][0]  # (objects, 256)
            found |= {
                f"SI_{name}_adp": result["adaptive"],
                f"SI_{name}_mean": curves.mean(axis=1).mean(),
                f"SI_{name}_max": curves.max(axis=1).mean(),
                f"SI_{name}_bin": result["binary"],
            }
        return found

    def overall(self, results):
        modes = {
            k: v
            for name in results
            for k, v in self.modes(f"SI_{name}_overall", results[name]).items()
        }
        return {name: value for name, value in modes.items() if not name.endswith("adp")}


def compare(prediction, truth, theirs):
    measures = metrics.suite("all")
    measures.update(prediction, truth)
    ours = measures.compute()
    for name, value in theirs.items():
        if value is None:
            assert name not in ours, name
        elif isnan(value):
            assert isnan(ours[name]), name
        else:
            assert abs(ours[name] - value) <= 1e-9 * max(1, abs(value)), name


@pytest.fixture(autouse=True)
def quiet():
    """Their deprecations, and divisions by zero that they mean."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("seed", range(40))
def test_random_pairs(seed):
    given = pair(seed, 40 if seed % 2 else 90)
    compare(*given, Theirs(*given).all(slow=seed % 2 == 1))


@pytest.mark.parametrize("seed", range(100, 120))
def test_tiny_pairs(seed):
    given = pair(seed, 5)
    compare(*given, Theirs(*given).all())


@pytest.mark.parametrize("seed", range(8))
def test_floats(seed):
    prediction, truth = pair(seed, 60)
    draw = np.random.default_rng(seed)
    floats = (prediction / 255 + draw.normal(0, 0.002, truth.shape)).clip(0, 1)
    if floats.max() > floats.min():
        floats = (floats - floats.min()) / (floats.max() - floats.min())
    theirs = Theirs(floats, truth > 128, normalize=False).all(slow=False)
    compare(floats, truth > 128, theirs)


@pytest.mark.parametrize("count", [2, 53, 54, 60, 63, 64])
def test_many_objects(count):
    given = objects(count, count)
    compare(*given, Theirs(*given).all(slow=False))


def test_boxes_that_overlap_beyond_the_53rd():
    # Angles, each in the corner of the next: 60 objects whose boxes overlap, so that the published bit mask rounds some away.
    truth = np.zeros((400, 400), np.uint8)
    for index in range(60):
        corner = 3 * index
        truth[corner, corner : corner + 60] = truth[corner : corner + 60, corner] = 255
        truth[corner + 1, corner + 1 :] = truth[corner + 1 :, corner + 1] = 0
    cv2 = pytest.importorskip("cv2")
    assert cv2.connectedComponents(truth, connectivity=4)[0] - 1 == 60
    given = np.roll(truth, 1, axis=1) // 2 + truth // 3, truth
    compare(*given, Theirs(*given).all(slow=False))


@pytest.mark.parametrize("level", [1, 50, 77, 102, 103, 104, 128, 200, 254, 255])
def test_constant_predictions(level):
    # Rounding alone decides some blocks of the S-measure; theirs is followed to the bit.
    truth = np.zeros((60, 60), np.uint8)
    truth[5, 7] = truth[50, 40] = 255
    given = np.full((60, 60), level, np.uint8), truth
    compare(*given, Theirs(*given).all(slow=False))
