"""What all measures have in common: update, compute, reset, merge, state, batches, tensors."""

import math
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from kirie import metrics
from kirie.errors import BadInput
from scenes import pair

pytest.importorskip("numba", reason="needs the extra eval")

PAIRS = [pair(seed, 30) for seed in (3, 4, 7, 11, 12)]
ALL = tuple(metrics.GROUPS["all"])


def over(pairs, name="all"):
    measures = metrics.suite(name)
    for given in pairs:
        measures.update(*given)
    return measures


def same(one, other, close=1e-12):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], rtol=close, atol=close, err_msg=name)


@pytest.mark.parametrize("name", ALL)
def test_order_does_not_matter(name):
    same(over(PAIRS, name).compute(), over(PAIRS[::-1], name).compute())


@pytest.mark.parametrize("name", ALL)
def test_merging_is_measuring_all(name):
    one, other = over(PAIRS[:2], name), over(PAIRS[2:], name)
    one.merge(other)
    whole = over(PAIRS, name)
    assert one.count == whole.count == len(PAIRS)
    same(one.compute(), whole.compute())
    same(one.compute(over="finite"), whole.compute(over="finite"))
    same(one.curves(), whole.curves())


@pytest.mark.parametrize("name", ALL)
def test_merging_into_nothing_and_nothing_into_it(name):
    whole, empty = over(PAIRS, name), metrics.suite(name)
    empty.merge(whole)
    empty.merge(metrics.suite(name))
    same(empty.compute(), whole.compute(), 0)


def test_reset_forgets():
    measures = over(PAIRS)
    measures.reset()
    assert measures.count == 0
    assert measures.compute() == {}
    measures.update(*PAIRS[0])
    same(measures.compute(), over(PAIRS[:1]).compute(), 0)


def test_a_record_is_one_pictures_result():
    record = metrics.SMeasure().update(*PAIRS[0])
    assert dict(record) == record.results == {"Sm": record["Sm"]}
    alone = over(PAIRS[:1]).compute()
    joined = metrics.suite("all").update(*PAIRS[0])
    same(dict(joined), {name: alone[name] for name in joined})


def test_state_brings_everything_back():
    whole, half = over(PAIRS), over(PAIRS[:3])
    again = metrics.suite("all")
    again.restore(pickle.loads(pickle.dumps(half.state())))  # noqa: S301  our own, one line up
    half.update(*PAIRS[3])  # the state is no view of it
    for given in PAIRS[3:]:
        again.update(*given)
    same(again.compute(), whole.compute(), 0)


def test_merging_different_measures_is_refused():
    with pytest.raises(BadInput, match="measure different things"):
        metrics.FMeasure().merge(metrics.FMeasure(beta2=1))
    with pytest.raises(BadInput, match="measure different things"):
        metrics.suite("Sm").merge(metrics.suite("Sm,MAE"))
    with pytest.raises(BadInput, match="measure different things"):
        metrics.LabelMaps(3).merge(metrics.LabelMaps(4))


def test_undefined_results_are_counted():
    corner = np.zeros((4, 4), bool)
    corner[3, 3] = True
    measures = metrics.suite("Sm,MAE")
    for truth in (corner, np.roll(corner, (-2, -2), (0, 1)), corner):
        measures.update(truth, truth)
    assert measures.undefined == {"Sm": 2}
    assert measures.finite == {"Sm": 1, "MAE": 3}
    assert math.isnan(measures.compute()["Sm"])
    assert measures.compute(over="finite")["Sm"] == pytest.approx(1)


def test_reprs_say_the_arguments():
    assert repr(metrics.FMeasure()) == (
        "FMeasure(beta2=0.3, variant='pysodmetrics', resize='bilinear')"
    )
    assert repr(metrics.suite("MAE")) == "Suite(MAE(variant='pysodmetrics', resize='bilinear'))"
    assert repr(metrics.LabelMaps(3)).startswith("LabelMaps(num_classes=3, ignore_index=255")


def test_batches():
    draw = np.random.default_rng(0)
    predictions = draw.random((3, 1, 20, 24))
    truths = draw.random((3, 20, 24)) > 0.5
    measures = metrics.suite("MAE,Sm")
    records = measures.update_batch(predictions, truths)
    assert len(records) == measures.count == 3
    one = metrics.SMeasure()
    one.update_batch(list(predictions[:, 0]), list(truths))
    assert one.compute()["Sm"] == measures.compute()["Sm"]
    with pytest.raises(BadInput, match="3 predictions and 2 truths"):
        one.update_batch(predictions, truths[:2])


def test_tensors():
    torch = pytest.importorskip("torch")
    prediction, truth = torch.rand(2, 1, 16, 18, requires_grad=True), torch.rand(2, 1, 16, 18) > 0.5
    measures = metrics.suite("usual")
    measures.update_batch(prediction, truth.float())
    measures.update(prediction[0].half().bfloat16(), truth[0, 0])
    assert measures.count == 3
    labels = metrics.LabelMaps(4)
    labels.update(torch.randint(0, 4, (1, 8, 8)), torch.randint(0, 4, (8, 8)))
    assert labels.compute()["confusion"].sum() == 64


def test_measuring_imports_no_torch():
    code = (
        "import sys, numpy as np\nfrom kirie import metrics\n"
        "assert not {'cv2', 'numba', 'torch'} & sys.modules.keys()\n"
        "metrics.suite('usual').update(np.eye(9), np.eye(9))\n"
        "assert not {'torch', 'skimage', 'sklearn', 'matplotlib'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_measure_of_ones_own():
    class Area(metrics.Measure):
        def measure(self, given):
            return metrics.Record({"area": float(given.found.mean())})

    measure = Area()
    measure.update(np.array([[0, 255]], np.uint8), np.array([[True, True]]))
    assert measure.compute() == {"area": 0.5}
    with pytest.raises(TypeError, match="measures nothing itself"):
        metrics.Measure().update(*PAIRS[0])


def test_loops_that_cannot_be_kept(monkeypatch):
    import numba

    from kirie.metrics import _compiled

    real = numba.njit

    def no_folder(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(numba, "njit", no_folder)
    monkeypatch.setattr(_compiled, "unkept", [])

    @_compiled.compiled
    def doubled(value):
        return 2 * value

    assert doubled(4) == 8
    assert _compiled.unkept == ["doubled"]
    assert not _compiled.kept()


def test_loops_are_kept():
    from kirie.metrics import _compiled

    assert _compiled.kept() or os.environ.get("NUMBA_DISABLE_JIT")
