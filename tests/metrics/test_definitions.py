"""The compiled measures against their definitions, written out slowly."""

import numpy as np
import pytest

from kirie import metrics
from scenes import objects, pair

pytest.importorskip("numba", reason="needs the extra eval")
cv2 = pytest.importorskip("cv2", reason="needs the extra eval")

SEEDS = range(12)


def stretched(prediction):
    p = prediction / 255
    return (p - p.min()) / (p.max() - p.min()) if p.max() > p.min() else p


def slow_weighted_f(prediction, truth):
    """Margolin's formulas with a full 7×7 filter and a search over all pixels of the truth."""
    p, g = stretched(prediction), truth > 128
    if not g.any():
        return 0.0
    error = np.abs(p - g)
    spread, distance = error.copy(), np.zeros(g.shape)
    inside = np.argwhere(g)
    for y, x in np.argwhere(~g):
        squared = ((inside - (y, x)) ** 2).sum(axis=1)
        # Of several as near the one in the smaller column, then in the smaller row.
        at = min(range(len(inside)), key=lambda i: (squared[i], inside[i][1], inside[i][0]))
        spread[y, x], distance[y, x] = error[tuple(inside[at])], np.sqrt(squared[at])
    around = np.arange(-3, 4)
    kernel = np.exp(-(around[:, None] ** 2 + around**2) / 50)
    padded = np.pad(spread, 3)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
    smooth = (windows * kernel / kernel.sum()).sum(axis=(2, 3))
    least = np.where(g & (smooth < error), smooth, error)
    weight = np.where(g, 1, 2 - np.exp(np.log(0.5) / 5 * distance))
    weighted = least * weight
    right, false = g.sum() - weighted[g].sum(), weighted[~g].sum()
    recall, precision = 1 - weighted[g].mean(), right / (right + false)
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


@pytest.mark.parametrize("seed", SEEDS)
def test_weighted_f(seed):
    prediction, truth = pair(seed, 32)
    have = metrics.WeightedF().update(prediction, truth)["wFm"]
    assert have == pytest.approx(slow_weighted_f(prediction, truth), abs=1e-12)


@pytest.mark.parametrize("seed", [1, 2])
def test_distances_of_sparse_truths(seed):
    # Far apart pixels: long parabolas, columns and rows without any truth, exact ties.
    draw = np.random.default_rng(seed)
    truth = (draw.random((40, 55)) < 0.004) * np.uint8(255)
    truth[3, 3] = truth[3, 9] = 255
    prediction = draw.integers(0, 256, truth.shape, dtype=np.uint8)
    have = metrics.WeightedF().update(prediction, truth)["wFm"]
    assert have == pytest.approx(slow_weighted_f(prediction, truth), abs=1e-12)


