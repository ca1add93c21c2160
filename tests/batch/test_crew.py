"""Worker processes: the same results as threads, whatever happens to a worker, and none that outlives its run."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import kirie
from batch_tools import tree
from kirie import _threads
from kirie.batch import crew, runner
from kirie.batch.crew import Crew, crew_size
from kirie.batch.journal import NAME
from kirie.batch.making import Settings
from kirie.batch.plan import plan
from kirie.cli import main
from kirie.errors import BadInput, OutOfMemory
from kirie.options import CutOptions

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def two_cores(monkeypatch):
    """Two cores, whatever the machine has, and a list of the crews that were called together."""
    monkeypatch.setattr("kirie._machine.cores", lambda: 2)
    called = []

    class Counted(Crew):
        def __init__(self, *arguments):
            called.append(self)
            super().__init__(*arguments)

    monkeypatch.setattr(runner, "Crew", Counted)
    return called


@pytest.fixture(scope="module")
def cutter():
    with kirie.load(calls=2) as cutter:
        yield cutter


@pytest.fixture
def jobs(folder, tmp_path):
    return plan([str(folder)], str(tmp_path / "out"), made="cutout", suffix=None)


@pytest.fixture
def small_crew(cutter):
    with Crew(cutter, CutOptions().resolved(), Settings(), 2) as found:
        yield found


def without_time(path):
    return [json.loads(line) | {"timings": {}} for line in path.read_text("utf-8").splitlines()]


def test_as_by_threads(folder, tmp_path, two_cores, monkeypatch, capfd):
    cut = ["cut", str(folder), "--quiet", "--background", "white"]
    assert main([*cut, "-o", str(tmp_path / "a"), "--report", str(tmp_path / "a.jsonl")]) == 1
    assert len(two_cores) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "broken.jpg" in said.err
    monkeypatch.setattr(runner, "crew_size", lambda *_: 0)
    assert main([*cut, "-o", str(tmp_path / "b"), "--report", str(tmp_path / "b.jsonl")]) == 1
    assert len(two_cores) == 1
    one, other = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert len(one) == 25
    assert one == other
    reports = [without_time(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]
    for line in reports[1]:
        line["output"] = line["output"] and line["output"].replace("/b/", "/a/", 1)
    assert reports[0] == reports[1]
    assert len(reports[0]) == 25


def test_a_second_run_and_an_archive(folder, tmp_path, two_cores):
    cut = ["cut", str(folder), "--quiet", "-o"]
    assert main([*cut, str(tmp_path / "a")]) == 1
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "a").rglob("*.png")}
    report = tmp_path / "r.jsonl"
    assert main([*cut, str(tmp_path / "a"), "--report", str(report)]) == 1
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "a").rglob("*.png")}
    assert sum(line["skipped"] or False for line in without_time(report)) == 24
    for _ in range(2):  # made, and then taken from what is there
        assert main([*cut, str(tmp_path / "a.zip"), "--report", str(report)]) == 1
    assert sum(line["skipped"] or False for line in without_time(report)) == 24
    assert len(two_cores) == 4


def test_when_there_is_a_crew(cutter):
    assert crew_size(cutter, 100) == 2
    assert crew_size(cutter, 2 * crew.WORTH - 1) == 0
    with kirie.load(engine="fake", calls=2) as fake:
        assert crew_size(fake, 100) == 0
    with kirie.load(calls=1) as one:
        assert crew_size(one, 100) == 0


def test_little_memory_means_fewer_workers(cutter, monkeypatch):
    monkeypatch.setattr(crew, "free_memory", lambda: 2 * crew.ITSELF)
    assert crew_size(cutter, 100) == 0


def test_a_worker_that_was_killed_is_replaced(small_crew, jobs):
    for worker in (small_crew._idle.get(), small_crew._idle.get()):
        worker._process.kill()
        worker._process.wait()
        small_crew._idle.put(worker)
    for job in jobs[:3]:
        assert small_crew.make(job, None).facts["size"] == [48, 64]
        assert job.target.is_file()


def test_what_kills_workers_fails_alone(small_crew, jobs, monkeypatch):
    ask = crew._Worker.ask

    def killing(worker, question):
        if question.job == jobs[0]:
            worker._process.kill()
        return ask(worker, question)

    monkeypatch.setattr(crew._Worker, "ask", killing)
    with pytest.raises(OutOfMemory, match=r"000\.png: There is not enough memory"):
        small_crew.make(jobs[0], None)
    assert small_crew.make(jobs[1], None).facts["skipped"] is False


def test_a_crash_is_blamed_on_the_file(jobs):
    error = crew._death(jobs[0], -signal.SIGSEGV)
    assert isinstance(error, BadInput)
    assert str(error).endswith("get a fresh copy of it.")


def test_what_does_not_fit_beside_others_is_cut_by_itself(cutter, jobs, monkeypatch):
    monkeypatch.setattr(crew, "ITSELF", 1 << 60)
    questions = []
    ask = crew._Worker.ask

    def noted(worker, question):
        questions.append(question.by_itself)
        return ask(worker, question)

    monkeypatch.setattr(crew._Worker, "ask", noted)
    with Crew(cutter, CutOptions().resolved(), Settings(), 2) as found:
        assert found.make(jobs[0], None).facts["output"] == str(jobs[0].target)
    assert questions == [False, True]


def started(folder, out):
    """A run of many pictures in a process of its own, once it has workers and results."""
    command = "import kirie._machine as m; m.cores = lambda: 2; import sys; from kirie.cli import main; sys.exit(main(sys.argv[1:]))"

    files = sorted(str(p) for p in folder.rglob("*.png"))
    (folder.parent / "list").write_text("\n".join(files))
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            command,
            "cut",
            "--list",
            str(folder.parent / "list"),
            "-o",
            str(out),
        ],
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    journal = out / NAME
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n")):
        time.sleep(0.01)
    return process


def children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
        except (OSError, IndexError):
            continue
    return found


def alive(pid):
    """Whether a process is there, and not merely waiting for its end to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@LINUX
def test_workers_end_with_a_run_that_is_killed(folder, tmp_path):
    process = started(folder, tmp_path / "out")
    workers = children(process.pid)
    process.kill()
    process.communicate()
    assert len(workers) == 2
    until = time.monotonic() + 20
    while any(map(alive, workers)):
        assert time.monotonic() < until, "a worker has outlived its run"
        time.sleep(0.01)


@LINUX
def test_interrupting_the_whole_group(folder, tmp_path):
    """As Ctrl-C does, at any time: what has begun is finished, and no worker says a word."""
    process = started(folder, tmp_path / "out")
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode in (0, 130)  # all may have been done by then
    assert "Traceback" not in said
    assert not list((tmp_path / "out").rglob("*.part"))
    results = {name for name in tree(tmp_path / "out") if name != NAME}
    noted = {
        json.loads(line)["result"] for line in (tmp_path / "out" / NAME).read_text().splitlines()
    }
    assert results == noted


def test_parts_are_done_in_this_thread_where_it_works_alone():
    def name(_):
        return threading.current_thread().name

    own = threading.current_thread().name
    with _threads.alone(), _threads.Helpers(4) as helpers:
        assert helpers.map(name, range(3)) == [own] * 3
    with _threads.Helpers(4) as helpers:
        assert helpers.map(str, range(3)) == ["0", "1", "2"]


def test_an_error_in_a_part_is_raised():
    def fail(_):
        raise BadInput("no")

    with pytest.raises(BadInput), _threads.Helpers() as helpers:
        helpers.map(fail, range(2))
