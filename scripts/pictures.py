"""Make the documentation's pictures: `python scripts/pictures.py PHOTOS` (a folder of demo photos).

docs/images/before-after.jpg     the bundled photo beside its cutout on a checkerboard
docs/images/contact-sheet.jpg    forty pictures, each with its mask and its cutout: every photo of the folder, windows of them that
                                 show one thing or a hard one, and nine of the subject-free windows of benches/nothing/

With `--eval DATA OUT.jpg` instead: the twenty best and the twenty worst answers on DATA/eval by their IoU, with the true masks. Those
photos are others' property: the sheet is to look at, not to publish.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import kirie
from kirie import image, metrics

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
NOTHING = ROOT / "benches" / "nothing"
ACROSS, WIDE, TALL, LABEL = 4, 150, 120, 14
# photo → what a window shows, and the window: left, top, right, bottom in shares of the photo
WINDOWS: dict[str, dict[str, tuple[float, float, float, float]]] = {
    "astronaut": {
        "face and hair": (0.25, 0, 0.65, 0.4),
        "shuttle": (0.65, 0, 1, 0.6),
        "helmet": (0.5, 0.6, 1, 1),
    },
    "budgie-branch": {"head": (0.35, 0.1, 0.65, 0.55)},
    "coffee": {"handle and spoon": (0.2, 0.4, 0.75, 1)},
    "dragonfly-on-lavender": {"dragonfly": (0.5, 0.2, 0.8, 0.55)},
    "exif_landscape_8": {"red flowers": (0.15, 0.5, 0.5, 1)},
    "fragrant-chamomile": {"flower": (0.4, 0.35, 0.8, 0.65), "another": (0.2, 0.72, 0.6, 1)},
    "kitten-on-lawn": {"face": (0.25, 0.2, 0.65, 0.7)},
    "oakland-zoo-otters": {"one otter": (0.25, 0.2, 1, 0.85), "the swimmer": (0, 0.4, 0.3, 0.75)},
    "perched-osprey": {"osprey": (0.2, 0.1, 0.65, 0.9), "dead branches": (0.6, 0.2, 1, 1)},
    "phone_nokia_8.3": {"ship": (0.68, 0.4, 0.85, 0.65)},
    "rocket": {"rocket": (0.35, 0.25, 0.65, 1)},
    "shoes_cc0": {"one shoe": (0, 0.15, 0.75, 0.6)},
}


def checkerboard(size: tuple[int, int], square: int = 12) -> np.ndarray:
    """(H, W, 3) uint8 of light and lighter squares."""
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]] // square
    return np.where(((ys + xs) % 2)[..., None], 255, 214).astype(np.uint8).repeat(3, axis=2)


def shown(cutout: kirie.Cutout, width: int, tallest: int) -> list[Image.Image]:
    """The picture, its mask and its cutout, each `width` wide, or less where it would be taller than `tallest`."""
    height, full = cutout.size
    scale = min(width / full, tallest / height)
    size = (round(full * scale), round(height * scale))
    picture = Image.fromarray(cutout.picture.rgb).resize(size, Image.Resampling.LANCZOS)
    mask = Image.fromarray((cutout.alpha * 255).round().astype(np.uint8)).resize(size)
    cut = cutout.on(checkerboard(cutout.size, square=max(8, full // 40))).convert("RGB")
    return [picture, mask.convert("RGB"), cut.resize(size, Image.Resampling.LANCZOS)]


def forty(photos: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Name and RGB of what the contact sheet shows."""
    for path in sorted(p for p in photos.iterdir() if p.is_file()):
        rgb = image.decode(path).rgb
        yield path.stem, rgb
        sides = np.tile(rgb.shape[1::-1], 2)
        for what, window in WINDOWS.get(path.stem, {}).items():
            left, top, right, bottom = (np.array(window) * sides).round().astype(int)
            yield f"{path.stem}: {what}", rgb[top:bottom, left:right]
    for path in sorted(NOTHING.glob("*.jpg"))[::4][:9]:
        yield f"nothing: {path.stem}", image.decode(path).rgb


def sheet(rows: list[tuple[str, list[Image.Image]]], across: int) -> Image.Image:
    """Views in rows, `across` pictures side by side, each with its name above."""
    lines = [rows[i : i + across] for i in range(0, len(rows), across)]
    tall = [LABEL + 2 + max(view.height for _, views in line for view in views) for line in lines]
    wide = len(rows[0][1]) * WIDE + 12
    made = Image.new("RGB", (across * wide, sum(tall)), "white")
    draw = ImageDraw.Draw(made)
    top = 0
    for line, height in zip(lines, tall, strict=True):
        for column, (name, views) in enumerate(line):
            left = column * wide
            draw.text((left + 2, top + 1), name, fill="black")
            for view in views:
                made.paste(view, (left, top + LABEL))
                left += view.width
        top += height
    return made


def scored(data: Path) -> list[tuple[str, list[Image.Image]]]:
    """The best and the worst of DATA/eval: picture, true mask, mask, cutout."""
    found = []
    with kirie.load() as cutter:
        for path in sorted((data / "eval").glob("*.jpg")):
            cutout = cutter.cut(path)
            with Image.open(path.with_suffix(".png")) as opened:
                truth = opened.convert("L")
            iou = metrics.Confusion(("iou",)).update(cutout.alpha, np.asarray(truth))["iou_bin"]
            picture, *rest = shown(cutout, WIDE, TALL)
            views = [picture, truth.resize(picture.size).convert("RGB"), *rest]
            found.append((iou, f"{iou:.2f}, sure {cutout.confidence:.2f}: {path.stem}", views))
    found.sort(key=lambda one: one[0])
    return [(name, views) for _, name, views in (*found[:20], *found[-20:])]


def main() -> None:
    """Write both pictures, or the sheet of scored ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--eval", nargs=2, metavar=("DATA", "OUT"))
    given = parser.parse_args()
    if given.eval:
        sheet(scored(Path(given.eval[0])), 3).save(given.eval[1])
        return
    if given.photos is None or not given.photos.is_dir():
        parser.error("name the folder of demo photos")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with kirie.load() as cutter:
        picture, _, cut = shown(cutter.cut(ROOT / "examples" / "kitten.jpg"), 480, 480)
        pair = Image.new("RGB", (960, picture.height))
        pair.paste(picture)
        pair.paste(cut, (480, 0))
        pair.save(IMAGES / "before-after.jpg", quality=82, optimize=True)
        rows = []
        for name, rgb in forty(given.photos):
            cutout = cutter.cut(rgb)
            rows.append((name + (" (empty)" if cutout.empty else ""), shown(cutout, WIDE, TALL)))
    made = sheet(rows, ACROSS)
    made.save(IMAGES / "contact-sheet.jpg", quality=80, optimize=True)


if __name__ == "__main__":
    main()
