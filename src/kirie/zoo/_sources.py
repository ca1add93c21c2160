"""Rows for files that several families have in common: where they are published, and what that place says of them."""

from __future__ import annotations

from ..spec import Procedure, ReadOut, Weights

__all__ = ["drive", "rembg"]


def rembg(
    file: str,
    *,
    size: int | None = None,
    about: int | None = None,
    md5: str,
    readout: ReadOut | None = None,
) -> Weights:
    """A network that rembg publishes as ONNX: its outputs bear numbers, and the first is the answer.

    rembg gives the MD5, its release page the size. `readout` is how this file is read where the card's way does not fit it:
    most of them end with the sigmoid.
    """
    return Weights(
        file=file,
        size=size,
        about=about,
        hash=f"md5:{md5}",
        publisher_hash=True,
        url=f"https://github.com/danielgatis/rembg/releases/download/v0.0.0/{file}",
        readout=readout,
        procedure=Procedure(ordered=True),
    )


def drive(file: str, key: str, *, about: int) -> Weights:
    """A checkpoint on the drive that its authors link to: fetched by hand, without a hash."""
    return Weights(
        file=file, about=about, url=f"https://drive.google.com/file/d/{key}/view", by_hand=True
    )
