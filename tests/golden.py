"""Reference cases: what the authors' own networks returned, and how their weights and inputs are rebuilt.

A case is a folder `FAMILY/NAME` with `case.json` (tensor names, shapes, seeds) and `outputs.npz` (float32). Weights and inputs
are pure functions of names and seeds, so no checkpoint is stored. Cases are looked for in the folder that KIRIE_GOLDEN
names (all of them), else in tests/golden (the small ones).
"""

import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent / "golden"


def root() -> Path:
    """The folder of all families."""
    return Path(os.environ.get("KIRIE_GOLDEN") or HERE)


def names(family: str, *known: str) -> list[str]:
    """The known cases, which skip where they are not there, and whatever else of the family is there."""
    found = {path.parent.name for path in (root() / family).glob("*/case.json")}
    return sorted({*known, *found})


@dataclass(frozen=True)
class Case:
    """One reference case."""

    name: str
    facts: dict
    outputs: dict[str, np.ndarray]

    def tolerance(self, name: str) -> float:
        """Largest error over largest magnitude: five times the case's own noise, at least 1e-5.

        Where noise is given for some outputs, what lies between them has the largest of it.
        """
        noises = [self.facts.get(key, 0) for key in ("fp64_rel_err", "float32_vs_float64_rel")]
        each = [
            noise.get(name, max(noise.values())) if isinstance(noise, dict) else noise
            for noise in noises
        ]
        return max([1e-5, *(5 * noise for noise in each if isinstance(noise, float))])

    def weights(self) -> dict[str, np.ndarray]:
        """The state dict, under the published names."""
        facts, scale = self.facts, self.facts.get("scale", {})
        state = {}
        for name, (shape, _) in facts["keys"].items():
            if name not in facts["kept"]:
                value = tensor(name, shape, facts["seed"], facts["gain"])
                state[name] = value * np.float32(scale[name]) if name in scale else value
        return state

    def input(self) -> np.ndarray:
        """The network's input."""
        return picture(self.facts["input"]["shape"], self.facts["input"]["seed"])

    def check(self, have, name: str) -> float:
        """Compare with the output of that name; return the error, which is within the tolerance.

        Where the case holds only a part of the output, its first channels or every so many pixels, so is `have`.
        """
        want = self.outputs[name]
        have = self.part(have, name)
        assert have.shape == want.shape
        error = relative(have, want)
        assert error <= self.tolerance(name), f"{self.name} {name}: {error:.1e}"
        return error

    def part(self, have, name: str) -> np.ndarray:
        """What the case holds of a whole output."""
        have, facts = np.asarray(have), self.facts["outputs"].get(name, {})
        if "slice" in facts:
            channels, step = facts["slice"]
            have = have[:, :channels, ::step, ::step]
        step = facts.get("stride", 1)
        return have[..., ::step, ::step] if step > 1 else have


def load(family: str, name: str) -> Case:
    """A case; the test skips where it is not there."""
    folder = root() / family / name
    if not (folder / "case.json").is_file():
        pytest.skip(f"{family}/{name} is not in {root()}: set KIRIE_GOLDEN to the full references")
    with np.load(folder / "outputs.npz") as stored:
        outputs = {key: stored[key] for key in stored.files}
    return Case(name, json.loads((folder / "case.json").read_text("utf-8")), outputs)


def relative(have, want) -> float:
    """The largest error over the largest magnitude."""
    want = np.asarray(want, np.float64)
    return float(np.abs(np.asarray(have, np.float64) - want).max() / max(np.abs(want).max(), 1e-30))


def tensor(name: str, shape, seed: int, gain: float) -> np.ndarray:
    """The value of the parameter or buffer `name`: a pure function of the arguments."""
    draw = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()) + 1_000_003 * seed))
    shape = tuple(shape)
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_mean") or (name.endswith("bias") and len(shape) == 1):
        return (0.1 * draw.standard_normal(shape)).astype(np.float32)
    if len(shape) <= 1:  # running variances and the scales of normalisation layers
        return draw.uniform(0.8, 1.2, shape).astype(np.float32)
    return (gain / np.sqrt(int(np.prod(shape[1:]))) * draw.standard_normal(shape)).astype(
        np.float32
    )


def picture(shape, seed: int) -> np.ndarray:
    """(N, C, H, W) float32: smooth blobs plus fine noise."""
    count, channels, height, width = shape
    draw = np.random.Generator(np.random.PCG64(7_919 + seed))
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float64)
    out = np.empty(shape, np.float32)
    for image in range(count):
        for channel in range(channels):
            plane = 0.15 * draw.standard_normal((height, width))
            for _ in range(4):
                y, x = draw.uniform(0, height), draw.uniform(0, width)
                radius, peak = draw.uniform(0.1, 0.4) * min(height, width), draw.uniform(-2, 2)
                plane += peak * np.exp(-((ys - y) ** 2 + (xs - x) ** 2) / (2 * radius * radius))
            out[image, channel] = plane
    return out
