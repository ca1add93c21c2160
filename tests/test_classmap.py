"""Class maps and probabilities of a large picture, tile by tile, against the plain way; windows; sizes."""

import numpy as np
import pytest

from kirie import _bilinear, _classmap, procedure, readout
from kirie._slide import places, slide
from kirie.errors import BadCheckpoint, BadInput
from kirie.prepare import Geometry, Views, network_size, prepare
from kirie.spec import Preparation, Procedure, ReadOut

SIZES = [
    (2, (16, 20), (100, 333)),
    (5, (33, 47), (401, 97)),
    (150, (12, 9), (130, 140)),
    (3, (1, 1), (50, 60)),
    (4, (40, 50), (17, 23)),  # smaller than the network saw it
    (19, (30, 41), (30, 41)),
    (300, (8, 8), (60, 40)),
]


def plain(plane, height, width):
    """Bilinear, pixel centres at halves, the border repeated: as the formula says, for each pixel."""
    rows, columns = (
        np.clip((np.arange(n) + 0.5) * m / n - 0.5, 0, m - 1)
        for n, m in zip((height, width), plane.shape, strict=True)
    )
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    bottom, right = (
        np.minimum(top + 1, plane.shape[0] - 1),
        np.minimum(left + 1, plane.shape[1] - 1),
    )
    down, across = (rows - top)[:, None], columns - left
    upper = plane[top][:, left] * (1 - across) + plane[top][:, right] * across
    lower = plane[bottom][:, left] * (1 - across) + plane[bottom][:, right] * across
    return upper * (1 - down) + lower * down


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=0))
    return powers / powers.sum(axis=0)


@pytest.mark.parametrize(("count", "small", "large"), SIZES)
@pytest.mark.parametrize("contrast", [0.5, 20])
def test_tiles_change_nothing(count, small, large, contrast):
    draw = np.random.default_rng(count)
    scores = (contrast * draw.normal(size=(count, *small))).astype(np.float32)
    whole = np.stack([plain(plane.astype(float), *large) for plane in scores])
    found = _classmap.class_map(scores, large)
    assert found.shape == large
    assert found.dtype == (np.uint8 if count <= 256 else np.uint16)
    winner = whole.argmax(axis=0)
    ahead = np.sort(whole, axis=0)
    decided = ahead[-1] - ahead[-2] > 1e-4 * contrast
    assert (found == winner)[decided].all()
    assert decided.mean() > 0.99
    likely = softmax(whole)
    for chosen in ([0], [0, count - 1]):
        wanted = likely[sorted(set(chosen))].sum(axis=0)
        np.testing.assert_allclose(
            _classmap.probability(scores, large, chosen), wanted, atol=3e-5 * contrast
        )


@pytest.mark.parametrize("size", [(64, 96), (100, 31), (7, 5), (1, 1)])
def test_resizing_is_the_formula_both_ways(size):
    plane = np.random.default_rng(1).normal(size=(23, 37)).astype(np.float32)
    np.testing.assert_allclose(_bilinear.resized(plane, *size), plain(plane, *size), atol=1e-5)


# --- what a network gives → scores -----------------------------------------------------------------------------------


def test_one_map_becomes_two_classes():
    raw = np.array([[[-3.0, 0.0, 4.0]]], np.float32)
    scores = readout.scores(raw, ReadOut())
    np.testing.assert_allclose(softmax(scores)[1], 1 / (1 + np.exp(-raw[0])), rtol=1e-6)
    turned = readout.scores(raw, ReadOut(invert=True))
    np.testing.assert_allclose(softmax(turned)[0], softmax(scores)[1], rtol=1e-6)


@pytest.mark.parametrize("count", [1, 4])
def test_probabilities_become_scores_and_come_back(count):
    raw = np.random.default_rng(0).uniform(0.01, 0.99, (count, 5, 6)).astype(np.float32)
    if count > 1:
        raw /= raw.sum(axis=0)
    scores = readout.scores(raw, ReadOut(activation="none"))
    np.testing.assert_allclose(softmax(scores)[-1], raw[-1], rtol=1e-4)
    certain = np.zeros((count, 2, 2), np.float32)
    certain[0] = 1
    assert np.isfinite(readout.scores(certain, ReadOut(activation="none"))).all()


def test_what_is_no_map_or_not_the_cards_is_refused():
    card = ReadOut(activation="softmax", classes=("a", "b", "c"))
    with pytest.raises(BadCheckpoint, match="gives 2 maps for each picture, but its card names 3"):
        readout.scores(np.zeros((2, 4, 4), np.float32), card)
    with pytest.raises(BadCheckpoint, match="not a finite map"):
        readout.scores(np.full((3, 4, 4), np.nan, np.float32), card)


# --- windows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "window", "stride", "starts"),
    [
        (2048, 1024, 768, [0, 768, 1024]),  # as published for Cityscapes
        (1024, 1024, 768, [0]),
        (1025, 1024, 768, [0, 1]),
        (1792, 1024, 768, [0, 768]),
        (500, 1024, 768, [0]),
        (2048, 768, 768, [0, 768, 1280]),
    ],
)
def test_windows_lie_as_published(length, window, stride, starts):
    found = list(places(length, window, stride))
    assert [place.start for place in found] == starts
    assert all(place.stop - place.start == min(window, length) for place in found)


