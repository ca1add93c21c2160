"""`kirie eval` as users call it."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import golden
from kirie.cli import main
from scenes import pair

LIGHT = ("--metrics", "MAE,Sm,Fm,Em")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """pred/ and gt/ of five pairs, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for kind in ("pred", "gt"):
        (tmp_path / kind).mkdir()
    for seed in (3, 4, 7, 11, 12):
        for kind, plane in zip(("pred", "gt"), pair(seed, 40), strict=True):
            Image.fromarray(plane).save(tmp_path / kind / f"p{seed}.png")
    return tmp_path


def test_everything_at_once(data, capsys):
    options = "--json out/a.json --csv b.csv --latex c.tex --markdown d.md --report e.html --curves f --worst g.png"
    assert main(["eval", "pred", "gt", *LIGHT, *options.split(), "--jobs", "1"]) == 0
    assert "S ↑" in capsys.readouterr().out
    made = {path.name for path in data.rglob("*") if path.is_file()} - {
        f"p{s}.png" for s in (3, 4, 7, 11, 12)
    }
    curves = {f"{name}.{kind}" for name in ("pr", "f", "e") for kind in ("png", "svg")}
    assert made == {"a.json", "b.csv", "c.tex", "d.md", "e.html", "g.png"} | curves
    document = json.loads((data / "out" / "a.json").read_text("utf-8"))
    assert list(document["per_image"]) == ["p11", "p12", "p3", "p4", "p7"]


def test_usual_is_the_default(data, capsys):
    pytest.importorskip("numba")
    assert main(["eval", "pred", "gt", "--quiet", "--json", "a.json"]) == 0
    assert capsys.readouterr() == ("", "")
    names = json.loads((data / "a.json").read_text("utf-8"))["dataset"]
    assert {"Sm", "wFm", "MAE", "HCE", "Fm_max", "Em_mean"} <= names.keys()


def test_loops_that_cannot_be_kept_are_said(data, capsys, monkeypatch):
    pytest.importorskip("numba")
    from kirie.metrics import _compiled

    monkeypatch.setattr(_compiled, "unkept", ["a loop"])
    assert main(["eval", "pred", "gt", "--metrics", "wFm"]) == 0
    assert "set NUMBA_CACHE_DIR to a folder" in capsys.readouterr().err
    assert main(["eval", "pred", "gt", "--metrics", "MAE"]) == 0
    assert "NUMBA_CACHE_DIR" not in capsys.readouterr().err


def test_several_predictions_and_what_is_odd(data, capsys):
    (data / "pred").rename("one")
    (data / "two").mkdir()
    for name in ("p3", "p4", "p7", "p11"):
        (data / "two" / f"{name}.png").write_bytes((data / "gt" / f"{name}.png").read_bytes())
    (data / "two" / "p4.png").write_bytes(b"broken")
    (data / "two" / "more.png").write_bytes((data / "gt" / "p3.png").read_bytes())
    assert main(["eval", "one", "two", "gt", *LIGHT, "--worst", "w.png", "--by", "MAE"]) == 1
    said = capsys.readouterr()
    assert "two: 1 masks have no predictions: p12" in said.err
    assert "two: 1 predictions have no mask: more" in said.err
    assert "note: two: two/p4.png is" in said.err
    assert said.out.split()[:2] == ["one", "two"]
    assert {"w.png", "w-2.png"} <= {path.name for path in data.iterdir()}


def test_names_as_short_as_they_can_be_told_apart(data):
    for run in ("a", "b"):
        (data / run).mkdir()
        (data / run / "pred").symlink_to(data / "pred")
    assert main(["eval", "a/pred", "b/pred", "gt", "--quiet", *LIGHT, "--json", "out.json"]) == 0
    assert list(json.loads((data / "out.json").read_text("utf-8"))["predictions"]) == [
        "a/pred",
        "b/pred",
    ]


