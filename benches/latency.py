"""How long the network alone takes: median of many calls on one picture, by model and thread count.

    python benches/latency.py [--model kirie-mini ...] [--runs 200]

Times depend on the machine; the table also gives each as a ratio to the first model's.
"""

from __future__ import annotations

import argparse
import statistics
from time import perf_counter

import numpy as np

import kirie


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", default=["kirie-mini"])
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args()
    base = 0.0
    for name in given.model:
        with kirie.load(name, engine=given.engine) as cutter:
            height, width = cutter.card.preparation.size
            batch = np.random.default_rng(0).standard_normal((1, 3, height, width), np.float32)
            seconds = []
            for index in range(given.runs + 10):
                start = perf_counter()
                cutter.engine(batch)
                if index >= 10:
                    seconds.append(perf_counter() - start)
            middle = statistics.median(seconds)
            base = base or middle
            print(
                f"{name}: {1000 * middle:.1f} ms at {height}×{width}, {cutter.engine.name} on "
                f"{cutter.engine.device}; {middle / base:.2f} × the first"
            )


if __name__ == "__main__":
    main()