def mean(part):
    """(B, 3, h, w) → (B, 2, h/4, w/4): block means of a channel, and how often it was looked at."""
    B, _, h, w = part.shape
    rows, columns = -(-h // 4), -(-w // 4)
    padded = np.pad(part[:, :1], ((0, 0), (0, 0), (0, -h % 4), (0, -w % 4)), mode="edge")
    blocks = padded.reshape(B, 1, rows, 4, columns, 4).mean(axis=(3, 5))
    return np.concatenate([blocks, np.full_like(blocks, 5)], axis=1)


def test_answers_are_averaged_where_windows_overlap():
    batch = np.random.default_rng(2).normal(size=(2, 3, 90, 70)).astype(np.float32)
    found = slide(mean, batch, window=(64, 48), stride=(40, 32))
    total, hits = np.zeros((2, 2, 90, 70)), np.zeros((90, 70))
    for rows in (slice(0, 64), slice(26, 90)):
        for columns in (slice(0, 48), slice(22, 70)):
            for index, maps in enumerate(mean(batch[:, :, rows, columns])):
                for channel, plane in enumerate(maps):
                    total[index, channel, rows, columns] += plain(plane, 64, 48)
            hits[rows, columns] += 1
    assert hits.max() == 4
    np.testing.assert_allclose(found, total / hits, atol=1e-5)
    np.testing.assert_allclose(found[:, 1], 5, rtol=1e-6)


def test_a_picture_smaller_than_the_window_is_looked_at_as_it_is():
    seen = []

    def look(part):
        seen.append(part.shape)
        return part[:, :1]

    batch = np.zeros((1, 3, 40, 200), np.float32)
    assert slide(look, batch, window=(64, 64), stride=(64, 64)).shape == (1, 1, 40, 200)
    assert seen == 4 * [(1, 3, 40, 64)]


class Double:
    """An engine that answers with what it is given, and counts its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, batch):
        self.calls.append(batch.shape)
        return {"logits": 2 * batch[:, :1]}


def test_the_procedure_slides():
    engine = Double()
    batch = np.random.default_rng(3).normal(size=(1, 3, 64, 100)).astype(np.float32)
    card = Procedure(name="slide", window=(64, 64), stride=(36, 36))
    found = procedure.run(engine, batch, card)["logits"]
    assert engine.calls == 2 * [(1, 3, 64, 64)]
    np.testing.assert_allclose(found, 2 * batch[:, :1], rtol=1e-5)


def test_pictures_of_one_size_go_together_and_others_alone():
    engine = Double()
    same = [Views(np.full((1, 3, 8, 8), n, np.float32)) for n in range(3)]
    found = procedure.run_each(engine, same, Procedure())
    assert engine.calls == [(3, 3, 8, 8)]
    assert [answer["logits"].max() for answer in found] == [0, 2, 4]
    engine.calls.clear()
    other = [same[0], Views(np.zeros((1, 3, 8, 12), np.float32))]
    assert [a["logits"].shape for a in procedure.run_each(engine, other, Procedure())] == [
        (1, 1, 8, 8),
        (1, 1, 8, 12),
    ]
    assert len(engine.calls) == 2


# --- sizes -----------------------------------------------------------------------------------------------------------

ADE = Preparation(size=(512, 512), policy="keep", longest=2048, multiple=32)


@pytest.mark.parametrize(
    ("picture", "wanted"),
    [
        ((512, 683), (512, 704)),  # 683 → the next multiple of 32
        ((683, 512), (704, 512)),
        ((3000, 4000), (512, 704)),
        ((100, 100), (512, 512)),
        ((500, 4000), (256, 2048)),  # the longer side rules
        ((1, 10_000), (32, 2048)),
    ],
)
def test_pictures_keep_their_ratio(picture, wanted):
    assert network_size(picture, ADE) == wanted
    assert network_size(picture, Preparation(size=(320, 256))) == (320, 256)


def test_the_network_sees_the_picture_at_its_ratio():
    rgb = np.zeros((30, 60, 3), np.uint8)
    batch, geometry = prepare(rgb, Preparation(size=(64, 64), policy="keep", longest=100))
    assert batch.shape == (1, 3, 50, 100)
    assert geometry == Geometry(picture=(30, 60), network=(50, 100))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Preparation, {"size": (64, 64), "policy": "fill"}),
        (Preparation, {"size": (64, 64), "policy": "keep", "longest": 32}),
        (Preparation, {"size": (64, 64), "policy": "keep", "longest": 1 << 20}),
        (Preparation, {"size": (64, 64), "multiple": 0}),
        (Preparation, {"size": (64, 64), "multiple": 65}),
        (Procedure, {"name": "slide"}),
        (Procedure, {"name": "slide", "window": (1024, 1024), "stride": (1, 1)}),
        (Procedure, {"name": "slide", "window": (64, 64), "stride": (64, 65)}),
        (Procedure, {"name": "slide", "window": (1024,), "stride": (64, 64)}),
        (Procedure, {"name": "slide", "window": (1 << 20, 64), "stride": (64, 64)}),
        (ReadOut, {"background": False}),
        (ReadOut, {"background": False, "classes": ("one",)}),
        (ReadOut, {"classes": ("a", "b"), "colours": ("#ff0000",)}),
        (ReadOut, {"classes": ("a", "b"), "colours": ("#ff0000", "red")}),
    ],
)
def test_cards_refuse_what_makes_no_sense(kind, wrong):
    with pytest.raises(BadInput):
        kind(**wrong)
