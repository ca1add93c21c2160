"""Generated predictions with their truths, from smooth to degenerate."""

import numpy as np

KINDS = 9


def smooth(draw, height, width, reach):
    """(height, width) smooth noise."""
    plane = draw.standard_normal((height, width))
    for axis, size in ((0, height), (1, width)):
        for _ in range(2):
            reach_here = min(reach, (size - 1) // 2)
            window = np.ones(2 * reach_here + 1) / (2 * reach_here + 1)
            plane = np.apply_along_axis(np.convolve, axis, plane, window, "same")
    return plane


def pair(seed, largest=60):
    """(prediction, truth), both (H, W) uint8; sizes, shapes and kinds of error change with the seed."""
    draw = np.random.default_rng(seed)
    height, width = draw.integers(1, largest, 2)
    base = smooth(draw, height, width, int(draw.integers(1, 6)))
    truth = (base > np.quantile(base, draw.uniform(0.05, 0.95))) * np.uint8(255)
    shape = draw.integers(KINDS)
    if shape == 0:
        truth[:] = 0
    elif shape == 1:
        truth[:] = 255
    elif shape == 2:
        truth[:] = 0
        truth[draw.integers(height), draw.integers(width)] = 255
    elif shape == 3:  # thin lines
        truth[:] = 0
        truth[draw.integers(height)] = 255
        truth[:, draw.integers(width)] = 255
    noise = draw.standard_normal((height, width)) * draw.uniform(0, 60)
    blurred = smooth(draw, height, width, 2) * 80
    found = (truth * 0.8 + noise + blurred + 20).clip(0, 255).astype(np.uint8)
    kind = draw.integers(KINDS)
    if kind == 0:
        found[:] = draw.integers(256)
    elif kind == 1:
        found //= 64
        found *= 64
    elif kind == 2:
        found = found // 4 + np.uint8(30)
    elif kind == 3:
        found = (found > 128) * np.uint8(255)
    elif kind == 4:
        found = 255 - found
    return found, truth


def objects(seed, count, height=120, width=160):
    """A truth with so many separate squares of at least 50 pixels, and a noisy prediction."""
    draw = np.random.default_rng(seed)
    truth = np.zeros((height, width), np.uint8)
    for index in range(count):
        row, column = divmod(index, width // 9)
        truth[row * 9 : row * 9 + 8, column * 9 : column * 9 + 7] = 255
    assert (truth > 0).sum() == 56 * count
    noise = draw.integers(-120, 120, truth.shape)
    return (truth + noise).clip(0, 255).astype(np.uint8), truth
