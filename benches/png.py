"""Ways to write a PNG: time and size of each, as ratios to Pillow's default.

    python benches/png.py [--photo FILE] [--runs 3] [--clock cpu|wall]

Four pictures are made from one photograph: a cutout (RGBA, an oval subject with a soft edge on nothing, two fifths of the
area), the photograph (RGB), the mask (L) and the cutout with 16 bits (Pillow cannot write that one; libvips' default is
the measure there). Every result is read back and compared. Time below 1 is faster than Pillow, size below 1 is smaller.

wall (default): seconds that pass. cpu: seconds of work by all threads together, steadier where other programs run.
"""

from __future__ import annotations

import argparse
import os
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from kirie import _png, image

ROOT = Path(__file__).resolve().parent.parent
Write = Callable[[], bytes]


def pictures(photo: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The four pictures, by name."""
    rgb = image.decode(photo).rgb
    height, width = rgb.shape[:2]
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    bumps = 0.15 * np.sin(9 * np.arctan2(ys, xs))
    inside = (1.05 - (ys / 0.72) ** 2 - (xs / 0.66) ** 2 - bumps) * 8
    alpha = (inside.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    cutout = np.dstack([rgb, alpha])
    cutout[alpha == 0] = 0
    noise = np.random.default_rng(0).integers(0, 257, cutout.shape, np.uint16)  # the lower byte
    deep = np.where(cutout[..., 3:] > 0, np.minimum(cutout * np.uint16(256) + noise % 16, 65535), 0)
    return {
        "RGBA, a cutout": cutout,
        "RGB, the photo": rgb,
        "L, the mask": alpha,
        "RGBA, 16 bits": deep.astype(np.uint16),
    }


def with_pillow(pixels: np.ndarray[Any, Any], **how: Any) -> Write:
    """Pillow's writer."""

    def write() -> bytes:
        out = BytesIO()
        Image.fromarray(pixels).save(out, "PNG", **how)
        return out.getvalue()

    return write


def with_vips(pixels: np.ndarray[Any, Any], **how: Any) -> Write:
    """The writer of libvips."""
    bands = 1 if pixels.ndim == 2 else pixels.shape[2]
    deep = pixels.dtype == np.uint16
    kind = "ushort" if deep else "uchar"
    space = ("grey16" if deep else "b-w") if bands == 1 else ("rgb16" if deep else "srgb")

    def write() -> bytes:
        made = pyvips.Image.new_from_memory(
            pixels.data, pixels.shape[1], pixels.shape[0], bands, kind
        )
        return bytes(made.copy(interpretation=space).pngsave_buffer(**how))

    return write


def ours(pixels: np.ndarray[Any, Any], *, threads: int, isal: bool, level: int = 1) -> Write:
    """The writer of kirie, with its parts exchanged."""

    def standard(filtered: Any, _step: int) -> bytes:
        plain = zlib.compressobj(level, zlib.DEFLATED, -15, 9)
        return plain.compress(filtered.data) + plain.flush(zlib.Z_SYNC_FLUSH)

    def write() -> bytes:
        kept = _png.THREADS, _png._deflated  # noqa: SLF001
        _png.THREADS = threads
        if not isal:
            _png._deflated = standard  # noqa: SLF001
        try:
            return _png.png(pixels)
        finally:
            _png.THREADS, _png._deflated = kept  # noqa: SLF001

    return write


def candidates(pixels: np.ndarray[Any, Any]) -> Iterator[tuple[str, Write]]:
    """(name, writer) of every way, the measure first."""
    if pixels.dtype == np.uint8:
        yield "Pillow, default (level 6)", with_pillow(pixels)
        for level in (1, 3):
            yield f"Pillow, level {level}", with_pillow(pixels, compress_level=level)
        yield "Pillow, run lengths only", with_pillow(pixels, compress_type=3)
    else:
        yield "libvips, default", with_vips(pixels)
    for kind, level in (
        ("none", 6),
        ("sub", 3),
        ("up", 1),
        ("up", 3),
        ("up", 6),
        ("paeth", 3),
        ("all", 6),
    ):
        yield f"libvips, {kind}, level {level}", with_vips(pixels, filter=kind, compression=level)
    for level in (1, 2, 6):
        yield (
            f"kirie, zlib level {level}, 1 thread",
            ours(pixels, threads=1, isal=False, level=level),
        )
    yield "kirie, 1 thread", ours(pixels, threads=1, isal=True)
    yield "kirie", ours(pixels, threads=_png.THREADS, isal=True)


def measured(write: Write, runs: int, clock: Callable[[], float]) -> tuple[float, bytes]:
    """(least seconds, result) of some runs."""
    times, data = [], b""
    for _ in range(runs):
        start = clock()
        data = write()
        times.append(clock() - start)
    return min(times), data


def check(data: bytes, pixels: np.ndarray[Any, Any]) -> None:
    """Stop where a file does not hold the picture."""
    made = pyvips.Image.pngload_buffer(data, fail_on="warning")
    values = np.frombuffer(made.write_to_memory(), pixels.dtype).reshape(pixels.shape)
    if not (values == pixels).all():
        raise SystemExit("A writer changed the picture.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("KIRIE_DATA")
    default = (
        Path(data) / "photos" / "kitten-on-lawn.jpg" if data else ROOT / "examples" / "kitten.jpg"
    )
    parser.add_argument("--photo", type=Path, default=default)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    given = parser.parse_args()
    clock = perf_counter if given.clock == "wall" else process_time
    for name, pixels in pictures(given.photo).items():
        height, width = pixels.shape[:2]
        print(f"\n### {name}, {height * width / 1e6:.1f} MP, {given.clock} time\n")
        print("| encoder | time | size | s | kB |\n|---|---|---|---|---|")
        measure: tuple[float, int] | None = None
        for encoder, write in candidates(np.ascontiguousarray(pixels)):
            seconds, made = measured(write, given.runs, clock)
            check(made, pixels)
            measure = measure or (seconds, len(made))
            ratios = f"{seconds / measure[0]:.3f} | {len(made) / measure[1]:.3f}"
            print(f"| {encoder} | {ratios} | {seconds:.3f} | {len(made) / 1e3:.0f} |", flush=True)


if __name__ == "__main__":
    main()
