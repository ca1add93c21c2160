"""Show InSPyReNet's pyramids of a photo: docs/images/inspyrenet-pyramids.jpg.

    python scripts/pyramids.py train DATA NET.safetensors [--steps 2000]   a small network, with its published loss
    python scripts/pyramids.py show NET.safetensors PHOTO                  the picture

DATA is a folder as `kirie train` takes it. Published checkpoints show the same way, where one is at hand:
`show latest.pth PHOTO --like inspyrenet-swinb`. The small network is for the picture only: an hour on two cores, no ImageNet weights.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from PIL import Image, ImageDraw

from kirie import _pyramid, export, image, nn, prepare, procedure, zoo
from kirie.engines.pytorch import PytorchEngine
from kirie.spec import ModelCard, Preparation, Procedure, ReadOut
from kirie.train import augment, sources
from kirie.train.feed import Feed
from kirie.train.losses import inspyrenet_loss

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "inspyrenet-pyramids.jpg"
BASE, BATCH, PEAK = 96, 12, 1e-3
CARD = ModelCard(
    name="inspyrenet-small",
    title="A small InSPyReNet for the documentation's picture",
    architecture="inspyrenet",
    arguments={"backbone": "mit_b0", "depth": 16, "base_size": (BASE, BASE)},
    licence="Apache-2.0",
    commercial=None,
    preparation=Preparation(size=(BASE, BASE), shorter=384, longest=1024, multiple=32),
    readout=ReadOut(stretch=True, filter="corners"),
    procedure=Procedure(
        name="pyramid",
        maps=("logits", "laplacian.0", "laplacian.1", "laplacian.2"),
        threshold=128,
        elements=(5, 9, 17),
    ),
)
TILE, GAP, LINE = 208, 4, 16


def train(folder: Path, out: Path, steps: int) -> None:
    """Train from random weights, and write the network with its card."""
    torch.manual_seed(0)
    net = nn.build(CARD.architecture, **CARD.arguments)
    optimiser = torch.optim.AdamW(net.parameters(), lr=PEAK, weight_decay=0.01)
    examples = sources.find([(folder, 1.0)])
    make = augment.get("mini", examples, composites=0.3)
    recent, started = [], perf_counter()
    with Feed(examples, make, batch=BATCH, size=BASE, seed=0) as feed:
        for step in range(steps):
            share = min(1.0, (step + 1) / 200) * (
                0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2
            )
            for group in optimiser.param_groups:
                group["lr"] = PEAK * share
            batch = feed.batch()
            loss = inspyrenet_loss(net(batch.inputs(CARD.preparation)), batch.targets())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            recent.append(loss.item())
            if step % 100 == 99:
                print(
                    f"{step + 1}: loss {np.mean(recent):.3f}, {perf_counter() - started:.0f} s",
                    flush=True,
                )
                recent.clear()
                export.to_safetensors(net, out, card=CARD)


def grey(plane: np.ndarray, low: float, high: float) -> Image.Image:
    """A plane as a tile: black is `low`, white is `high`."""
    levels = (np.clip((plane - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return tile(Image.fromarray(levels).convert("RGB"))


def signed(plane: np.ndarray) -> Image.Image:
    """A Laplacian as a tile: white adds to the subject, black takes away, grey is nothing."""
    reach = max(float(np.quantile(np.abs(plane), 0.995)), 1e-6)
    return grey(plane, -reach, reach)


def tile(picture: Image.Image) -> Image.Image:
    height = round(TILE * picture.height / picture.width)
    return picture.resize(
        (TILE, height),
        Image.Resampling.NEAREST if picture.width < TILE else Image.Resampling.BILINEAR,
    )


def probability(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))


def show(path: Path, photo: Path, like: str | None) -> None:
    """Draw the pyramid of one pass over the whole photo, and what blending makes of two."""
    names = (*(f"saliency.{n}" for n in range(4)), *(f"laplacian.{n}" for n in range(3)))
    rgb = image.decode(photo).rgb
    with PytorchEngine(path, device="cpu", like=zoo.get(like) if like else None) as engine:
        card = engine.card
        views, geometry = prepare.views(rgb, card.preparation, card.procedure)
        if views.small is None:
            raise SystemExit(f"{photo} is too small to be blended: {geometry.network}.")
        blended = procedure.run(engine, views, card.procedure)["logits"][0, 0]
        engine._maps = (*names, "logits")  # noqa: SLF001  all maps, not those of the card alone
        small, whole = engine(views.small), engine(views.whole)
    edges = _pyramid.transition(blended, 17)
    picture = tile(Image.fromarray(rgb))
    rows = [
        [("photo", picture)]
        + [(f"d{3 - n}", grey(probability(whole[f"saliency.{n}"][0, 0]), 0, 1)) for n in range(4)],
        [("alone at full size", grey(probability(whole["logits"][0, 0]), 0, 1))]
        + [(f"p{2 - n}", signed(whole[f"laplacian.{n}"][0, 0])) for n in range(3)]
        + [("edges of the blend", grey(edges, 0, 1))],
        [
            ("small", grey(probability(small["logits"][0, 0]), 0, 1)),
            ("blended", grey(probability(blended), 0, 1)),
        ],
    ]
    draw_rows(rows, picture.height)
    print(f"{TARGET}: seen at {geometry.seen}")


def draw_rows(rows: list[list[tuple[str, Image.Image]]], height: int) -> None:
    wide = max(len(row) for row in rows)
    sheet = Image.new("RGB", (wide * (TILE + GAP), len(rows) * (height + LINE + GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    for r, row in enumerate(rows):
        for c, (name, picture) in enumerate(row):
            x, y = c * (TILE + GAP), r * (height + LINE + GAP)
            pen.text((x + 2, y + 2), name, fill="black")
            sheet.paste(picture.resize((TILE, height)), (x, y + LINE))
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(TARGET, quality=85, optimize=True)


def main() -> None:
    """Train or show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    trains = commands.add_parser("train")
    trains.add_argument("data", type=Path)
    trains.add_argument("out", type=Path)
    trains.add_argument("--steps", type=int, default=2000)
    shows = commands.add_parser("show")
    shows.add_argument("net", type=Path)
    shows.add_argument("photo", type=Path)
    shows.add_argument("--like")
    given = parser.parse_args()
    if given.command == "train":
        train(given.data, given.out, given.steps)
    else:
        show(given.net, given.photo, given.like)


if __name__ == "__main__":
    main()