@pytest.fixture
def photos(tmp_path, monkeypatch, disc):
    """set/ of three photos (im/) and true masks (gt/); the fake engine finds the disc."""
    monkeypatch.chdir(tmp_path)
    for kind in ("im", "gt"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for index in range(3):
        pixels = np.roll(disc, 9 * index, axis=0)
        truth = (pixels[..., 0] > 99) * np.uint8(255)
        Image.fromarray(pixels).save(tmp_path / "set" / "im" / f"{index}.png")
        Image.fromarray(truth).save(tmp_path / "set" / "gt" / f"{index}.png")
    return tmp_path


def test_a_model(photos, capsys):
    words = (
        "--model kirie-mini --data set --engine fake --json a.json --report r.html --worst w.png"
    )
    assert main(["eval", *LIGHT, *words.split()]) == 0
    said = capsys.readouterr().err
    assert "masks in gt, pictures in im" in said
    assert "kirie-mini (Apache-2.0), fake on cpu" in said
    document = json.loads((photos / "a.json").read_text("utf-8"))
    assert document["dataset"]["MAE"] < 0.1
    assert (photos / "r.html").read_text("utf-8").count("data:image/webp") == 12
    assert sorted(path.name for path in photos.iterdir()) == ["a.json", "r.html", "set", "w.png"]


def test_a_model_that_names_things(photos):
    for path in (photos / "set" / "gt").iterdir():
        with Image.open(path) as truth:
            labels = np.asarray(truth) // 255  # the disc is the fake engine's class 1
        Image.fromarray(labels).save(path)
    words = (
        "--semantic --model segformer-b0-ade --data set --engine fake --json a.json --report r.html"
    )
    assert main(["eval", *words.split(), "--num-classes", "150", "--quiet"]) == 0
    document = json.loads((photos / "a.json").read_text("utf-8"))
    assert document["dataset"]["mIoU"] > 0.95
    assert document["dataset"]["IoU"][2] is None
    assert "data:image" not in (photos / "r.html").read_text("utf-8")


def test_label_maps(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for kind, value in (("pred", 1), ("gt", 2)):
        (tmp_path / kind).mkdir()
        plane = np.zeros((4, 4), np.uint8)
        plane[:2] = value
        plane[3] = 255
        Image.fromarray(plane).save(tmp_path / kind / "a.png")
    assert main(["eval", "pred", "gt", "--semantic", "--json", "a.json", "--num-classes", "3"]) == 0
    document = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert document["dataset"]["aAcc"] == pytest.approx(4 / 12)
    assert document["dataset"]["IoU"] == [1.0, 0.0, 0.0]
    assert "mIoU" in capsys.readouterr().out
    assert (
        main(
            [
                "eval",
                "pred",
                "gt",
                "--semantic",
                "--quiet",
                "--reduce-zero-label",
                "--json",
                "b.json",
            ]
        )
        == 0
    )
    assert json.loads((tmp_path / "b.json").read_text("utf-8"))["dataset"]["aAcc"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Give folders of predictions"),
        ("pred", "Give folders of predictions"),
        ("pred none", "none is no folder"),
        ("none gt", "none is no folder"),
        ("pred gt --metrics nothing", "no measure 'nothing'. Did you mean"),
        ("pred gt --json pred", "--json needs the name of a file"),
        ("pred gt --by nothing --worst w.png", "--by nothing: there is"),
        ("pred pred gt", "given twice"),
        ("pred gt --jobs 0", "--jobs is 0"),
        ("pred gt --semantic --worst w.png", "--curves and --worst are for masks"),
        ("--model nobody --data gt", "no pictures that a model could predict from"),
    ],
)
def test_wrong_usage(data, capsys, words, said):
    options = () if "--metrics" in words or "--semantic" in words else LIGHT
    assert main(["eval", *words.split(), *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_the_published_values(tmp_path, monkeypatch):
    pytest.importorskip("numba")
    folder = golden.root() / "metrics"
    if not (folder / "expected.json").is_file():
        pytest.skip(f"metrics/expected.json is not in {golden.root()}: set KIRIE_GOLDEN to it")
    monkeypatch.chdir(tmp_path)
    words = [str(folder / "pairs" / "pred"), str(folder / "pairs" / "gt"), "--metrics", "all"]
    assert main(["eval", *words, "--json", "out.json", "--quiet", "--jobs", "1"]) == 0
    have = json.loads((tmp_path / "out.json").read_text("utf-8"))
    want = json.loads((folder / "expected.json").read_text("utf-8"))

    def check(ours, theirs):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            if value == "nan":
                assert ours[name] is None, name
            else:
                assert ours[name] == pytest.approx(value, abs=1e-9), name

    for part in ("dataset", "dataset_regular"):
        check(have[part], want[part])
    assert have["regular_names"] == want["regular_names"]
    assert have["per_image"].keys() == want["per_image"].keys()
    for name, row in want["per_image"].items():
        check(have["per_image"][name], row)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_and_started_again(data, how):
    for index in range(400):
        for kind in ("pred", "gt"):
            (data / kind / f"n{index:03}.png").write_bytes((data / kind / "p7.png").read_bytes())
    words = [sys.executable, "-m", "kirie", "eval", "pred", "gt", *LIGHT, "--jobs", "1", "--quiet"]
    subprocess.run([*words, "--json", "through.json"], check=True)
    slow = (
        "import signal, time; from kirie import _journal, _measuring\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # shells take it from background jobs\n"
        "_journal.EVERY = 0.05\n"
        "look = _measuring.finish\n"
        "_measuring.finish = lambda *given: (time.sleep(0.01), look(*given))[1]\n"
        "from kirie.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen([sys.executable, "-c", slow, *words[3:], "--json", "out.json"])
    journal = data / ".out.json.resume-0" / "state.json"
    for _ in range(3000):
        if journal.is_file():
            break
        time.sleep(0.01)
    process.send_signal(how)
    code = process.wait(60)
    assert code == (130 if how == signal.SIGINT else -signal.SIGKILL)
    again = subprocess.run(
        [word for word in words if word != "--quiet"] + ["--json", "out.json"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "taken over from an interrupted run" in again.stderr
    assert (data / "out.json").read_bytes() == (data / "through.json").read_bytes()
    assert not journal.parent.exists()
