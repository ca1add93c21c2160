import json

import numpy as np
import pytest

from kirie import coco, contour


def ring(size=(120, 160), radius=40, hole=15):
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]]
    distance = np.hypot(ys + 0.5 - 60, xs + 0.5 - 80)
    return (np.clip(radius + 0.5 - distance, 0, 1) * np.clip(distance - hole + 0.5, 0, 1)).astype(
        np.float32
    )


def test_a_ring_has_two_outlines_between_the_pixels():
    outer, hole = contour.polygons(ring())
    assert contour.area(outer) == pytest.approx(np.pi * 40**2, rel=0.01)
    assert contour.area(hole) == pytest.approx(-np.pi * 15**2, rel=0.03)
    for points, radius in ((outer, 40), (hole, 15)):
        away = np.hypot(points[:, 0] - 80, points[:, 1] - 60)
        assert np.abs(away - radius).max() < 0.3
    assert len(outer) < 60


def test_a_subject_on_the_border_ends_there():
    alpha = np.zeros((10, 20), np.float32)
    alpha[4:, :7] = 1
    (points,) = contour.polygons(alpha)
    assert points[:, 0].min() == 0
    assert points[:, 0].max() == 7
    assert (points[:, 1].min(), points[:, 1].max()) == (4, 10)
    assert contour.area(points) == pytest.approx(42, abs=1)


def test_every_outline_is_closed_and_none_is_lost():
    rng = np.random.default_rng(4)
    for share in (0.3, 0.5, 0.7):
        blobs = np.repeat(np.repeat(rng.random((9, 12)) < share, 10, axis=0), 10, axis=1)
        alpha = blobs.astype(np.float32)
        areas = [contour.area(points) for points in contour.polygons(alpha)]
        assert sum(areas) == pytest.approx(float(alpha.sum()), rel=0.01)


def test_svg_is_a_drawing_of_the_pictures_size():
    text = contour.svg(ring())
    assert 'viewBox="0 0 160 120"' in text
    assert text.count("M") == text.count("Z") == 2
    assert contour.svg(np.zeros((4, 5), np.float32)).count("M") == 0


def test_run_lengths_are_cocos():
    """Made by pycocotools 2.0 of the same masks."""
    ys, xs = np.mgrid[0:37, 0:53]
    mask = (np.hypot(ys - 17, xs - 30) < 13) | ((ys * 7 + xs * 5) % 31 == 0)
    assert coco.packed(coco.runs(mask)) == COUNTS
    assert coco.packed(coco.runs(np.ones((3, 4), bool))) == "0<"
    assert coco.packed(coco.runs(np.zeros((3, 4), bool))) == "<"


def test_run_lengths_come_back():
    rng = np.random.default_rng(1)
    for _ in range(40):
        mask = rng.random(rng.integers(1, 60, 2)) < rng.random()
        assert coco.unpacked(coco.packed(coco.runs(mask))) == coco.runs(mask)
        assert sum(coco.runs(mask)) == mask.size


def test_an_annotation_has_what_coco_asks_for():
    alpha = ring()
    content = json.loads(coco.annotation(alpha, "dog.jpg"))
    (entry,) = content["annotations"]
    assert content["images"][0] == {"id": 1, "width": 160, "height": 120, "file_name": "dog.jpg"}
    assert entry["category_id"] == content["categories"][0]["id"]
    assert entry["area"] == int((alpha >= 0.5).sum())
    assert entry["bbox"] == [40, 20, 80, 80]
    assert entry["segmentation"]["size"] == [120, 160]
    mask = np.repeat(
        np.arange(len(runs := coco.unpacked(entry["segmentation"]["counts"]))) % 2, runs
    )
    assert ((alpha >= 0.5) == mask.reshape(160, 120).T).all()
    assert len(entry["polygons"]) == 1  # a polygon cannot say that there is a hole
    assert json.loads(coco.annotation(alpha * 0, "x"))["annotations"] == []


COUNTS = (
    "01n00H00080H000o00QO0o00QO0o00QO00080H00080H000o00QO0a08nNH?<24^O@:b0N^OHd01\\O5d043IYOOf072O0000000K"
    "XOMh0MXO9h00XOGh03XO3h06N101N101N2N@@?<LDM8OH<00080H000o00QO0o00QO0o00QO0N"
)
