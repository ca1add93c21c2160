"""`kirie train`: train or fine-tune a network, by a recipe."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInput, MissingExtra
from . import train_check
from ._fetching import add_options, fetching

if TYPE_CHECKING:
    from ..train.recipe import Recipe

__all__ = ["add", "joined"]

DESCRIPTION = """Train or fine-tune a network.

RECIPE says how; DATA is a folder of pictures and masks in any usual layout. The result is one file that
`kirie cut -m` takes. Several GPUs or machines: `accelerate launch -m kirie train …` or `torchrun … -m kirie train …`."""
EPILOG = """examples:
  kirie train list                                     the recipes
  kirie train show u2netp                              one of them, with all its fields
  kirie train check photos/                            what is wrong with a folder of pictures and masks
  kirie train finetune --init kirie-mini --data photos/ --val-split 0.1 --out run
  kirie train u2netp --data DUTS-TR --data mine:5 --val DUTS-TE --out run --set batch=24 --set epochs=50
  kirie train u2netp --data DUTS-TR --out run --resume           go on after an interruption
  kirie train u2netp --data mine --val-split 0.1 --out runs --ablate learning_rate=1e-3,1e-4 --ablate average=0,0.99
  kirie cut photo.jpg -m run/best.safetensors          use it
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train or fine-tune a network",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipe", metavar="RECIPE", help="how; or list, show or check")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of the recipe to show")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="PATH[:WEIGHT]",
        help="pictures and masks; may be repeated, each counted WEIGHT times in an epoch",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where everything is written")
    held = parser.add_argument_group("what is held out")
    held.add_argument(
        "--val", action="append", default=[], metavar="PATH", help="a folder to validate on"
    )
    held.add_argument(
        "--val-split", type=float, default=0.0, metavar="SHARE", help="or a share of the data"
    )
    _add_how(parser)
    add_options(parser)
    parser.set_defaults(run=run)
    checker = commands.add_parser(
        "train check",
        prog="kirie train check",
        description="List what is wrong with pictures and masks, before hours are spent on them.",
    )
    train_check.add_arguments(checker)
    checker.set_defaults(run=train_check.run)


def joined(arguments: list[str]) -> list[str]:
    """`train check` is a command of its own, with other options than training."""
    if arguments[:2] == ["train", "check"]:
        return ["train check", *arguments[2:]]
    return arguments


def _add_how(parser: Any) -> None:
    how = parser.add_argument_group("how to train")
    how.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change a field of the recipe; `kirie train show RECIPE` lists them",
    )
    how.add_argument(
        "--init", metavar="CHECKPOINT", help="start from these weights: a file or a model's name"
    )
    how.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    how.add_argument(
        "--ablate",
        action="append",
        default=[],
        metavar="FIELD=A,B",
        help="train with each value, and with every combination if repeated; writes one table",
    )
    how.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of weights, order and variation"
    )
    how.add_argument("--device", choices=("auto", "cpu"), default="auto", help="auto takes a GPU")
    how.add_argument("--threads", type=int, default=0, metavar="N", help="of PyTorch on the CPU")
    how.add_argument("--tensorboard", action="store_true", help="also write event files")
    how.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(given: argparse.Namespace) -> int:
    """Train, or list, or show."""
    if given.recipe == "list":
        return _list()
    if given.recipe == "show":
        return _show(given.names)
    if given.names:
        raise BadInput(
            f"What is {given.names[0]!r}? Data go with --data: kirie train {given.recipe} --data {given.names[0]} --out run"
        )
    return _train(given)


def _list() -> int:
    from ..train.recipes import RECIPES

    width = max(map(len, RECIPES))
    for name, recipe in RECIPES.items():
        print(f"{name:{width}}  {recipe.about}")  # noqa: T201  what was asked for
    return 0


def _show(names: list[str]) -> int:
    from ..train import recipes

    if len(names) != 1:
        raise BadInput("Name one recipe: kirie train show u2netp")
    recipe = recipes.get(names[0])
    lines = [recipes.about(recipe.name), ""]
    lines += [f"{field.name}={_told(getattr(recipe, field.name))}" for field in fields(recipe)]
    print("\n".join(lines))  # noqa: T201  what was asked for
    return 0


def _told(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _need() -> None:
    """Refuse early, with the command that installs what is missing."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("torch", "safetensors", "cv2", "accelerate")):
        raise MissingExtra("train", "kirie train")


def _train(given: argparse.Namespace) -> int:
    _need()
    if not given.data or given.out is None:
        missing = (
            "--data, the pictures and masks"
            if not given.data
            else "--out, a folder for the results"
        )
        raise BadInput(f"kirie train {given.recipe} needs {missing}.")
    recipe = _recipe(given)
    import torch

    from ..train import machine
    from ..train.ablate import ablate
    from ..train.loop import train
    from ..train.progress import Progress
    from ..train.run import Plan

    if given.threads:
        torch.set_num_threads(given.threads)
    progress = Progress(quiet=given.quiet or machine.rank() > 0)
    with fetching(given) as fetch:
        plan = Plan(
            recipe=recipe,
            out=given.out,
            data=tuple(train_check.weighted(text) for text in given.data),
            val=tuple(given.val),
            val_split=given.val_split,
            seed=given.seed,
            resume=given.resume,
            tensorboard=given.tensorboard,
            cpu=given.device == "cpu",
            fetch=fetch,
            again=_again(),
        )
        if given.ablate:
            finished = ablate(plan, given.ablate, progress)
        else:
            finished = train(plan, progress).finished
    return 0 if finished else 130


def _recipe(given: argparse.Namespace) -> Recipe:
    """The named recipe, or with --resume the one that the run began with; with what was set."""
    from ..train import recipes
    from ..train.settings import with_settings

    recipe = recipes.get(given.recipe)
    if given.resume and not given.ablate:
        from ..train import state

        begun = state.recipe_from(state.read(given.out)["asked"])
        if begun.name != recipe.name:
            raise BadInput(
                f"{given.out} holds a training with the recipe {begun.name}, not {recipe.name}: name that, or another --out."
            )
        recipe = begun
    settings = [*given.set, *([f"init={given.init}"] if given.init else [])]
    return with_settings(recipe, settings)


def _again() -> str:
    """The command that goes on."""
    words = sys.argv[1:] if "--resume" in sys.argv else [*sys.argv[1:], "--resume"]
    return shlex.join(["kirie", *words])
