import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import published
from kirie import zoo
from kirie.cli import main
from kirie.weights import locate

EMBEDDED = locate(zoo.get("kirie-mini"), (".onnx",)).path


@pytest.fixture
def served(site, monkeypatch):
    """A zoo of kirie-mini and two models on the loopback server: the same network, free and not."""
    data = EMBEDDED.read_bytes()
    mini = zoo.get("kirie-mini")
    row = published.card(site.put("/net.onnx", data), data).weights
    free = replace(mini, name="served", weights=row, aliases=("served_alias",))
    bound = replace(free, name="bound", licence="by-nc", commercial=False, aliases=())
    by_hand = replace(row[0], url="https://drive.invalid/x", by_hand=True, hash="", size=None)
    hand = replace(free, name="hand", weights=(by_hand,), aliases=())
    monkeypatch.setattr(zoo, "MODELS", (mini, free, bound, hand))
    return site


def models(*arguments):
    return main(["models", *map(str, arguments)])


def test_list_fits_eighty_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert models("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert lines[0].split() == ["name", "for", "what", "size", "licence", "commercial", "here"]
    firsts = [line.split()[0] for line in lines if line.strip()]
    for name in zoo.names():
        assert name in firsts  # whole, so that it can be copied


def test_list_loads_nothing_heavy():
    script = (
        "import sys; from kirie.cli import main\n"
        "main(['models', 'list'])\n"
        "print([m for m in ('torch', 'numpy', 'onnxruntime', 'requests') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_list_says_what_is_here(served, capsys, home):
    assert models("pull", "served") == 0
    part = home / "models" / "bound" / "net.onnx.part"
    part.parent.mkdir()
    part.write_bytes(b"x")
    capsys.readouterr()
    assert models() == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    ends = {row[0]: row[-1] for row in rows if row}
    assert {name: ends[name] for name in ("kirie-mini", "served", "bound", "hand")} == {
        "kirie-mini": "in",
        "served": "yes",
        "bound": "partly",
        "hand": "hand",
    }
    assert models("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [card["here"] for card in listed] == [True, True, False, False]
    assert listed[1]["weights"][0]["state"] == "here"


def test_show(served, capsys):
    assert models("show", "served_alias") == 0
    said = capsys.readouterr().out
    for part in (
        "served or served_alias",
        "288×288",
        "allowed",
        "not on this computer",
        "/net.onnx",
    ):
        assert part in said
    assert models("show", "hand") == 0
    assert "kirie models add hand FILE" in capsys.readouterr().out
    assert models("show", "bound", "--json") == 0
    assert json.loads(capsys.readouterr().out)["commercial"] is False
    assert models("show", "nothing") == 2
    assert "Unknown model" in capsys.readouterr().err


def test_pull_fetches_once_and_says_so(served, capsys):
    assert models("pull", "served") == 0
    said = capsys.readouterr()
    assert "fetching net.onnx (4.3 MB) from 127.0.0.1" in said.err
    assert "is here and checked. Licence: Apache-2.0; commercial use: allowed." in said.out
    assert models("pull", "served", "kirie-mini", "--offline") == 0
    assert len(served.requests) == 1


def test_pull_names_each_failure_and_does_the_rest(served, capsys):
    assert models("pull", "bound", "hand", "served") == 1
    said = capsys.readouterr()
    assert said.err.count("failed:") == 2
    assert "--accept-licence bound" in said.err
    assert "https://drive.invalid/x" in said.err
    assert "kirie models add hand FILE" in said.err
    assert said.out.startswith("served:")
    assert models("pull", "bound", "--accept-licence", "bound") == 0
    assert models("pull", "nothing") == 2
    assert models("pull", "served", "--engine", "tpu") == 2
    assert models("pull", "served", "--engine", "pytorch") == 1
    served.files.clear()
    assert models("remove", "served") == 0
    assert models("pull", "served") == 1
    assert "404" in capsys.readouterr().err


def test_add(served, capsys, tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(EMBEDDED.read_bytes())
    assert models("add", "hand", path) == 0
    assert "from now on it must be sha256:" in capsys.readouterr().out
    assert models("add", "served", path) == 0
    assert "the hash is right" in capsys.readouterr().out
    assert models("add", "bound", path) == 1
    assert models("add", "bound", path, "--accept-licence", "bound") == 0
    assert models("add", "served", tmp_path / "gone.onnx") == 1
    assert models("verify", "hand", "served", "bound") == 0
    assert served.requests == []


def test_remove_and_verify(served, capsys, home):
    assert models("remove", "served") == 0
    assert "nothing was here" in capsys.readouterr().out
    assert models("verify", "served") == 1
    assert "kirie models pull served" in capsys.readouterr().err
    models("pull", "served")
    assert models("verify") == 0
    assert "served: net.onnx is right." in capsys.readouterr().out
    path = home / "models" / "served" / "net.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert models("verify") == 1
    assert models("verify", "kirie-mini") == 0
    assert "has the hash" in capsys.readouterr().err
    assert models("remove", "served", "kirie-mini") == 0
    said = capsys.readouterr().out
    assert "served: removed, 4.3 MB are free again." in said
    assert "stays" in said
    assert not path.parent.exists()


def test_cut_fetches_at_first_use_and_works_offline_then(served, disc_file, capsys):
    assert main(["cut", str(disc_file), "-m", "served", "--offline"]) == 2
    assert "kirie models pull served" in capsys.readouterr().err
    assert main(["cut", str(disc_file), "-m", "served"]) == 0
    assert "fetching net.onnx" in capsys.readouterr().err
    assert main(["cut", str(disc_file), "-m", "served", "--offline", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert len(served.requests) == 1
    assert main(["cut", str(disc_file), "-m", "bound"]) == 2
    assert main(["cut", str(disc_file), "-m", "bound", "--accept-licence", "bound"]) == 0


def test_a_wrong_device_fetches_nothing(served, disc_file):
    assert main(["cut", str(disc_file), "-m", "served", "--device", "gpu"]) == 2
    assert served.requests == []


def test_a_bar_on_a_terminal(served, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    assert models("pull", "served") == 0
    said = capsys.readouterr().err
    assert "fetching net.onnx" in said
    assert "4.3" in said.rpartition("fetching")[2]
    assert "MB" in said


def test_doctor_knows_the_home(served, capsys, monkeypatch, home):
    models("pull", "served")
    monkeypatch.setenv("KIRIE_MIRROR", "https://mirror.invalid/x")
    monkeypatch.setenv("KIRIE_OFFLINE", "1")
    capsys.readouterr()
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for part in (f"1 fetched files, 4 MB, in {home}", "KIRIE_OFFLINE", "https://mirror.invalid/x"):
        assert part in said
    Path(home.parent / "file").touch()
    monkeypatch.setenv("KIRIE_HOME", str(home.parent / "file" / "home"))
    assert main(["doctor"]) == 0
    assert "no more can be stored" in capsys.readouterr().out
