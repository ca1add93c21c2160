"""`kirie train` from the command line."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from kirie.cli import main

torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")
pytest.importorskip("accelerate")

pytestmark = pytest.mark.torch

QUICK = [
    *("--set", "size=32", "--set", "batch=4", "--set", "precision=fp32", "--set", "workers=1"),
    *("--device", "cpu", "--threads", "1"),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """images/ and masks/: twelve bright squares on dark grounds."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (root / name).mkdir()
    for i in range(12):
        mask = np.zeros((40, 48), np.uint8)
        top, left = rng.integers(4, 16, 2)
        mask[top : top + 18, left : left + 20] = 255
        image = rng.integers(0, 60, (40, 48, 3), np.uint8) + (mask[..., None] // 2)
        cv2.imwrite(str(root / "images" / f"{i}.png"), image)
        cv2.imwrite(str(root / "masks" / f"{i}.png"), mask)
    return root


def test_recipes_are_listed_and_shown(capsys):
    assert main(["train", "list"]) == 0
    listed = capsys.readouterr().out
    assert "u2netp " in listed
    assert "finetune " in listed
    assert main(["train", "show", "u2netp"]) == 0
    shown = capsys.readouterr().out
    assert "arXiv 2005.09007" in shown
    assert "\nlearning_rate=0.001\n" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["u2netpp", "--data", "x", "--out", "y"], "Did you mean 'u2netp'"),
        (["u2netp", "--data", "x"], "--out, a folder"),
        (["u2netp", "--out", "x"], "--data, the pictures"),
        (["u2netp", "photos"], "--data photos"),
        (["u2netp", "--data", "no-such-folder", "--out", "{out}"], "no-such-folder"),
        (["u2netp", "--data", "x", "--out", "{out}", "--set", "bach=1"], "'batch'"),
        (["u2netp", "--data", "x", "--out", "{out}", "--resume"], "without --resume"),
        (["finetune", "--data", "{photos}", "--out", "{out}"], "--init"),
        (["u2netp", "--data", "x", "--out", "{out}", "--ablate", "batch=1"], "two values"),
        (["show"], "Name one recipe"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(arguments, said, capsys, tmp_path, photos):
    filled = [a.format(out=tmp_path / "out", photos=photos) for a in arguments]
    assert main(["train", *filled]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err


def test_data_are_checked(photos, capsys):
    assert main(["train", "check", str(photos)]) == 0
    assert "12 pictures with a truth: no fault found" in capsys.readouterr().out


def test_fine_tuned_and_used(photos, tmp_path, capsys):
    out = tmp_path / "run"
    command = ["train", "finetune", "--init", "kirie-mini", "--data", f"{photos}:2"]
    assert (
        main([*command, "--val-split", "0.2", "--out", str(out), "--set", "epochs=1", *QUICK]) == 0
    )
    said = capsys.readouterr().out
    assert "held out" in said
    assert "best.safetensors" in said
    picture = photos / "images" / "0.png"
    cut = ["cut", str(picture), "-m", str(out / "best.safetensors"), "-o", str(tmp_path / "c.png")]
    assert main(cut) == 0
    assert (tmp_path / "c.png").is_file()


def test_ablations_make_a_table(photos, tmp_path, capsys):
    out = tmp_path / "runs"
    command = ["train", "finetune", "--init", "kirie-mini", "--data", str(photos)]
    command += ["--val-split", "0.2", "--out", str(out), "--set", "steps=1", *QUICK]
    command += ["--ablate", "learning_rate=0,1e-3", "--ablate", "average=0,0.5"]
    assert main(command) == 0
    lines = (out / "table.md").read_text().splitlines()
    assert lines[0].startswith("| learning_rate | average | iou_bin | ")
    assert len(lines) == 6
    assert len(json.loads((out / "table.json").read_text())) == 4
    (out / "learning_rate=0+average=0" / "result.json").unlink()
    before = (out / "learning_rate=1e-3+average=0.5" / "history.jsonl").read_bytes()
    assert main([*command, "--resume"]) == 0  # what is finished is left as it is
    assert (out / "learning_rate=1e-3+average=0.5" / "history.jsonl").read_bytes() == before
    assert "4 of 4" not in capsys.readouterr().out.split("table")[-1]


def test_interrupted_from_the_keyboard_and_resumed(photos, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "kirie", "train", "u2netp", "--data", str(photos)]
    command += ["--out", str(out), "--set", "steps=100000", "--set", "report_every=1", *QUICK]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    for line in process.stdout:
        if "update 2 " in line:
            process.send_signal(signal.SIGINT)
            break
    said, wrong = process.communicate(timeout=300)
    assert process.returncode == 130, wrong
    assert "interrupted by SIGINT" in said
    assert "--resume" in said
    steps = torch.load(out / "checkpoint.pt", weights_only=True)["progressed"]["updates"] + 2
    again = ["train", "u2netp", "--data", str(photos), "--out", str(out), "--resume"]
    assert main([*again, "--set", f"steps={steps}", "--device", "cpu", "--threads", "1"]) == 0
    assert (out / "last.safetensors").is_file()
