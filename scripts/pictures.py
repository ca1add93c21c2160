"""Make the documentation's pictures: `python scripts/pictures.py PHOTOS` (a folder of demo photos).

docs/images/before-after.jpg     the bundled photo beside its cutout on a checkerboard
docs/images/contact-sheet.jpg    every photo of the folder: picture, mask, cutout on a checkerboard
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import kirie

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"


def checkerboard(size: tuple[int, int], square: int = 12) -> np.ndarray:
    """(H, W, 3) uint8 of light and lighter squares."""
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]] // square
    return np.where(((ys + xs) % 2)[..., None], 255, 214).astype(np.uint8).repeat(3, axis=2)


def shown(cutout: kirie.Cutout, width: int) -> list[Image.Image]:
    """The picture, its mask and its cutout, each `width` wide."""
    height, full = cutout.size
    size = (width, round(width * height / full))
    picture = Image.fromarray(cutout.picture.rgb).resize(size, Image.Resampling.LANCZOS)
    mask = Image.fromarray((cutout.alpha * 255).round().astype(np.uint8)).resize(size)
    cut = cutout.on(checkerboard(cutout.size, square=max(8, full // 40))).convert("RGB")
    return [picture, mask.convert("RGB"), cut.resize(size, Image.Resampling.LANCZOS)]


def main() -> None:
    """Write both pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with kirie.load() as cutter:
        picture, _, cut = shown(cutter.cut(ROOT / "examples" / "kitten.jpg"), 480)
        pair = Image.new("RGB", (960, picture.height))
        pair.paste(picture)
        pair.paste(cut, (480, 0))
        pair.save(IMAGES / "before-after.jpg", quality=82, optimize=True)
        photos = sorted(p for p in Path(sys.argv[1]).iterdir() if p.is_file())
        rows = [(path, shown(cutter.cut(path), 230)) for path in photos]
    tall = [
        max(views[0].height for _, views in rows[i : i + 2]) + 16 for i in range(0, len(rows), 2)
    ]
    sheet = Image.new("RGB", (2 * 3 * 230 + 20, sum(tall)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (path, views) in enumerate(rows):
        left, top = (index % 2) * (3 * 230 + 20), sum(tall[: index // 2])
        draw.text((left + 2, top + 2), path.name, fill="black")
        for column, view in enumerate(views):
            sheet.paste(view, (left + 230 * column, top + 14))
    sheet.save(IMAGES / "contact-sheet.jpg", quality=80, optimize=True)


if __name__ == "__main__":
    main()