def slow_edges(mask):
    """Sobel's filters on a binary map, nothing outside."""
    plane = np.pad(mask.astype(int), 1)
    height, width = mask.shape
    part = {
        (y, x): plane[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
    }
    across = sum((2 - abs(y)) * (part[y, 1] - part[y, -1]) for y in (-1, 0, 1))
    down = sum((2 - abs(x)) * (part[1, x] - part[-1, x]) for x in (-1, 0, 1))
    return (across != 0) | (down != 0)


def slow_cells(edge, side):
    """Which cells hold an edge; the picture is filled up above and to the left."""
    more = [-size % side for size in edge.shape]
    plane = np.pad(edge, ((more[0], 0), (more[1], 0)))
    rows, columns = (size // side for size in plane.shape)
    return plane.reshape(rows, side, columns, side).any(axis=(1, 3))


def slow_msiou(mask, truth):
    shares = []
    for scale in range(10):
        found = slow_cells(slow_edges(mask), 2**scale)
        true = slow_cells(slow_edges(truth), 2**scale)
        shares.append(((found & true).sum() + 1) / (true.sum() + 1))
    return (np.sum(shares) - (shares[0] + shares[-1]) / 2) / 9


@pytest.mark.parametrize("seed", SEEDS)
def test_msiou(seed):
    prediction, truth = pair(seed, 40)
    levels = (stretched(prediction) * 255).astype(np.uint8)
    record = metrics.MSIoU(variant="exact").update(prediction, truth)
    for threshold in (0, 1, 60, 100, 128, 129, 200, 255, 256):
        want = slow_msiou(levels >= threshold, truth > 128)
        assert record.curves["MSIoU"][threshold] == pytest.approx(want, abs=1e-12)
    want = slow_msiou(stretched(prediction) > 0.5, truth > 128)
    assert record["MSIoU_bin"] == pytest.approx(want, abs=1e-12)


def slow_thinning(shape, table):
    """Two passes in turns, each over the whole plane at once."""
    plane = np.pad(shape, 1)
    places = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    while True:
        before = plane.copy()
        for turn in (1, 2):
            code = sum(np.roll(plane, (-y, -x), (0, 1)) * 2**i for i, (y, x) in enumerate(places))
            plane = plane & ~((table[code] & turn) > 0)
        if (plane == before).all():
            return plane[1:-1, 1:-1]


@pytest.mark.parametrize("seed", SEEDS)
def test_thinning(seed):
    from kirie.metrics._thinning import TABLE, thinned

    shape = pair(seed, 50)[1] > 128
    assert np.array_equal(thinned(shape), slow_thinning(shape, TABLE))


def test_thinning_is_that_of_scikit_image():
    morphology = pytest.importorskip("skimage.morphology")
    from kirie.metrics._thinning import thinned

    for seed in SEEDS:
        shape = pair(seed, 50)[1] > 128
        assert np.array_equal(thinned(shape), morphology.skeletonize(shape))


def test_thinning_rule():
    from kirie.metrics._thinning import DEPARTURES, TABLE, _passes

    assert all(_passes(code) != passes for code, passes in DEPARTURES.items())
    assert len(DEPARTURES) == 25
    # A line's end, a crossing and the inside of a shape stay; an edge pixel goes in one of the passes.
    assert [TABLE[code] for code in (0, 1, 34, 136, 170, 255)] == [0] * 6
    assert {int(TABLE[code]) for code in (62, 143, 227, 248)} == {1, 2}


@pytest.mark.parametrize("seed", SEEDS)
def test_clicks_are_counted_as_opencv_simplifies_each_run(seed):
    from kirie.metrics._outlines import runs, straight

    mask = pair(seed, 50)[1] > 128
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return
    points = np.concatenate(contours)[:, 0]
    condition = np.random.default_rng(seed).random(mask.shape) < 0.8
    found, touched, kept = runs(points, np.cumsum([0, *map(len, contours)]), condition)
    assert kept.sum() == sum(last - first for first, last, _ in found)
    assert len({tuple(point) for point in points[kept]}) == kept.sum()
    assert touched.any() == kept.any()
    for (first, last, follows), plain in zip(found, straight(points, found, 2), strict=True):
        if plain:
            assert follows == -1
            assert len(cv2.approxPolyDP(points[first:last], 2, closed=False)) == 2


@pytest.mark.parametrize("seed", [0, 1])
def test_counting_without_compiled_loops(seed, monkeypatch):
    from kirie.metrics import _tally

    given = pair(seed, 400)
    compiled = metrics.suite("MAE,Sm,Em,Fm,confusion").update(*given)
    monkeypatch.setattr(_tally, "_joint", lambda: None)
    plain = metrics.suite("MAE,Sm,Em,Fm,confusion").update(*given)
    assert compiled.results == plain.results
    assert all(np.array_equal(compiled.curves[k], v) for k, v in plain.curves.items())


def test_many_objects():
    # The published evaluator stops at 64; without its limit there is a value for each.
    given = objects(0, 70)
    assert "SI_fm_bin" not in metrics.SizeInvariant().update(*given)
    record = metrics.SizeInvariant(("rec",), variant="exact").update(*given)
    found, true = stretched(given[0]) > 0.5, given[1] > 128
    count, labels = cv2.connectedComponents(true.view(np.uint8), connectivity=4)
    recalls = [
        (found & (labels == label)).sum() / (labels == label).sum() for label in range(1, count)
    ]
    assert record["SI_rec_bin"] == pytest.approx(np.mean(recalls))
