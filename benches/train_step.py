"""Pictures a second and peak memory of a training step, each saving by itself.

    python benches/train_step.py [--recipe u2netp …] [--size 128] [--batch 4] [--steps 5] [--device auto]

One process for each line, so that peaks do not mix; on a GPU the peak is that of its allocator, on a CPU what the process takes
more than before its first step. Times depend on the machine: the table gives each line's ratio to the recipe's first.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace

import torch

from kirie.train import checkpointing, objectives, optim
from kirie.train.learner import Learner
from kirie.train.network import start
from kirie.train.recipes import get
from kirie.train.settings import with_settings

RECIPES = (
    "u2netp",
    "isnet",
    "basnet",
    "inspyrenet-swin_b",
    "birefnet-lite",
    "segformer-ade20k",
    "kirie-mini",
)
SMALL = {
    "inspyrenet-swin_b": ("arguments.backbone=swin_v1_t", "arguments.base_size=[128,128]"),
    "segformer-ade20k": ("arguments.backbone=mit_b0", "classes=2"),
}
SAVINGS: dict[str, tuple[str, ...]] = {
    "fp32, channels last": (),
    "channels first": ("channels_last=false",),
    "bf16": ("precision=bf16",),
    "checkpointing": ("checkpointing=true",),
    "accumulation by 2": ("accumulate=2",),
    "compile": ("compile=true",),
}


def peak(device: torch.device) -> int:
    """Bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one(given: argparse.Namespace) -> dict[str, float]:
    """Measure one line."""
    name, size, batch = given.recipe[0], given.size, given.batch
    settings = (f"size={size}", "precision=fp32", "backbone_weights=", *SMALL.get(name, ()))
    recipe = with_settings(get(name), (*settings, *SAVINGS[given.only]))
    kind = "cuda" if given.device == "auto" and torch.cuda.is_available() else "cpu"
    device = torch.device(kind)
    begun = start(recipe, classes=("a", "b"))
    recipe, net = replace(begun.recipe, freeze_norms=False), begun.net.to(device)
    if recipe.channels_last:
        net = net.to(memory_format=torch.channels_last)
    if recipe.checkpointing:
        checkpointing.apply(net)
    if recipe.compile:
        net.compile()
    objective = objectives.get(recipe.objective, **recipe.objective_arguments).to(device)
    learner, optimiser = Learner(net, objective), optim.optimiser(net, recipe)
    part = batch // recipe.accumulate
    x = torch.rand(part, size, size, 3, device=device).permute(0, 3, 1, 2)
    if not recipe.channels_last:
        x = x.contiguous()
    truth = (x[:, :1] > 0.5).float()
    if recipe.task == "semantic":
        truth = truth[:, 0].long()
    classes = torch.zeros(part, dtype=torch.int64, device=device)
    half = recipe.precision == "bf16"

    def step() -> None:
        for _ in range(recipe.accumulate):
            with torch.autocast(kind, torch.bfloat16) if half else nullcontext():
                terms = learner(x, truth, classes, {"share": 0.0, "epoch": 0, "epochs": 10})
            torch.autograd.backward(torch.stack([*terms.values()]).sum() / recipe.accumulate)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if kind == "cuda":
            torch.cuda.synchronize()

    optim.training(net, recipe)
    before = 0 if kind == "cuda" else peak(device)
    step()
    times = []
    for _ in range(given.steps):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return {"speed": batch / min(times), "peak": peak(device) - before}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", nargs="+", default=list(RECIPES))
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto")
    parser.add_argument("--only", choices=list(SAVINGS), help=argparse.SUPPRESS)
    parser.add_argument("--skip", nargs="+", default=[], choices=list(SAVINGS))
    given = parser.parse_args()
    if given.only:
        print(json.dumps(one(given)))
        return
    print("| recipe | saving | speed | peak memory | pictures/s | GB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in given.recipe:
        base: dict[str, float] | None = None
        for saving in SAVINGS:
            if saving in given.skip:
                continue
            command = [sys.executable, __file__, "--recipe", name, "--only", saving]
            command += ["--size", str(given.size), "--batch", str(given.batch)]
            command += ["--steps", str(given.steps), "--device", given.device]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                why = (done.stderr.strip().splitlines() or ["?"])[-1]
                print(f"| {name} | {saving} | fails: {why[:80]} | | | |", flush=True)
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            base = base or found
            speed, memory = (found[key] / max(base[key], 1e-9) for key in ("speed", "peak"))
            print(
                f"| {name} | {saving} | {speed:.2f} × | {memory:.2f} × | {found['speed']:.2f} | {found['peak'] / 1e9:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
