"""Which fixed levels suit kirie-mini: scores on the held-out tenth of training, by what becomes 0 and what becomes 1.

    python benches/levels.py --data FOLDER [--model kirie-mini]

The network is unsure along edges and leaves a haze elsewhere; levels take the haze off. They are chosen here, on pictures
that are neither trained on nor the evaluation's, and written into the card's read-out.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

import numpy as np
from PIL import Image
from score import measured, pairs

import kirie
from kirie import CutOptions

LEVELS = ((0.0, 1.0), (0.05, 0.95), (0.1, 0.9), (0.15, 0.85), (0.2, 0.8), (0.3, 0.7), (0.1, 1.0))


def main() -> None:
    """Cut every picture once, read it out in every way, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("KIRIE_DATA"))
    parser.add_argument("--model", default="kirie-mini")
    given = parser.parse_args()
    rows: dict[tuple[float, float], list[dict[str, float]]] = {pair: [] for pair in LEVELS}
    with kirie.load(given.model) as cutter:
        if cutter.card.readout.levels != (0.0, 1.0):
            print(f"the model already reads with {cutter.card.readout.levels}: these come on top")
        for photo, mask in pairs(given.data, held_out=True):
            alpha = cutter.cut(photo, CutOptions(as_="mask")).alpha
            with Image.open(mask) as opened:
                truth = np.asarray(opened.convert("L"))
            for low, high in LEVELS:
                read = ((alpha - low) / (high - low)).clip(0, 1)
                rows[low, high].append(measured((read * 255 + 0.5).astype(np.uint8), truth))
    names = tuple(rows[LEVELS[0]][0])
    print(f"{'levels':>14}" + "".join(f"{name:>8}" for name in names))
    for pair, scores in rows.items():
        means = (statistics.fmean(row[name] for row in scores) for name in names)
        print(f"{pair!s:>14}" + "".join(f"{mean:8.4f}" for mean in means))


if __name__ == "__main__":
    main()
