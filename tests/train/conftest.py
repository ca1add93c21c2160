"""A tiny data folder: bright discs on dark grounds, with what a careless loader would pick up beside it."""

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")


def disc(rng, h, w):
    """Image (h, w, 3) and mask (h, w): a bright disc on dark noise."""
    ys, xs = np.mgrid[:h, :w]
    r = rng.uniform(0.2, 0.35) * min(h, w)
    y, x = rng.uniform(0.35, 0.65, 2) * (h, w)
    mask = ((ys - y) ** 2 + (xs - x) ** 2 < r * r).astype(np.uint8) * 255
    image = rng.integers(0, 70, (h, w, 3), np.uint8)
    image[mask > 0] = rng.integers(170, 256, 3)
    return image, mask


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    """train/ with 60 pairs, cutouts/ with 8, backgrounds/ with 6; eval/ and photos/ hold files that break a reader."""
    root = tmp_path_factory.mktemp("data")
    for name in ("train", "cutouts", "backgrounds", "eval", "photos"):
        (root / name).mkdir()
    rng = np.random.default_rng(0)
    for i in range(60):
        image, mask = disc(rng, 60 + i % 7, 80)
        cv2.imwrite(str(root / "train" / f"pet_{i}.jpg"), image)
        cv2.imwrite(str(root / "train" / f"pet_{i}.png"), mask)
    for i in range(8):
        image, mask = disc(rng, 64, 64)
        cv2.imwrite(str(root / "cutouts" / f"emo_{i}.webp"), np.dstack((image, mask)))
    for i in range(6):
        ground = rng.integers(0, 70, (50, 90, 3), np.uint8)
        cv2.imwrite(str(root / "backgrounds" / f"grass_{i}.jpg"), ground)
    for folder in ("eval", "photos"):
        (root / folder / "bsds_1.jpg").write_text("reading this is the mistake")
    return root
