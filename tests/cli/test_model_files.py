"""`kirie models inspect` and `kirie models convert`."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx to write files")
import kirie  # noqa: E402
from kirie.cli import main  # noqa: E402
from onnxmodels import brightness, constant, model, outside, save  # noqa: E402

MINI = Path(kirie.__file__).parent / "assets" / "kirie-mini.onnx"
DESIGNED = {
    *("family", "backbone", "options", "inferred", "assumed", "parameters", "input", "licence"),
    *("file", "format", "bytes", "sha256", "card", "notes"),
}


def run(capsys, *arguments):
    code = main(["models", *map(str, arguments)])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


@pytest.fixture
def checkpoint(tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from kirie import nn

    torch.manual_seed(0)
    path = tmp_path / "own.pth"
    torch.save({"state_dict": nn.build("u2netp").state_dict(), "epoch": 7}, path)
    return path


# --- inspect ---------------------------------------------------------------------------------------------------------


def test_inspect_an_onnx_file(capsys):
    code, out, _ = run(capsys, "inspect", MINI, "--json")
    facts = json.loads(out)
    assert code == 0
    assert set(facts) >= DESIGNED
    assert facts["family"] == "mini"
    assert facts["licence"] == "Apache-2.0"
    assert facts["sha256"] == hashlib.sha256(MINI.read_bytes()).hexdigest()
    assert facts["bytes"] == MINI.stat().st_size
    assert facts["input"] == "image: N×3×288×288 float32"
    assert facts["options"]["head"] == 16
    assert facts["opsets"] == {"ai.onnx": 17}
    assert facts["external"] == []
    code, out, _ = run(capsys, "inspect", MINI)
    assert code == 0
    assert "kirie-mini" in out
    assert "2,153,892" in out


def test_inspect_loads_nothing_heavy():
    script = (
        "import sys; from kirie.cli import main\n"
        f"assert main(['models', 'inspect', {str(MINI)!r}]) == 0\n"
        "print([m for m in ('torch', 'onnx', 'onnxruntime', 'numpy', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_inspect_a_foreign_onnx_file(tmp_path, capsys):
    made = brightness(end=["Sigmoid"], size=(64, 64))
    made.producer_name = "evil\x1b[31m"
    path = save(made, tmp_path / "n.onnx")
    facts = json.loads(run(capsys, "inspect", path, "--json")[1])
    assert facts["card"] is facts["family"] is facts["licence"] is None
    assert facts["outputs"] == ["e1: N×1×64×64 float32, probabilities"]
    assert facts["operators"] == {"Conv": 1, "Sigmoid": 1}
    assert facts["parameters"] == 4
    code, out, _ = run(capsys, "inspect", path)
    assert code == 0
    assert "\x1b" not in out


def test_inspect_weights_beside_the_file(tmp_path, capsys):
    (tmp_path / "w.bin").write_bytes(bytes(12))
    weights = [outside("w", (1, 3, 1, 1), "w.bin"), constant("b", [0])]
    path = save(model([("Conv", ["x", "w", "b"], ["y"], {})], weights), tmp_path / "n.onnx")
    facts = json.loads(run(capsys, "inspect", path, "--json")[1])
    assert facts["external"] == ["w.bin"]
    assert facts["bytes"] == path.stat().st_size + 12
    (tmp_path / "w.bin").unlink()
    code, out, err = run(capsys, "inspect", path, "--json")
    assert (code, out) == (2, "")
    assert "not beside it" in err


@pytest.mark.torch
def test_inspect_a_checkpoint(checkpoint, capsys):
    code, out, _ = run(capsys, "inspect", checkpoint, "--json")
    facts = json.loads(out)
    assert code == 0
    assert set(facts) == DESIGNED
    assert facts["family"] == "u2net"
    assert facts["options"] == {"architecture": "u2netp", "classes": 1, "channels": 3}
    assert facts["inferred"]["from"] == "names and shapes"
    assert facts["parameters"] == 1_131_181
    assert facts["card"] is facts["licence"] is None
    assert any("state_dict" in note for note in facts["notes"])
    assert "u2netp" in run(capsys, "inspect", checkpoint)[1]


class Payload:
    """Would write a file, if it were unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["payload", "short", "text", "unknown", "missing"])
def test_inspect_and_convert_explain_what_is_no_network(tmp_path, capsys, checkpoint, *, kind):
    import torch

    whole, target = checkpoint.read_bytes(), tmp_path / "run"
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    if kind == "payload":
        torch.save({**state, "x": Payload(target)}, checkpoint)
    elif kind == "unknown":
        torch.save({"a.weight": torch.zeros(3)}, checkpoint)
    elif kind == "missing":
        del state[next(iter(state))]
        torch.save(state, checkpoint)
    else:
        checkpoint.write_bytes(whole[:-1000] if kind == "short" else b"weights, honestly")
    word = {
        "payload": "runs no code",
        "short": "cut short",
        "text": "is text",
        "unknown": "no network that kirie knows",
        "missing": "1 missing",
    }[kind]
    out = tmp_path / "out.safetensors"
    for command in (["inspect", checkpoint], ["convert", checkpoint, out, "--like", "u2netp"]):
        code, _, err = run(capsys, *command)
        assert code == 2
        assert err.count("\n") == 1
        assert word in err
    assert not target.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.pth"]


# --- convert ---------------------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_convert_carries_the_card(checkpoint, disc_file, tmp_path, capsys, *, suffix):
    out = tmp_path / f"mine{suffix}"
    code, said, err = run(capsys, "convert", checkpoint, out, "--like", "u2netp")
    assert code == 0
    assert "1,131,181 parameters" in said
    assert "licence not stated" in said
    assert "taken from 'state_dict'" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "disc.png",
        f"mine{suffix}",
        "own.pth",
    ]
    with kirie.load(out) as new, kirie.load(checkpoint, like="u2netp") as old:
        assert new.card.name == out.name
        assert (new.card.preparation, new.card.readout) == (old.card.preparation, old.card.readout)
        have, want = (cutter.cut(disc_file).alpha for cutter in (new, old))
    assert abs(have - want).max() <= 1 / 255


@pytest.mark.torch
def test_convert_keeps_a_card_and_overwrites_only_when_told(checkpoint, tmp_path, capsys):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    assert run(capsys, "convert", checkpoint, first)[0] == 2
    assert not first.exists()
    assert run(capsys, "convert", checkpoint, first, "--like", "u2netp")[0] == 0
    assert run(capsys, "convert", first, second, "--half")[0] == 0
    assert second.stat().st_size < 0.6 * first.stat().st_size
    with kirie.load(second) as cutter:
        assert cutter.card.name == "a.safetensors"
    before = second.read_bytes()
    for arguments, words in (
        ([first, second], "is there already"),
        ([first, first, "--force"], "is the file itself"),
        ([first, tmp_path, "--force"], "must end in"),
        ([first, tmp_path / "x.pth"], "must end in"),
        ([first, tmp_path / "none" / "x.safetensors"], "cannot be written"),
        ([first, second, "--force", "--like", "u2netp"], "leave `like` out"),
        ([MINI, tmp_path / "x.safetensors"], "is an .onnx already"),
    ):
        code, _, err = run(capsys, "convert", *arguments)
        assert code == 2
        assert words in err
        assert second.read_bytes() == before
    assert run(capsys, "convert", first, second, "--force")[0] == 0
    assert second.read_bytes() != before
