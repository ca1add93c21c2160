"""Whole data sets: matching, streaming, several processes, interruption and resume."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import kirie
from kirie import _journal, evaluate, metrics
from kirie.errors import BadInput
from kirie.reports import tables
from scenes import pair

LIGHT = evaluate.Measures(("MAE", "Sm", "Em", "Fm", "auc"))


@pytest.fixture
def folders(tmp_path):
    """pred/ and gt/ of twelve pairs, one of them with an undefined S-measure."""
    for kind in ("pred", "gt"):
        (tmp_path / kind).mkdir()
    for seed in range(12):
        prediction, truth = pair(seed, 30)
        if seed == 5:
            truth[:] = 0
            truth[-1] = 255  # the bottom row: an empty block
        Image.fromarray(prediction).save(tmp_path / "pred" / f"p{seed:02}.png")
        Image.fromarray(truth).save(tmp_path / "gt" / f"p{seed:02}.png")
    return tmp_path


def matched(folder):
    return evaluate.match(folder / "pred", folder / "gt")


def written(result, match):
    return b"".join(tables.as_json({"pred": result}, {"pred": match}))


def test_results_are_those_of_the_measures(folders):
    match = matched(folders)
    result = evaluate.evaluate(match.samples, LIGHT)
    measures = metrics.suite(LIGHT.names)
    for seed in range(12):
        name = f"p{seed:02}"
        with Image.open(folders / "gt" / f"{name}.png") as truth:
            record = measures.update(pair(seed, 30)[0], np.asarray(truth))
        assert result.row(name) == pytest.approx(record.results, nan_ok=True)
    assert result.dataset == pytest.approx(measures.compute(), nan_ok=True)
    assert result.count == 12
    assert result.undefined == {
        "Sm": [name for name in result.names if np.isnan(result.value(name, "Sm"))]
    }
    assert "p05" in result.undefined["Sm"]
    assert result.regular_names == [n for n in result.names if n not in result.undefined["Sm"]]
    assert result.finite["MAE"][1] == 12
    assert result.finite["Sm"][1] == 12 - len(result.undefined["Sm"])
    assert np.isfinite(result.regular["Sm"])


def test_several_processes_give_the_same_bytes(folders):
    match = matched(folders)
    one = written(evaluate.evaluate(match.samples, LIGHT), match)
    assert written(evaluate.evaluate(match.samples, LIGHT, jobs=2), match) == one
    document = json.loads(one)
    assert document["dataset"]["Sm"] is None
    assert document["per_image"]["p05"]["Sm"] is None
    assert document["count"] == 12


class Stopped(BaseException):
    """As an interruption."""


def stopping(at):
    def progress(done):
        if done == at:
            raise Stopped

    return progress


@pytest.mark.parametrize("at", [1, 7])
@pytest.mark.parametrize("plan", [LIGHT, evaluate.Measures(("all",))])
def test_an_interrupted_run_goes_on(folders, at, plan):
    if "all" in plan.names:
        pytest.importorskip("numba")
    match, journal = matched(folders), folders / "journal"
    through = written(evaluate.evaluate(match.samples, plan), match)
    with pytest.raises(Stopped):
        evaluate.evaluate(match.samples, plan, journal=journal, progress=stopping(at))
    assert sorted(path.name for path in journal.iterdir()) == ["rows.jsonl", "state.json"]
    result = evaluate.evaluate(match.samples, plan, journal=journal)
    assert result.resumed == f"{at} taken over from an interrupted run"
    assert written(result, match) == through
    assert not journal.exists()


def test_a_killed_run_goes_on_from_its_last_state(folders, monkeypatch):
    match, journal = matched(folders), folders / "journal"
    through = written(evaluate.evaluate(match.samples, LIGHT), match)
    monkeypatch.setattr(_journal, "EVERY", 0.0)
    monkeypatch.setattr(_journal, "SHARE", 0)
    with pytest.raises(Stopped):
        evaluate.evaluate(match.samples, LIGHT, journal=journal, progress=stopping(6))
    # Killed while it wrote: lines without their state, the last one cut.
    with (journal / "rows.jsonl").open("a") as file:
        file.write('{"name": "p06", "dig')
    result = evaluate.evaluate(match.samples, LIGHT, journal=journal)
    assert result.resumed.startswith("6 ")
    assert written(result, match) == through


def test_a_changed_file_begins_anew(folders):
    match, journal = matched(folders), folders / "journal"
    with pytest.raises(Stopped):
        evaluate.evaluate(match.samples, LIGHT, journal=journal, progress=stopping(6))
    Image.fromarray(pair(99, 30)[1]).resize((9, 9)).save(folders / "gt" / "p03.png")
    result = evaluate.evaluate(match.samples, LIGHT, journal=journal)
    assert result.resumed == "p03 has changed since the interrupted run: measured anew"
    assert written(result, match) == written(evaluate.evaluate(match.samples, LIGHT), match)


@pytest.mark.parametrize("damage", ["plan", "samples", "state", "rows"])
def test_another_runs_journal_is_no_use(folders, damage):
    match, journal = matched(folders), folders / "journal"
    samples, plan = match.samples, LIGHT
    with pytest.raises(Stopped):
        evaluate.evaluate(samples, plan, journal=journal, progress=stopping(6))
    if damage == "plan":
        plan = evaluate.Measures(("MAE",))
    elif damage == "samples":
        samples = samples[1:]
    elif damage == "state":
        (journal / "state.json").write_text("{")
    else:
        (journal / "rows.jsonl").write_text("{}\n")
    result = evaluate.evaluate(samples, plan, journal=journal)
    assert result.resumed == ""
    assert result.count == len(samples)


def test_files_that_cannot_be_read_are_named(folders):
    (folders / "pred" / "p02.png").write_bytes(b"no picture")
    match, journal = matched(folders), folders / "journal"
    with pytest.raises(Stopped):
        evaluate.evaluate(match.samples, LIGHT, journal=journal, progress=stopping(8))
    result = evaluate.evaluate(match.samples, LIGHT, journal=journal)
    assert result.resumed.startswith("8 ")
    assert list(result.failed) == ["p02"]
    assert "p02.png" in result.failed["p02"]
    assert result.count == 12
    assert len(result.names) == 11


def test_sizes_may_be_refused(folders):
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(folders / "pred" / "p02.png")
    plan = evaluate.Measures(("MAE",), "error")
    assert list(evaluate.evaluate(matched(folders).samples, plan).failed) == ["p02"]


def test_names_without_a_partner(folders):
    (folders / "pred" / "p03.png").unlink()
    (folders / "pred" / "zz.png").write_bytes((folders / "pred" / "p01.png").read_bytes())
    match = matched(folders)
    assert match.missing == ("p03",)
    assert match.extra == ("zz",)
    assert len(match.samples) == 11


def test_sub_folders_that_differ(folders):
    shutil.move(folders / "gt", folders / "inner")
    (folders / "gt").mkdir()
    shutil.move(folders / "inner", folders / "gt" / "test")
    match = matched(folders)
    assert len(match.samples) == 12
    assert match.samples[0].name == "test/p00"
    assert "file names alone" in match.note


def test_nothing_to_match(folders):
    (folders / "other").mkdir()
    Image.new("L", (2, 2)).save(folders / "other" / "x.png")
    with pytest.raises(BadInput, match="No names agree between the 12 predictions and the 1 masks"):
        evaluate.match(folders / "pred", folders / "other")
    with pytest.raises(BadInput, match="is no folder: name the folder of predictions"):
        evaluate.match(folders / "none", folders / "gt")
    with pytest.raises(BadInput, match="no pictures that a model could predict from"):
        evaluate.match(None, folders / "gt")
    with pytest.raises(BadInput, match="folder of the pictures"):
        evaluate.match(folders / "pred", folders / "gt", images=folders / "none")
    with pytest.raises(BadInput, match="jobs is 0"):
        evaluate.evaluate((), LIGHT, jobs=0)


@pytest.fixture
def data(tmp_path, disc):
    """A data set of photos (im/) and masks (gt/), for the fake engine."""
    (tmp_path / "set" / "im").mkdir(parents=True)
    (tmp_path / "set" / "gt").mkdir()
    for index in range(4):
        pixels = np.roll(disc, 10 * index, axis=1)
        Image.fromarray(pixels).save(tmp_path / "set" / "im" / f"{index}.png")
        Image.fromarray((pixels[..., 0] > 100) * np.uint8(255)).save(
            tmp_path / "set" / "gt" / f"{index}.png"
        )
    return tmp_path / "set"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_model_is_measured_without_files(data, jobs):
    match = evaluate.match(None, data)
    assert match.note == "masks in gt, pictures in im"
    with kirie.load(engine="fake") as cutter:
        result = evaluate.evaluate(match.samples, LIGHT, predictor=cutter, jobs=jobs)
        again = [cutter.cut(sample.image).mask for sample in match.samples]
    measures = metrics.suite(LIGHT.names)
    for sample, mask in zip(match.samples, again, strict=True):
        with Image.open(sample.truth) as truth:
            measures.update(mask, np.asarray(truth))
    assert result.dataset == measures.compute()
    assert result.dataset["MAE"] < 0.1


def test_a_model_goes_on_too_and_names_what_it_cannot_read(data):
    (data / "im" / "2.png").write_bytes(b"no picture")
    match = evaluate.match(None, data)
    with kirie.load(engine="fake") as cutter:
        through = evaluate.evaluate(match.samples, LIGHT, predictor=cutter)
        options = {"predictor": cutter, "journal": data / "journal"}
        with pytest.raises(Stopped):
            evaluate.evaluate(match.samples, LIGHT, progress=stopping(3), **options)
        result = evaluate.evaluate(match.samples, LIGHT, **options)
    assert result.resumed.startswith("3 ")
    assert list(result.failed) == ["2"]
    assert written(result, match) == written(through, match)


def test_label_maps(tmp_path):
    draw = np.random.default_rng(0)
    measure = metrics.LabelMaps(5, ignore_index=9)
    for kind in ("pred", "gt"):
        (tmp_path / kind).mkdir()
    for index in range(3):
        truth = draw.integers(0, 5, (20, 22), dtype=np.uint8)
        found = np.where(draw.random(truth.shape) < 0.7, truth, 1).astype(np.uint8)
        truth[:2] = 9
        Image.fromarray(found).save(tmp_path / "pred" / f"{index}.png")
        Image.fromarray(truth).save(tmp_path / "gt" / f"{index}.png")
        measure.update(found, truth)
    plan = evaluate.Labels(5, ignore_index=9)
    match = matched(tmp_path)
    with pytest.raises(Stopped):
        evaluate.evaluate(match.samples, plan, journal=tmp_path / "j", progress=stopping(2))
    result = evaluate.evaluate(match.samples, plan, journal=tmp_path / "j", jobs=2)
    for name, value in measure.compute().items():
        np.testing.assert_equal(result.dataset[name], value)
    document = json.loads(written(result, match))
    assert document["dataset"]["mIoU"] == measure.compute()["mIoU"]
    assert len(document["per_image"]["1"]["IoU"]) == 5


def test_memory_does_not_grow(tmp_path):
    import tracemalloc

    Image.fromarray(pair(3, 20)[0]).save(tmp_path / "p.png")
    Image.fromarray(pair(3, 20)[1]).save(tmp_path / "g.png")
    samples = [
        evaluate.Sample(f"{index:05}", tmp_path / "p.png", tmp_path / "g.png", None)
        for index in range(300)
    ]
    peaks = []
    for count in (30, 300):
        tracemalloc.start()
        evaluate.evaluate(samples[:count], evaluate.Measures(("MAE", "Em")))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 270 * 1000  # less than a kilobyte a picture: its row of numbers
