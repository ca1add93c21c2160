"""What blending costs for a large picture: time and peak memory of the NumPy code, beside OpenCV's operators and one pass.

    python benches/blending.py [--picture 3000x4000] [--runs 7] [--network mit_b0]

The maps are drawn, not computed: blending takes the same time for any. JSON lines; times are medians. `--network` also times
one pass of an untrained InSPyReNet with that backbone over the large view (extra torch), to see blending's share.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tracemalloc
from collections.abc import Callable
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from kirie import _pyramid, prepare, readout, zoo

CARD = zoo.get("inspyrenet-fast")


def maps(size: tuple[int, int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """A small answer with soft blobs, and the Laplacians of a large one."""
    draw = np.random.default_rng(0)
    blobs = draw.standard_normal((6, 6)).astype(np.float32) * 6
    coarse = cv2.resize(blobs, CARD.preparation.size[::-1], interpolation=cv2.INTER_CUBIC)
    height, width = size
    detail = [draw.standard_normal((height // by, width // by)) for by in (4, 2, 1)]
    return coarse, [each.astype(np.float32) for each in detail]


def by_opencv(coarse: np.ndarray, laplacians: list[np.ndarray]) -> np.ndarray:
    """The same blend of OpenCV's operators."""
    taps = cv2.getGaussianKernel(7, 1, cv2.CV_32F)
    height, width = (side // 2 for side in laplacians[0].shape)
    answer = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    for laplacian, side in zip(laplacians, CARD.procedure.elements, strict=True):
        element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        subject = 1 / (1 + np.exp(-answer))
        rise = cv2.dilate(subject, element) - cv2.erode(subject, element)
        edges = (rise > 0.5).astype(np.float32)
        detail = cv2.resize(edges, laplacian.shape[::-1], interpolation=cv2.INTER_LINEAR)
        spread = np.zeros(laplacian.shape, np.float32)
        spread[::2, ::2] = answer
        answer = 4 * cv2.sepFilter2D(spread, -1, taps, taps, borderType=cv2.BORDER_REFLECT_101)
        answer += detail * laplacian
    return answer


def measured(call: Callable[[], Any], runs: int) -> tuple[float, float]:
    """(median seconds, peak megabytes that Python and NumPy held at once beyond what was there)."""
    seconds = []
    for _ in range(runs):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return statistics.median(seconds), peak


def passed(backbone: str, size: tuple[int, int]) -> float:
    """Seconds of one pass over the large view."""
    import torch

    from kirie import nn

    net = nn.build("inspyrenet", backbone=backbone).eval()
    image = torch.randn(1, 3, *size)
    with torch.inference_mode():
        start = perf_counter()
        net.maps(image)
        return perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--picture", default="3000x4000", help="HEIGHTxWIDTH")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--network", default="")
    given = parser.parse_args()
    height, width = map(int, given.picture.split("x"))
    bound = prepare.network_size((height, width), prepare.replace(CARD.preparation, policy="bound"))
    coarse, laplacians = maps(bound)
    geometry = prepare.Geometry(picture=(height, width), network=bound)

    def blend() -> np.ndarray:
        return _pyramid.blend(coarse, laplacians, sides=CARD.procedure.elements)

    logits = blend()
    difference = np.abs(logits - by_opencv(coarse, laplacians)).max() / np.abs(logits).max()
    seconds, peak = measured(blend, given.runs)
    opencv, opencv_peak = measured(lambda: by_opencv(coarse, laplacians), given.runs)
    alpha, alpha_peak = measured(
        lambda: readout.alpha(logits[None], CARD.readout, geometry), given.runs
    )
    facts = {
        "picture": f"{height}x{width}",
        "seen": f"{bound[0]}x{bound[1]}",
        "blend_s": round(seconds, 3),
        "blend_peak_mb": round(peak, 1),
        "opencv_s": round(opencv, 3),
        "opencv_peak_mb": round(opencv_peak, 1),
        "blend_to_opencv": round(seconds / opencv, 2),
        "opencv_differs_by": float(f"{difference:.1e}"),
        "read_out_s": round(alpha, 3),
        "read_out_peak_mb": round(alpha_peak, 1),
    }
    if given.network:
        once = passed(given.network, bound)
        facts |= {"network": given.network, "pass_s": round(once, 2)}
        facts["blend_to_pass"] = round(seconds / once, 4)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
