"""Runs over folders: what is left alone, what is made again, what is said."""

import json
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

from batch_tools import SLOW, begun, tree
from kirie.batch.journal import NAME, Journal
from kirie.cli import main


def cut(*arguments):
    return main(["cut", *map(str, arguments), "--engine", "fake", "--quiet"])


@pytest.fixture
def some(folder, tmp_path):
    """Three of the pictures, to be changed at will."""
    for name in ("000.png", "a/001.png", "a/b ä/002.png"):
        target = tmp_path / "in" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, target)
    return tmp_path / "in"


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def stamps(out):
    return {p.name: p.stat().st_mtime_ns for p in out.rglob("*.png")}


def test_a_tree_is_mirrored_and_a_second_run_does_nothing(some, tmp_path):
    out, report = tmp_path / "out", tmp_path / "r.jsonl"
    assert cut(some, "-o", out, "--report", report) == 0
    assert set(tree(out)) == {NAME, "000.png", "a/001.png", "a/b ä/002.png"}
    made, first, before = stamps(out), lines(report), tree(out)
    assert cut(some, "-o", out, "--report", report) == 0
    assert (stamps(out), tree(out)) == (made, before)
    second = lines(report)
    assert [line["skipped"] for line in first + second] == [False] * 3 + [True] * 3
    for one, other in zip(first, second, strict=True):
        assert one | {"skipped": True, "timings": {}} == other


def test_what_has_changed_is_made_again_and_nothing_else(some, tmp_path):
    out = tmp_path / "out"
    assert cut(some, "-o", out) == 0
    first = stamps(out)
    shutil.copy(some / "000.png", some / "a" / "001.png")  # another content, another key
    (some / "000.png").touch()  # the same content
    (out / "a" / "b ä" / "002.png").write_bytes(b"half")  # no longer what was verified
    assert cut(some, "-o", out) == 0
    second = stamps(out)
    assert second["000.png"] == first["000.png"]
    assert second["001.png"] > first["001.png"]
    assert second["002.png"] > first["002.png"]
    with Image.open(out / "a" / "b ä" / "002.png") as image:
        image.load()


@pytest.mark.parametrize(
    "arguments",
    [["--feather", "3"], ["--model", "u2netp"], ["--force"], ["--background", "bg.png"]],
)
def test_other_options_make_other_results(some, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 9), "red").save("bg.png")
    base = ["--background", "bg.png"] if "bg.png" in arguments else []
    out = tmp_path / "out"
    assert cut(some, "-o", out, *base) == 0
    first = stamps(out)
    if base:
        Image.new("RGB", (9, 9), "blue").save("bg.png")  # the same name, another picture
    assert cut(some, "-o", out, *arguments) == 0
    assert all(stamps(out)[name] > first[name] for name in first)
    assert cut(some, "-o", out, "--max-pixels", "999999", *arguments) == 0


def test_a_limit_is_no_other_result(some, tmp_path):
    assert cut(some, "-o", tmp_path / "out") == 0
    first = stamps(tmp_path / "out")
    assert cut(some, "-o", tmp_path / "out", "--max-pixels", "999999") == 0
    assert stamps(tmp_path / "out") == first


def test_beside_the_inputs(some):
    assert cut(some) == 0
    assert {name for name in tree(some) if "cutout" in name} == {
        *("000-cutout.png", "a/001-cutout.png", "a/b ä/002-cutout.png"),
    }
    before = tree(some)
    assert cut(some) == 0
    assert tree(some) == before


def test_results_named_like_pictures_are_not_cut_again(some):
    assert cut(some, "--name", "cut of {stem}") == 0
    before = tree(some)
    assert len(before) == 7
    assert cut(some, "--name", "cut of {stem}") == 0
    assert tree(some) == before


