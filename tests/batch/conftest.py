"""A folder of small pictures."""

import numpy as np
import pytest
from PIL import Image

COUNT = 24


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """24 discs in three folders; every eighth picture is black, one file is damaged. Not to be changed."""
    tmp_path = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    ys, xs = np.mgrid[0:48, 0:64]
    for n in range(COUNT):
        pixels = np.full((48, 64, 3), (20, 60, 30), np.uint8)
        if n % 8 != 7:
            y, x, radius = rng.integers(15, 30), rng.integers(20, 40), rng.integers(8, 14)
            pixels[np.hypot(ys - y, xs - x) < radius] = 250
        path = tmp_path / "in" / ("", "a", "a/b ä")[n % 3] / f"{n:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    (tmp_path / "in" / "a" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    return tmp_path / "in"
