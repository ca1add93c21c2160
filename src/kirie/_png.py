"""PNG writing, several times faster than Pillow's at nearly its size.

Rows are filtered by NumPy (each by `sub` or `up`, whichever leaves the smaller differences), and stripes of rows are
compressed at the same time in threads, each to a piece of one zlib stream. ISA-L's deflate, written for this, does most
of it; where it is not installed the standard library's does the same work more slowly. docs/measurements.md has the figures.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._threads import Helpers

__all__ = ["png"]

Bytes = NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SUB, UP = 1, 2
COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # grey, RGB, RGBA
STRIPE = (
    1 << 20
)  # filtered bytes per piece: they stay in the cache; a new piece costs about 100 bytes
SAMPLE = 13  # every 13th byte chooses a row's filter: prime, so that all channels take part
ADLER = 65521
THREADS = 4  # more wait for the one that joins the pieces
GREY_LEVEL = (
    6  # masks are nearly empty: the better compressor takes milliseconds and halves the file
)


def png(
    pixels: NDArray[Any],
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> bytes:
    """Write (H, W), (H, W, 3) or (H, W, 4) pixels, uint8 or uint16, as a PNG file's bytes.

    Args:
        pixels: straight alpha.
        icc: a profile of the pixels' own kind (RGB or grey); colours without one are marked as sRGB.
        exif: a TIFF structure, without the `Exif` prefix.
        dpi: horizontal and vertical.
    """
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004
    depth = 8 * pixels.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, COLOUR_TYPES[channels], 0, 0, 0)
    parts = [SIGNATURE, *_chunk(b"IHDR", header)]
    if icc:
        parts += _chunk(b"iCCP", b"icc\x00\x00" + zlib.compress(icc))
    elif channels > 1:
        parts += _chunk(b"sRGB", b"\x00")
    if dpi:
        x, y = (max(1, min(2**31 - 1, round(value / 0.0254))) for value in dpi)  # per metre
        parts += _chunk(b"pHYs", struct.pack(">IIB", x, y, 1))
    if exif:
        parts += _chunk(b"eXIf", exif)
    for piece in _zlib_stream(pixels, channels * pixels.dtype.itemsize):
        parts += _chunk(b"IDAT", piece)
    parts += _chunk(b"IEND", b"")
    return b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, ...]:
    """The parts of a chunk, unjoined: joining copies."""
    return (
        struct.pack(">I", len(data)),
        kind,
        data,
        struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))),
    )


def _zlib_stream(pixels: NDArray[Any], step: int) -> Iterable[bytes]:
    """The whole picture, filtered and compressed, in pieces that follow each other; `step` = bytes per pixel."""
    height = pixels.shape[0]
    rows = max(1, min(height, STRIPE // (pixels[0].nbytes + 1)))
    tops = range(0, height, rows)

    def piece(top: int) -> tuple[bytes, int, int]:
        filtered = _filtered(pixels, top, min(top + rows, height), step)
        return _deflated(filtered, step), zlib.adler32(filtered.data), filtered.nbytes

    yield b"\x78\x01"
    total = 1
    with Helpers(min(THREADS, len(tops))) as helpers:
        pieces = helpers.map(piece, tops)
    for data, checksum, length in pieces:
        total = _joined_adler(total, checksum, length)
        yield data
    yield b"\x03\x00" + struct.pack(">I", total)  # an empty last block


def _filtered(pixels: NDArray[Any], top: int, bottom: int, step: int) -> Bytes:
    """Rows top…bottom as PNG stores them: (rows, 1 + bytes), the filter's number first."""
    first = max(0, top - 1)
    part = pixels[first:bottom]
    if part.dtype != np.uint8:
        part = part.astype(">u2")
    raw = np.ascontiguousarray(part).view(np.uint8).reshape(bottom - first, -1)
    above, row = raw[:-1], raw[1:]
    if first == top:
        above, row = np.concatenate([np.zeros_like(raw[:1]), raw[:-1]]), raw
    out = np.empty((bottom - top, raw.shape[1] + 1), np.uint8)
    out[:, 0] = UP
    np.subtract(row, above, out=out[:, 1:])
    columns = slice(step, None, SAMPLE)
    beside = row[:, columns] - row[:, : row.shape[1] - step][:, ::SAMPLE]
    for index in np.flatnonzero(_size(beside) < _size(row[:, columns] - above[:, columns])):
        line = out[index]
        line[0] = SUB
        line[1 : 1 + step] = row[index, :step]
        np.subtract(row[index, step:], row[index, :-step], out=line[1 + step :])
    return out


def _size(differences: Bytes) -> NDArray[np.uint32]:
    """Sum of |difference| by row, differences taken as signed."""
    sizes: NDArray[np.uint32] = np.abs(differences.view(np.int8)).view(np.uint8).sum(1, np.uint32)
    return sizes


def _deflated(filtered: Bytes, step: int) -> bytes:
    """A piece of a deflate stream, ended at a byte so that another can follow."""
    if step == 1:
        plain = zlib.compressobj(GREY_LEVEL, zlib.DEFLATED, -15, 9)
        return plain.compress(filtered.data) + plain.flush(zlib.Z_SYNC_FLUSH)
    try:
        from isal import isal_zlib
    except ImportError:  # no build for this platform
        plain = zlib.compressobj(1, zlib.DEFLATED, -15, 9)
        return plain.compress(filtered.data) + plain.flush(zlib.Z_SYNC_FLUSH)
    fast = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
    return bytes(fast.compress(filtered.data) + fast.flush(isal_zlib.Z_SYNC_FLUSH))


def _joined_adler(first: int, second: int, length: int) -> int:
    """The Adler-32 of two joined parts, from theirs and the second one's length."""
    a = (first & 0xFFFF) + (second & 0xFFFF) - 1
    b = (first >> 16) + (second >> 16) + (length % ADLER) * ((first & 0xFFFF) - 1)
    return (b % ADLER) << 16 | a % ADLER
