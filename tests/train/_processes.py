"""Run by torchrun: train a small network on the data in argv[1], write into argv[2]; what is set follows."""

import sys
from pathlib import Path

import torch
from test_loop import RECIPE

from kirie.train.loop import train
from kirie.train.progress import Progress
from kirie.train.run import Plan
from kirie.train.settings import with_settings

torch.set_num_threads(1)
data, out, *given = sys.argv[1:]
recipe = with_settings(RECIPE, given)
held = 0.1 if "metric=iou" in given else 0.0
plan = Plan(recipe=recipe, out=Path(out), data=((data, 1.0),), val_split=held, cpu=True)
train(plan, Progress(quiet=True))