def test_a_collision_starts_nothing(some, tmp_path, capsys):
    shutil.copy(some / "000.png", some / "000.bmp")
    assert cut(some, "-o", tmp_path / "out") == 2
    assert "nothing was started" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_failures_are_named_and_counted(folder, tmp_path, capsys):
    report = tmp_path / "r.jsonl"
    assert cut(folder, "-o", tmp_path / "out", "--report", report) == 1
    errors = [line for line in lines(report) if line["error"]]
    assert [line["input"][-10:] for line in errors] == ["broken.jpg"]
    assert "broken.jpg" in capsys.readouterr().err
    assert sum(line["empty"] is True for line in lines(report)) == 3


def test_fail_empty(some, tmp_path, capsys):
    assert cut(some, "-o", tmp_path / "out", "--fail-empty") == 0
    Image.new("RGB", (30, 20)).save(some / "black.png")
    assert cut(some, "-o", tmp_path / "out") == 0
    assert (
        main(["cut", str(some), "-o", str(tmp_path / "out"), "--fail-empty", "--engine", "fake"])
        == 1
    )
    assert "no subject" in capsys.readouterr().err


def test_a_dry_run_does_nothing(some, tmp_path, capsys):
    out = tmp_path / "out"
    assert cut(some, "-o", out, "--dry-run") == 0
    assert capsys.readouterr().out.count("to do") == 3
    assert not out.exists()
    assert cut(some, "-o", out) == 0
    before = tree(tmp_path)
    (some / "gone.png").symlink_to("nowhere.png")
    assert cut(some, some / "gone.png", "-o", out, "--dry-run") == 0
    said = capsys.readouterr().out
    assert (said.count("finished before"), said.count("failed")) == (3, 1)
    (some / "gone.png").unlink()
    assert tree(tmp_path) == before


def test_move_done(some, tmp_path):
    inputs, done = tree(some), tmp_path / "done"
    assert cut(some, "-o", tmp_path / "out", "--move-done", done) == 0
    assert tree(done) == inputs
    assert tree(some) == {}
    assert cut(done, "-o", tmp_path / "out") == 0  # found again, and finished


def test_move_done_overwrites_nothing(some, tmp_path, capsys):
    done = tmp_path / "done"
    (done / "a").mkdir(parents=True)
    (done / "a" / "001.png").write_bytes(b"somebody's")
    before = tree(some)
    assert cut(some, "-o", tmp_path / "out", "--move-done", done) == 2
    assert "nothing was started" in capsys.readouterr().err
    assert (tree(some), tree(done)) == (before, {"a/001.png": b"somebody's"})


