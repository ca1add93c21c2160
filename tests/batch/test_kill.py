"""A run that is killed and started again ends with the tree of one that was not, and redoes nothing finished."""

import json
import shutil
import signal
import time

import pytest

from batch_tools import SLOW, begun, kirie, tree

KILLED = -signal.SIGKILL
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def counted(target, count, before="", after=""):
    """A script that dies at the count-th call of a function: before it, or after it."""
    module, name = target.rsplit(".", 1)
    return f"""
import importlib
place = {module!r}.split(":")
holder = importlib.import_module(place[0])
for part in place[1].split(".") if place[1:] else ():
    holder = getattr(holder, part)
import itertools
real, calls = getattr(holder, {name!r}), itertools.count(1)
def patched(*arguments, **how):
    number = next(calls)
    if number == {count}:
        {before or "pass"}
    result = real(*arguments, **how)
    if number == {count}:
        {after or "pass"}
    return result
setattr(holder, {name!r}, patched)
"""


POINTS = {
    "a temporary file is left": counted("pathlib:Path.replace", 5, before=KILL),
    "written, not noted": counted("kirie.batch.journal:Journal.add", 4, before=KILL),
    "half a line is noted": counted(
        "kirie.batch.journal:os.write", 6, before=f"real(arguments[0], arguments[1][:20]); {KILL}"
    ),
    "noted, not moved": counted("kirie.batch.moving.move", 3, before=KILL),
    "linked, not unlinked": counted("kirie.batch.moving:os.link", 3, after=KILL),
    "copied, not unlinked": "def no(*a, **k): raise OSError(18, 'another disk')\nos.link = no\n"
    + counted("kirie.batch.moving._copy", 3, after=KILL),
    "half copied, not moved": "def no(*a, **k): raise OSError(18, 'another disk')\nos.link = no\n"
    + counted(
        "kirie.batch.moving:shutil.copy2",
        3,
        before=f"open(arguments[1], 'wb').write(b'half'); {KILL}",
    ),
    "the journal is being sorted": counted("kirie.batch.journal.write_atomic", 1, before=KILL),
    "everything is done": counted("kirie.batch.journal.write_atomic", 1, after=KILL),
}


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """What a run makes that nothing disturbs: the tree, and as an archive."""
    out = tmp_path_factory.mktemp("whole")
    kirie(folder, "-o", out / "tree")
    kirie(folder, "-o", out / "tree.zip")
    return out


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point, folder, whole, tmp_path):
    expected = tree(whole / "tree")
    assert len(expected) == 25  # with the journal
    folder = shutil.copytree(folder, tmp_path / "in")
    inputs = tree(folder)
    out, done = tmp_path / "out", tmp_path / "done"
    moving = ("--move-done", done) if "unlinked" in point or "moved" in point else ()
    kirie(folder, "-o", out, *moving, script=POINTS[point], code=KILLED)
    known = [line for line in (out / ".kirie-journal.jsonl").read_bytes().splitlines() if line]
    noted = [json.loads(line)["result"] for line in known if line.endswith(b"}")]
    stamps = {name: (out / name).stat().st_mtime_ns for name in noted}
    kirie(folder, "-o", out, *moving)
    assert tree(out) == expected
    assert {name: (out / name).stat().st_mtime_ns for name in noted} == stamps
    if moving:
        assert tree(folder) == {"a/broken.jpg": inputs.pop("a/broken.jpg")}
        assert tree(done) == inputs
    else:
        assert tree(folder) == inputs


@pytest.mark.parametrize("count", [1, 24])
def test_an_archive_killed_while_it_is_made(folder, whole, tmp_path, count):
    out = tmp_path / "sub" / "out.zip"
    script = counted("kirie.batch.journal:Journal.add", count, after=KILL)
    kirie(folder, "-o", out, script=script, code=KILLED)
    assert not out.exists()
    packing = counted("kirie.batch.archive:zipfile.ZipFile.close", 1, before=KILL)
    kirie(folder, "-o", out, script=packing, code=KILLED)
    assert not out.exists()
    report = tmp_path / "report.jsonl"
    kirie(folder, "-o", out, "--report", report)
    assert out.read_bytes() == (whole / "tree.zip").read_bytes()
    assert [p.name for p in out.parent.iterdir()] == ["out.zip"]
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert sum(bool(line["skipped"]) for line in lines) == 24


def test_killed_from_outside_again_and_again(folder, whole, tmp_path):
    """At random moments, as often as it takes to get through."""
    out = tmp_path / "out"
    journal, enough = out / ".kirie-journal.jsonl", 0
    for _ in range(4):
        enough += 5
        process = begun(folder, "-o", out, "--quiet", script=SLOW.format(seconds=0.02))
        while process.poll() is None:
            lines = journal.read_bytes().count(b"\n") if journal.exists() else 0
            if lines >= enough:
                process.kill()
            time.sleep(0.005)
        process.wait()
    kirie(folder, "-o", out)
    assert tree(out) == tree(whole / "tree")
