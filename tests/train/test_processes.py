"""Two processes over gloo train as one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")
pytest.importorskip("accelerate")
if not torch.distributed.is_available():
    pytest.skip("this PyTorch has no distributed training", allow_module_level=True)

pytestmark = pytest.mark.torch

HERE = Path(__file__).parent


def losses(folder):
    lines = (folder / "history.jsonl").read_text().splitlines()
    return [row["loss"] for row in map(json.loads, lines) if "loss" in row]


@pytest.fixture
def run(tmp_path, data_root):
    """Train in so many processes; returns the folder."""

    def go(processes, *given):
        out = tmp_path / f"out{processes}"
        command = [sys.executable]
        if processes > 1:
            command += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
            command += [str(processes)]
        command += [str(HERE / "_processes.py"), str(data_root), str(out), *given]
        paths = os.pathsep.join([str(HERE), *filter(None, sys.path)])
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=500
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return out

    return go


def test_without_batch_statistics_the_losses_are_the_same(run):
    # 60 pictures and a global batch of 8: the epoch does not divide. Means of means are the mean.
    given = (
        "steps=12",
        "batch=8",
        "accumulate=2",
        "freeze_norms=true",
        'objective_arguments={"parts": [1.0, 0.0, 0.0]}',
        "metric=iou",
    )
    one, two = run(1, *given), run(2, *given)
    assert len(losses(one)) == len(losses(two)) == 12
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)
    scores = [json.loads((out / "result.json").read_text())["scores"] for out in (one, two)]
    assert scores[1] == pytest.approx(scores[0], abs=1e-3)
    written = [sorted(p.name for p in out.iterdir()) for out in (one, two)]
    assert written[0] == written[1]


def test_with_batch_statistics_they_end_near_each_other(run):
    given = ("steps=50", "batch=8", "schedule=constant", "learning_rate=0.002")
    one, two = losses(run(1, *given)), losses(run(2, *given))
    ends = [sum(each[-10:]) / 10 for each in (one, two)]
    assert ends[1] == pytest.approx(ends[0], rel=0.05)
    assert ends[0] < 0.9 * sum(one[:10]) / 10
