"""Make docs/options.md and its pictures: every option of a cut, on the bundled photo.

    python scripts/gallery.py

The text is that of the one table of options (`kirie/_table.py`); the examples are run as they are printed.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import kirie
from kirie._table import OPTIONS
from kirie.backgrounds import checkerboard
from kirie.cli._options import flag_of
from kirie.options import DATA, PRESETS, CutOptions

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "examples" / "kitten.jpg"
IMAGES = ROOT / "docs" / "images" / "options"
WIDTH = 250
EAR = (0.27, 0.23, 0.37, 0.33)  # where edges are looked at closely, in shares of the picture

# option → what else is to be said, and the values that are shown; "close" shows the edge enlarged.
EXAMPLES: dict[str, tuple[str, list[dict[str, str]], str]] = {
    "as_": (
        (
            "`contour`, `coco` and `layers` write `.svg`, `.json` and `.zip` files. The COCO annotation holds exact run "
            "lengths in `segmentation` and the outer outlines in `polygons`."
        ),
        [{"as_": made} for made in ("cutout", "mask", "trimap", "overlay", "checker", "contour")],
        "",
    ),
    "preset": ("", [{"preset": name, "largest": "true"} for name in PRESETS], ""),
    "background": (
        "",
        [
            {"background": given, "largest": "true"}
            for given in ("#3a7ca5", "blur", "dark", "greyscale")
        ],
        "",
    ),
    "fit": (
        "",
        [
            {
                "background": "docs/images/options/lawn.jpg",
                "fit": fit,
                "canvas": "600x400",
                "scale": "60%",
                "largest": "true",
            }
            for fit in ("cover", "contain", "stretch", "tile")
        ],
        "",
    ),
    "shadow": (
        "",
        [
            {"shadow": s, "background": "white", "crop": "6%", "largest": "true"}
            for s in ("drop", "contact")
        ],
        "",
    ),
    "outline": (
        "",
        [
            {"outline": "2%", "background": "#3a7ca5", "largest": "true"},
            {"outline": "6 black", "background": "white", "largest": "true"},
        ],
        "",
    ),
    "invert": ("", [{"invert": "true", "largest": "true"}], ""),
    "roi": (
        "The model still sees the whole picture; what it finds outside is left out.",
        [{}, {"roi": "0,0,50%,100%"}],
        "",
    ),
    "box": (
        (
            "What the model is not shown is no subject. Unlike `--roi` this gives a small subject the model's whole "
            "resolution."
        ),
        [{}, {"box": "20%,10%,80%,95%"}],
        "",
    ),
    "max_pixels": (
        "Larger pictures are refused from their header, before memory is taken.",
        [],
        "",
    ),
    "edges": (
        "",
        [{"edges": given, "background": "white"} for given in ("raw", "clean", "matte")],
        "close",
    ),
    "decontaminate": (
        "",
        [{"decontaminate": given, "background": "white"} for given in ("0", "0.5", "1")],
        "close",
    ),
    "threshold": (
        "",
        [{"threshold": given, "background": "white"} for given in ("0.2", "0.5", "0.9")],
        "close",
    ),
    "largest": ("", [{}, {"largest": "true"}], ""),
    "min_area": ("", [{}, {"min_area": "1%"}], ""),
    "fill_holes": (
        "For what a ring, a handle or a gap in the model's answer leaves open; bays that reach the border stay.",
        [],
        "",
    ),
    "shift": ("", [{"shift": given, "background": "white"} for given in ("-6", "0", "6")], "close"),
    "feather": (
        "",
        [{"feather": given, "background": "white"} for given in ("0", "12", "40")],
        "close",
    ),
    "crop": (
        "Shadow and outline stay inside. A margin that goes beyond the picture is transparent, or background.",
        [{"crop": given, "background": "#3a7ca5"} for given in ("0", "10%")],
        "",
    ),
    "canvas": (
        (
            "Alone it takes the whole picture in; with `--crop`, `--scale` or `--position` it is the subject that is "
            "placed."
        ),
        [
            {"canvas": "400x400", "background": "#3a7ca5"},
            {"canvas": "400x400", "crop": "5%", "background": "#3a7ca5"},
        ],
        "",
    ),
    "scale": (
        "",
        [
            {"canvas": "400x400", "scale": given, "background": "#3a7ca5"}
            for given in ("40%", "90%")
        ],
        "",
    ),
    "position": (
        "",
        [
            {"canvas": "400x400", "scale": "50%", "position": given, "background": "#3a7ca5"}
            for given in ("left top", "center", "70%,100%")
        ],
        "",
    ),
    "format": ("JPEG has no transparency, so it needs a background.", [], ""),
    "depth": ("A mask or a fade with 16 bits has no steps.", [], ""),
    "quality": ("", [], ""),
    "strip": (
        (
            "EXIF data are kept, upright and without the embedded thumbnail, which would show the old background. TIFF "
            "and BMP have no place for them."
        ),
        [],
        "",
    ),
}
COMMANDS = {
    "fill_holes": "--fill-holes",
    "max_pixels": "--max-pixels 50000000",
    "format": "--format webp",
    "depth": "--as mask --depth 16",
    "quality": "--background white --format jpeg --quality 85",
    "strip": "--strip gps",
}


def command(values: dict[str, str]) -> str:
    """The arguments of an example, as they are typed."""
    words: list[str] = []
    for name, value in values.items():
        words += [flag_of(name)] if value == "true" else [flag_of(name), shlex.quote(value)]
    return " ".join(words)


def drawn(svg: str, size: tuple[int, int]) -> Image.Image:
    """Read kirie's own SVG drawings, which hold one path of straight lines."""
    from PIL import ImageDraw

    image = Image.new("L", (2 * size[0], 2 * size[1]))
    draw = ImageDraw.Draw(image)
    path = svg.partition(' d="')[2].partition('"')[0]
    for part in path.replace("\n", "").split("Z"):
        numbers = [float(n) for n in part.lstrip("M").replace("L", " ").split()]
        points = [(2 * x, 2 * y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        if len(points) > 2:
            turn = sum(
                a[0] * b[1] - b[0] * a[1]
                for a, b in zip(points, points[1:] + points[:1], strict=True)
            )
            draw.polygon(points, fill=0 if turn > 0 else 255)
    grey = image.resize(size, Image.Resampling.BOX)
    return Image.merge("RGB", [grey.point(lambda v: 255 - v)] * 3)


def shown(cutter: kirie.Cutter, values: dict[str, str], *, close: bool) -> Image.Image:
    """One example as a small picture, transparency as a checkerboard."""
    given = {n: str(ROOT / v) if v.startswith("docs/") else v for n, v in values.items()}
    cutout = cutter.cut(PHOTO, CutOptions(**given))
    if cutout.options.as_ in DATA:
        image = drawn(cutout.encode().decode(), cutout.size[::-1])
    else:
        image = Image.fromarray(cutout.render())
    if image.mode == "RGBA":
        ground = Image.fromarray(np.ascontiguousarray(checkerboard((image.height, image.width))))
        ground.paste(image, mask=image.getchannel("A"))
        image = ground
    image = image.convert("RGB")
    if close:
        box = (np.array(EAR) * np.tile(image.size, 2)).round().astype(int)
        image = image.crop(tuple(int(n) for n in box))
    height = min(2 * WIDTH, round(WIDTH * image.height / image.width))
    return image.resize((WIDTH, height), Image.Resampling.LANCZOS)


def lawn() -> None:
    """A wide picture to put behind the subject: the photo's own meadow, above the kitten."""
    with Image.open(PHOTO) as photo:
        width, height = photo.size
        strip = photo.crop((0, 0, width // 2, height // 5)).resize((360, 120 * height // width))
    strip.save(IMAGES / "lawn.jpg", quality=85)


def pictures() -> None:
    """One strip for each option that shows."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    lawn()
    with kirie.load() as cutter:
        for name, (_, examples, close) in EXAMPLES.items():
            cells = [shown(cutter, values, close=bool(close)) for values in examples]
            if cells:
                columns = min(len(cells), 4 if len(cells) != 6 else 3)
                tall = max(cell.height for cell in cells)
                lines = -(-len(cells) // columns)
                strip = Image.new(
                    "RGB", (columns * (WIDTH + 6) - 6, lines * (tall + 6) - 6), "white"
                )
                for index, cell in enumerate(cells):
                    place = (index % columns * (WIDTH + 6), index // columns * (tall + 6))
                    strip.paste(cell, place)
                strip.save(IMAGES / f"{name.rstrip('_')}.jpg", quality=78, optimize=True)


def page() -> str:
    """docs/options.md."""
    lines = [
        "# Options of a cut",
        "",
        "Each option has one name: `--min-area` on the command line, `min_area=` in Python",
        '(`kirie.cut("photo.jpg", min_area="1%")`, or all together as `kirie.CutOptions(…)`; `--as` is `as_`). Pixels are pixels of',
        "the picture, upright; a percentage says of what. What makes no sense is refused in one sentence before any work",
        "is done. The pictures are made by `python scripts/gallery.py`.",
        "",
        "The order in which they act: `--box` decides what the model sees; its answer is put back in its place, limited to `--roi`;",
        "then `--edges matte`, `--threshold`, `--min-area` and `--largest`, `--fill-holes`, `--shift`, `--feather`, `--invert`; the",
        "picture's own transparency; the colours of the edge (`--decontaminate`); then crop, canvas, scale and position; background,",
        "shadow, outline, subject.",
    ]
    group = ""
    for name, option in sorted(OPTIONS.items(), key=lambda item: GROUPS.index(item[1].group)):
        more, examples, close = EXAMPLES[name]
        if option.group != group:
            group = option.group
            lines += ["", f"## {group[0].upper()}{group[1:]}"]
        value = f" {option.metavar}" if option.metavar else ""
        lines += [
            "",
            f"### `{flag_of(name)}{value}`",
            "",
            f"{option.help[0].upper()}{option.help[1:]}.",
            "",
        ]
        if name == "preset":
            texts = (f"`{preset}` is `{command(values)}`" for preset, values in PRESETS.items())
            lines += [f"{'; '.join(texts)}.", ""]
        if more:
            lines += [more, ""]
        texts = [command(values) for values in examples if values] or [COMMANDS[name]]
        lines += ["```", *(f"kirie cut photo.jpg {text}" for text in texts), "```"]
        if examples:
            caption = "close to the edge, " if close else ""
            shown_in = "in this order" if len(examples) > 1 else "as above"
            first = "without, then with" if not examples[0] else shown_in
            file = f"images/options/{name.rstrip('_')}.jpg"
            lines += ["", f"![{flag_of(name)}: {caption}{first}]({file})"]
    return "\n".join(lines) + "\n"


GROUPS = ["what to make", "where to look", "edges", "where the subject stands", "the file"]


def main() -> None:
    """Write the page, and its pictures unless `--text` is given."""
    (ROOT / "docs" / "options.md").write_text(page(), "utf-8")
    if "--text" not in sys.argv[1:]:
        pictures()


if __name__ == "__main__":
    main()