def test_only_what_is_verified_moves(some, tmp_path):
    (some / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert cut(some, "-o", tmp_path / "out", "--move-done", tmp_path / "done") == 1
    assert set(tree(some)) == {"broken.png"}


def test_one_folder_takes_one_run(some, tmp_path, capsys):
    journal = Journal(tmp_path / "out")
    assert cut(some, "-o", tmp_path / "out") == 2
    assert "Another kirie" in capsys.readouterr().err
    journal.close()
    assert cut(some, "-o", tmp_path / "out") == 0


def test_a_damaged_journal_is_passed_over(some, tmp_path):
    out = tmp_path / "out"
    assert cut(some, "-o", out) == 0
    whole = tree(out)
    first = stamps(out)
    (out / NAME).write_bytes(b'\x00\xff{"result": 3}\n[]\n' + whole[NAME][:-40])
    assert cut(some, "-o", out) == 0
    assert tree(out) == whole
    assert sum(stamps(out)[name] == first[name] for name in first) == 2


def test_archives_in_and_out(some, tmp_path, capsys):
    assert cut(some, "-o", tmp_path / "tree") == 0
    source = shutil.make_archive(tmp_path / "photos", "zip", some)
    assert cut(source, "-o", tmp_path / "out") == 0
    trees = tree(tmp_path / "tree"), tree(tmp_path / "out")
    assert trees[0] == trees[1]
    assert cut(source) == 0
    again = tmp_path / "again"
    shutil.unpack_archive(tmp_path / "photos-cutout.zip", again)
    assert tree(again) == {name: data for name, data in trees[0].items() if name != NAME}
    packed = (tmp_path / "photos-cutout.zip").read_bytes()
    assert cut(source, "--json") == 0
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(line["skipped"] for line in facts)
    assert facts[0]["output"].endswith("photos-cutout.zip/000.png")
    assert (tmp_path / "photos-cutout.zip").read_bytes() == packed
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_an_archive_cannot_move(some, tmp_path, capsys):
    source = shutil.make_archive(tmp_path / "photos", "zip", some)
    assert cut(source, "--move-done", tmp_path / "done") == 2
    assert "cannot be moved" in capsys.readouterr().err


def test_lists(some, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("in/000.png\nin/a/001.png\n")
    assert cut("--list", "list.txt", "-o", "out") == 0
    assert set(tree("out")) == {NAME, "in/000.png", "in/a/001.png"}
    assert cut("--list", "gone.txt", "-o", "out") == 2
    assert cut("-o", "out") == 2


def test_ctrl_c_finishes_what_has_begun(folder, tmp_path):
    script = SLOW.format(seconds=0.2)
    process = begun(folder, "-o", tmp_path / "out", script=script, stderr=subprocess.PIPE)
    journal = tmp_path / "out" / NAME
    while not journal.exists() or journal.read_bytes().count(b"\n") < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert "finishing what has begun" in said
    assert "Traceback" not in said
    done = stamps(tmp_path / "out")
    assert 2 <= len(done) < 24
    assert len(journal.read_text().splitlines()) == len(done)
    assert not list(tmp_path.rglob("*.part"))
    assert cut(folder, "-o", tmp_path / "out") == 1
    after = stamps(tmp_path / "out")
    assert len(after) == 24
    assert all(after[name] == stamp for name, stamp in done.items())


def test_watch(folder, tmp_path):
    """What is there, what arrives in pieces, what is broken, and its own results."""
    inbox = tmp_path / "in"
    (inbox / "sub").mkdir(parents=True)
    shutil.copy(folder / "000.png", inbox / "first.png")
    out = inbox / "out"
    fast = "import kirie.cli.cut as c\nc.LOOKS = 0.05\n"
    process = begun(inbox, "-o", out, "--watch", script=fast, stderr=subprocess.PIPE)

    def wait_for(*names):
        end = time.monotonic() + 60
        while not all((out / name).exists() for name in names):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)

    try:
        wait_for("first.png")
        (inbox / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
        data = (folder / "000.png").read_bytes()
        with (inbox / "sub" / "slow.png").open("wb") as file:
            for start in range(0, len(data), 40):
                file.write(data[start : start + 40])
                file.flush()
                time.sleep(0.02)
        shutil.copy(folder / "a" / "001.png", inbox / "sub" / "later.png")
        wait_for("sub/slow.png", "sub/later.png")
        changed = (out / "first.png").stat().st_mtime_ns
        Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(inbox / "first.png")
        end = time.monotonic() + 60
        while (out / "first.png").stat().st_mtime_ns == changed:
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 1  # the broken one
    assert said.count("failed: ") == 1
    assert "Traceback" not in said
    assert set(tree(out)) == {NAME, "first.png", "sub/slow.png", "sub/later.png"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--watch", "x.png", "-o", "out"], "--watch needs folders"),
        (["in", "--name", "{nothing}", "-o", "out"], "{nothing}"),
        (["in", "--report", "gone/r.jsonl", "-o", "out"], "report"),
        (["-", "--list", "-", "-o", "out"], "Standard input can be read once"),
        (["in", "-o", "in/000.png/out"], "cannot be"),
        (["bad.zip", "-o", "out"], "not a ZIP archive"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(some, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(some.parent)
    (some.parent / "bad.zip").write_bytes(b"PK\x03\x04 and no more")
    assert main(["cut", *arguments, "--engine", "fake"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
