"""The loop: it learns, goes on where it stopped, names what breaks it, and writes what it promises."""

import json
import os
import signal
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")

from kirie.errors import BadCheckpoint, BadInput  # noqa: E402
from kirie.nn.mini import Mini  # noqa: E402
from kirie.train import data, loop  # noqa: E402
from kirie.train.__main__ import main  # noqa: E402
from kirie.train.held import score  # noqa: E402
from kirie.train.progress import Progress  # noqa: E402
from kirie.train.recipe import Phase  # noqa: E402
from kirie.train.recipes import RECIPES  # noqa: E402

pytestmark = pytest.mark.torch

RECIPE = replace(
    RECIPES["mini"],
    phases=(Phase(start=0.0, size=32, batch=4, composites=0.4),),
    warm_up=4,
    precision="float32",
)


@pytest.fixture(scope="module")
def read(data_root):
    return data.load(data_root)


@pytest.fixture
def start(tmp_path, read):
    """Start a run of so many steps, its time far from used up."""

    def go(steps, *, resume=False, recipe=RECIPE, folder="out"):
        run = loop.Run.fresh(recipe, tmp_path / folder, minutes=60)
        if resume:
            run.resume()
        loop.train(run, read, Progress(quiet=True), max_steps=steps)
        return run

    return go


def test_twenty_steps_lower_the_loss(start):
    run = start(20)
    assert run.pictures == 80
    assert sum(run.recent[-5:]) < 0.8 * sum(run.recent[:5])


def test_an_interrupted_run_goes_on_where_it_stopped(start):
    whole = start(6, folder="whole")
    start(3, folder="parts")
    parts = start(6, folder="parts", resume=True)
    assert (parts.steps, parts.pictures) == (whole.steps, whole.pictures)
    assert parts.elapsed > 0
    # The same pictures in the same order; the rate follows the clock, so the weights agree nearly, not to the bit.
    assert parts.recent == pytest.approx(whole.recent[3:], rel=0.02)


def test_a_signal_saves_and_stops(start, monkeypatch):
    original = loop.step

    def step(run, *rest):
        if run.steps == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(run, *rest)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(loop, "step", step)
    run = start(50)
    assert run.stop == "SIGTERM"
    assert run.steps == 3
    assert (run.out / "checkpoint.pt").is_file()
    assert not (run.out / "model.pt").exists()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_loss_that_is_not_finite_names_the_pictures(start, monkeypatch):
    original = loop.losses.deep
    monkeypatch.setattr(loop.losses, "deep", lambda *a: original(*a) * float("nan"))
    with pytest.raises(loop.NotFinite, match=r"(?s)became nan at step 0.*(pet|grass|emo)_\d"):
        start(5)


def test_what_a_finished_run_writes(start):
    run = start(3)
    assert sorted(p.name for p in run.out.iterdir()) == [
        "checkpoint.pt",
        "history.jsonl",
        "model.pt",
    ]
    state = torch.load(run.out / "model.pt", weights_only=True)
    Mini().load_state_dict(state)
    last = json.loads((run.out / "history.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 3
    assert set(last["held"]) == {"mae", "iou", "f"}
    assert all(0 <= v <= 1 for v in last["held"].values())


def test_a_checkpoint_of_another_run_is_refused(start, tmp_path):
    start(1)
    other = loop.Run.fresh(RECIPE, tmp_path / "out", minutes=1, seed=5)
    with pytest.raises(BadCheckpoint, match="seed 0"):
        other.resume()
    with pytest.raises(BadCheckpoint, match="without --resume"):
        loop.Run.fresh(RECIPE, tmp_path / "none", minutes=1).resume()


def test_no_time_is_refused(tmp_path):
    with pytest.raises(BadInput, match="minutes is 0"):
        loop.Run.fresh(RECIPE, tmp_path, minutes=0)


def test_the_rate_warms_up_and_ends_at_zero(tmp_path):
    run = loop.Run.fresh(RECIPE, tmp_path, minutes=1)
    peak = RECIPE.learning_rate
    assert loop.rate(run) == pytest.approx(peak / 4)
    run.steps = 100
    assert loop.rate(run) == pytest.approx(peak)
    run.elapsed = 30.0
    assert loop.rate(run) == pytest.approx(peak / 2)
    run.elapsed = 60.0
    assert loop.rate(run) == pytest.approx(0)


def test_a_stopped_process_does_not_use_up_the_time(tmp_path, monkeypatch):
    run = loop.Run.fresh(RECIPE, tmp_path, minutes=10)
    monkeypatch.setattr(loop.time, "monotonic", lambda: 5000.0)
    assert loop._tick(run, 4990.0) == (5000.0, 10.0)
    assert loop._tick(run, 1000.0) == (5000.0, loop.LONGEST_STEP)


def test_norms_and_biases_do_not_decay():
    net = Mini()
    decayed, free = loop.groups(net, 0.05)
    assert all(p.ndim == 4 for p in decayed["params"])
    assert free["weight_decay"] == 0
    assert len(decayed["params"]) + len(free["params"]) == len(list(net.parameters()))


def test_the_running_mean_is_a_mean(tmp_path):
    run = loop.Run.fresh(RECIPE, tmp_path, minutes=1)
    run.steps = 10**6
    before = run.mean.stem[0].weight.clone()
    with torch.no_grad():
        run.net.stem[0].weight.add_(1.0)
    loop.average(run)
    moved = run.mean.stem[0].weight - before
    torch.testing.assert_close(moved, torch.full_like(moved, 0.002), atol=1e-5, rtol=0)


def test_phases_follow_the_time():
    recipe = RECIPES["mini"]
    assert recipe.phase(0.0) is recipe.phases[0]
    assert recipe.phase(1.0) is recipe.phases[-1]
    assert [p.start for p in recipe.phases] == sorted(p.start for p in recipe.phases)


def test_a_perfect_network_scores_perfectly(read):
    class Bright(torch.nn.Module):
        def forward(self, x):
            return (x.amax(1, keepdim=True) - 0.2) * 100  # discs are bright, grounds dark

    result = score(Bright(), read.held, 80)
    assert result["iou"] > 0.9
    assert result["mae"] < 0.03


def test_the_command_runs_and_says_what_is_wrong(tmp_path, data_root, capsys, monkeypatch):
    monkeypatch.setitem(RECIPES, "mini", RECIPE)
    arguments = ["mini", "--out", str(tmp_path / "out"), "--minutes", "0.02", "--threads", "1"]
    assert main([*arguments, "--data", str(tmp_path)]) == 1
    assert "error:" in capsys.readouterr().out
    assert main([*arguments, "--data", str(data_root)]) == 0
    assert "held out at 32" in capsys.readouterr().out
    assert (tmp_path / "out" / "model.pt").is_file()
