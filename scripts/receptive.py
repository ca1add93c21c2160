"""What a network's encoder really looks at: `python scripts/receptive.py OUT.png DATA NETWORK[=CHECKPOINT] …`.

The effective receptive field of Luo et al. ("Understanding the Effective Receptive Field in Deep Convolutional Neural Networks",
NeurIPS 2016, arXiv 1701.04128): for each stage of the encoder, how much its features at the middle change with each input pixel: of their
sum with random signs (the plain sum of what a LayerNorm gives is always zero) the gradient's absolute value, its mean over colours and
pictures. SegFormer's figure 3 shows the same of its stages.
DATA: a folder of photos, eight of which are used at 256×256. Without a checkpoint the weights are random. Writes one row a network and
one column a stage, each field to its own maximum and brightened by a fourth root, and prints the side of the square around the middle
that holds half of it, in pixels.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from kirie import image, nn
from kirie.spec import Preparation
from kirie.train.batch import Batch

SIDE, PICTURES, GAP = 256, 8, 6


def photos(data: Path) -> Tensor:
    """(PICTURES, 3, SIDE, SIDE), normalised as most networks want it."""
    paths = sorted(data.glob("*.jpg"))
    chosen = [paths[round(n)] for n in np.linspace(0, len(paths) - 1, PICTURES)]
    found = []
    for path in chosen:
        rgb = Image.fromarray(image.decode(path).rgb)
        found.append(np.asarray(rgb.resize((SIDE, SIDE), Image.Resampling.BILINEAR)))
    images = torch.from_numpy(np.stack(found))
    names = [path.stem for path in chosen]
    batch = Batch(names, images, images[..., 0], None, 0)
    return batch.inputs(Preparation(size=(SIDE, SIDE)))


def stages(net: torch.nn.Module) -> list[torch.nn.Module]:
    """The parts of the encoder, in order."""
    if hasattr(net, "backbone"):
        return list(net.backbone.stages)
    if hasattr(net, "context"):
        return [*net.stages, net.context]
    return list(net.encoder)


def fields(net: torch.nn.Module, x: Tensor) -> Iterator[NDArray[np.float64]]:
    """The field of each stage, (SIDE, SIDE), its sum one."""
    held: list[Tensor] = []
    hooks = [
        stage.register_forward_hook(lambda _m, _in, out: held.append(out)) for stage in stages(net)
    ]
    draw = torch.Generator().manual_seed(0)
    sums = torch.zeros(len(hooks), SIDE, SIDE, dtype=torch.float64)
    for one in x:
        seen = one[None].clone().requires_grad_()
        held.clear()
        net(seen)
        for place, features in enumerate(held):
            _, channels, h, w = features.shape
            signs = torch.randint(0, 2, (channels,), generator=draw) * 2 - 1
            middle = (features[0, :, h // 2, w // 2] * signs).sum()
            (gradient,) = torch.autograd.grad(middle, seen, retain_graph=True)
            sums[place] += gradient[0].abs().mean(0).double()
    for hook in hooks:
        hook.remove()
    for total in sums:
        yield (total / total.sum()).numpy()


def half(field: NDArray[np.float64]) -> int:
    """The side of the square around the middle that holds half of the field."""
    for radius in range(1, SIDE // 2 + 1):
        cut = slice(SIDE // 2 - radius, SIDE // 2 + radius)
        if field[cut, cut].sum() >= 0.5:
            return 2 * radius
    return SIDE


def main() -> None:
    """Draw and print."""
    out, data = Path(sys.argv[1]), Path(sys.argv[2])
    x, rows = photos(data), []
    for name in sys.argv[3:]:
        network, _, checkpoint = name.partition("=")
        torch.manual_seed(0)
        net = (nn.load(checkpoint) if checkpoint else nn.build(network)).eval()
        found = list(fields(net, x))
        print(network, "trained" if checkpoint else "random", *(half(field) for field in found))
        rows.append((f"{network}, {'trained' if checkpoint else 'random'}", found))
    wide = max(len(found) for _, found in rows) * (SIDE + GAP)
    sheet = Image.new("L", (wide, len(rows) * (SIDE + 20 + GAP)), 255)
    draw = ImageDraw.Draw(sheet)
    for n, (name, found) in enumerate(rows):
        top = n * (SIDE + 20 + GAP)
        draw.text((2, top + 4), name, fill=0)
        for m, field in enumerate(found):
            shown = (field / field.max()) ** 0.25
            tile = Image.fromarray(np.rint(255 * shown).astype(np.uint8))
            sheet.paste(tile, (m * (SIDE + GAP), top + 20))
    sheet.save(out)


if __name__ == "__main__":
    main()
