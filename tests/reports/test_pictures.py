"""Curves, the sheet of the worst, and the page."""

import re
import xml.etree.ElementTree as ET
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from kirie import evaluate
from kirie.reports import charts, page, sheet
from scenes import pair

BLUE, ORANGE = (0, 114, 178), (213, 94, 0)


@pytest.fixture
def measured(tmp_path):
    """An evaluation of six pairs, some with photos."""
    for kind in ("pred", "gt", "im"):
        (tmp_path / kind).mkdir()
    for seed in range(6):
        prediction, truth = pair(seed + 3, 40)
        if seed == 5:
            prediction = 255 - truth  # all wrong
        Image.fromarray(prediction).save(tmp_path / "pred" / f"<{seed}>.png")
        Image.fromarray(truth).save(tmp_path / "gt" / f"<{seed}>.png")
        if seed < 2:
            Image.fromarray(np.dstack([truth] * 3)).save(tmp_path / "im" / f"<{seed}>.png")
    match = evaluate.match(tmp_path / "pred", tmp_path / "gt")
    return evaluate.evaluate(match.samples, evaluate.Measures(("MAE", "Sm", "Fm", "Em"))), match


def opened(data):
    with Image.open(BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def share(pixels, colour):
    return (np.abs(pixels - colour).max(axis=2) < 60).mean()


def test_curves(measured):
    result, _ = measured
    drawn = charts.charts({"one": result, "<two>": result})
    assert [chart.name for chart in drawn] == ["pr", "f", "e"]
    for chart in drawn:
        root = ET.fromstring(charts.svg(chart))  # noqa: S314  our own, one line up
        lines = root.findall("{http://www.w3.org/2000/svg}polyline")
        assert len(lines) == 2
        points = [tuple(map(float, p.split(","))) for p in lines[0].get("points").split()]
        assert len(points) == 256
        assert all(0 <= x <= charts.WIDTH and 0 <= y <= charts.HEIGHT for x, y in points)
        pixels = opened(charts.png(chart))
        assert pixels.shape == (charts.HEIGHT, charts.WIDTH, 3)
        assert share(pixels, ORANGE) > 0.001  # the second line hides the first


def test_a_line_is_where_its_numbers_are():
    curve = np.linspace(0.25, 0.75, 256)
    chart = charts.Chart("x", "t", ("a", ("",) * 6), "b", {"line": (np.linspace(0, 1, 256), curve)})
    pixels = opened(charts.png(chart))
    for x, y in ((0.2, 0.35), (0.8, 0.65)):
        column, row = (round(v) for v in charts._place(x, y))
        around = pixels[row - 3 : row + 4, column - 1 : column + 2]
        assert share(around, BLUE) > 0.1
        assert share(pixels[row - 40 : row - 10, column - 1 : column + 2], BLUE) == 0


def test_no_curves_no_charts(measured):
    _, match = measured
    only = evaluate.evaluate(match.samples, evaluate.Measures(("MAE",)))
    assert charts.charts({"a": only}) == []


def test_worst(measured):
    result, _ = measured
    errors = {name: result.value(name, "MAE") for name in result.names}
    order = sheet.worst(result, "MAE", 3)
    assert [errors[name] for name in order] == sorted(errors.values())[::-1][:3]
    scores = [result.value(name, "Sm") for name in sheet.worst(result, "Sm", 9)]
    assert scores == sorted(scores)


def test_sheet(measured):
    result, match = measured
    pixels = opened(sheet.sheet(result, match.samples, "MAE", count=2))
    assert len(pixels) == sheet.HEAD + 2 * (sheet.TALL + sheet.LABEL + sheet.GAP)
    assert share(pixels, ORANGE) + share(pixels, BLUE) > 0.01  # something was wrong


def test_sheet_of_a_model(measured):
    result, match = measured
    asked = []

    def predict(sample):
        asked.append(sample.name)
        with Image.open(sample.truth) as truth:
            return np.asarray(truth)

    pixels = opened(sheet.sheet(result, match.samples, "MAE", count=3, predict=predict))
    assert asked == sheet.worst(result, "MAE", 3)
    assert share(pixels, ORANGE) + share(pixels, BLUE) < 0.001  # remade, and right


def test_page(measured):
    result, match = measured
    text = b"".join(page.page({"<a>": result}, {"<a>": match}, by="MAE", thumbnails=2)).decode()
    assert "<a>" not in text
    assert "&lt;a&gt;: 6 pictures" in text
    assert text.count("<svg") == 3
    rows = re.findall(r'<tr><td class="name" data-value="([^"]*)"', text)
    assert len(rows) == 6
    assert rows[0].replace("&lt;", "<").replace("&gt;", ">") == sheet.worst(result, "MAE", 1)[0]
    assert text.count("data:image/webp;base64,") == sum(
        3 + (match_sample.image is not None)
        for match_sample in match.samples
        if match_sample.name in sheet.worst(result, "MAE", 2)
    )
    outside = [
        link for link in re.findall(r'(?:src|href)="([^"]*)"', text) if not link.startswith("data:")
    ]
    assert outside == []


def test_page_without_files(measured):
    # Pictures that have gone in the meantime are left out, the numbers stay.
    result, match = measured
    for sample in match.samples:
        sample.prediction.unlink()
    text = b"".join(page.page({"a": result}, {"a": match}, by=None)).decode()
    assert text.count("<tr><td") >= 6
    assert "data:image" not in text
