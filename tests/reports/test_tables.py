"""Tables: what stands in them, which is best, and how odd values and names are written."""

import csv
import io
import json
from math import isnan, nan

import numpy as np
import pytest
from PIL import Image

from kirie import evaluate
from kirie.reports import headlines, tables
from scenes import pair


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two evaluations, the second of perfect maps, with one undefined S-measure."""
    folder = tmp_path_factory.mktemp("two")
    results, matched = {}, {}
    for who in ("mine_1", "per|fect"):
        (folder / who).mkdir()
    (folder / "gt").mkdir()
    for seed in (3, 7, 12):
        prediction, truth = pair(seed, 30)
        if seed == 3:
            truth[:] = 0
            truth[-1, -1] = 255
        for name, plane in (("mine_1", prediction), ("per|fect", truth), ("gt", truth)):
            Image.fromarray(plane).save(folder / name / f"{seed}.png")
    for who in ("mine_1", "per|fect"):
        matched[who] = evaluate.match(folder / who, folder / "gt")
        plan = evaluate.Measures(("MAE", "Sm", "Fm"))
        results[who] = evaluate.evaluate(matched[who].samples, plan)
    return results, matched


def test_json_of_several(two):
    document = json.loads(b"".join(tables.as_json(*two)))
    assert list(document) == ["predictions"]
    assert list(document["predictions"]) == ["mine_1", "per|fect"]
    perfect = document["predictions"]["per|fect"]
    assert perfect["dataset"]["MAE"] == 0
    assert perfect["dataset"]["Sm"] is None
    assert perfect["undefined"] == {"Sm": ["3"]}
    assert perfect["regular_names"] == ["12", "7"]
    assert perfect["mean_of_finite"]["Sm"]["n"] == 2


def test_json_of_one(two):
    document = json.loads(
        b"".join(tables.as_json({"a": two[0]["mine_1"]}, {"a": two[1]["mine_1"]}))
    )
    assert {"dataset", "per_image", "undefined", "failed", "missing"} <= document.keys()
    assert list(document["per_image"]) == ["12", "3", "7"]


def test_csv(two):
    rows = list(csv.DictReader(io.StringIO(b"".join(tables.as_csv(two[0])).decode())))
    assert [(row["predictions"], row["name"]) for row in rows[:4]] == [
        ("mine_1", "12"),
        ("mine_1", "3"),
        ("mine_1", "7"),
        ("per|fect", "12"),
    ]
    assert float(rows[0]["Fm_max"]) == two[0]["mine_1"].value("12", "Fm_max")
    assert isnan(float(rows[1]["Sm"]))


def test_markdown(two):
    lines = tables.as_markdown(two[0]).splitlines()
    assert lines[0] == "|  | S ↑ | adaptive F ↑ | mean F ↑ | max F ↑ | MAE ↓ |"
    assert lines[3].startswith("| per\\|fect | undefined | **")
    assert lines[3].endswith("| **0.0000** |")


def test_latex(two):
    text = tables.as_latex(two[0])
    assert r"mine\_1 & undefined" in text
    assert r"\textbf{0.0000}" in text
    assert text.count(r"\\") == 3
    assert r"MAE $\downarrow$" in text


def test_what_tables_choose():
    names = [f"x{i}" for i in range(40)]
    assert headlines.chosen([*names, "MAE", "Sm"]) == ["Sm", "MAE"]
    assert headlines.chosen(["odd", "MAE"]) == ["MAE", "odd"]


@pytest.mark.parametrize(
    ("name", "lower"),
    [
        *(("MAE", True), ("SI_MAE", True), ("birefnet.HCE", True), ("matting.SAD_unknown", True)),
        *(("ber_bin", True), ("SI_fpr_mean", True), ("Sm", False), ("inspyrenet.IoU_max", False)),
    ],
)
def test_which_way_is_better(name, lower):
    assert headlines.lower_is_better(name) == lower


def test_best():
    assert headlines.best("MAE", {"a": 0.12341, "b": 0.12339, "c": 0.2}) == {"a", "b"}
    assert headlines.best("Sm", {"a": 0.9, "b": nan}) == {"a"}
    assert headlines.best("Sm", {"a": 0.9}) == set()
    assert headlines.best("Sm", {"a": nan, "b": nan}) == set()


def test_values_in_words():
    assert headlines.written("HCE", 1523.46) == "1523.5"
    assert headlines.written("Sm", nan) == "undefined"
    assert headlines.written("Sm", None) == "–"
    assert headlines.written("matting.SAD", np.float64(12.345)) == "12.35"
