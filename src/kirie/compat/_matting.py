"""Closed-form matting and multi-level foreground colours, by PyMatting (extra `matting`).

A. Levin et al., "A Closed-Form Solution to Natural Image Matting", TPAMI 2008
T. Germer et al., "Fast Multi-Level Foreground Estimation", ICPR 2020
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingExtra

__all__ = ["alpha", "colours", "require"]

Floats = NDArray[np.floating[Any]]


def require(purpose: str) -> Any:
    """PyMatting itself; `MissingExtra` where it is not installed."""
    try:
        import pymatting
    except ImportError as error:
        raise MissingExtra("matting", purpose) from error
    return pymatting


def alpha(rgb: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> Floats:
    """Solve for the alpha of the unknown pixels.

    Args:
        rgb: (H, W, 3) uint8.
        trimap: (H, W): 0 background, 255 subject, else unknown.

    Returns:
        (H, W) float64 in [0, 1].

    Raises:
        ValueError: there is no sure subject or background, or the solver does not converge.
    """
    pymatting = require("Alpha matting")
    solved: Floats = pymatting.estimate_alpha_cf(rgb / 255, trimap / 255)
    return solved


def colours(rgb: NDArray[np.uint8], share: Floats) -> Floats:
    """The subject's own colours (H, W, 3), in [0, 1], of a picture (H, W, 3) uint8 and its alpha (H, W) in [0, 1]."""
    pymatting = require("Estimating the subject's colours as rembg and transparent-background do")
    found: Floats = pymatting.estimate_foreground_ml(rgb / 255, share)
    return found
