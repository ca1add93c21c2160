"""Copy and paste: cutouts laid on grounds, with light, shadow and a little blur, and the mask that is then true.

Everything is uint8: images (H, W, 3) RGB, masks (H, W); a cutout's colours are premultiplied by its alpha. What a network could take for
the mark of a composite instead of looking at the picture is varied: sharp edges, light from elsewhere, other colours, one subject only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..errors import BadInput
from .geometry import Bytes, Pair, Size, fit, window

__all__ = ["Composer", "Composing", "Drawn", "clear", "ground", "lay"]

TRIES = 4  # windows of a photograph that are looked at for one with little of its subject
LARGEST = (1.0, 0.75, 0.6, 0.5)  # of one, two, three and four subjects in a picture
FIRM = 8.0  # added to means: keeps the ratio of two dark ones finite


@dataclass(frozen=True, slots=True)
class Composing:
    """What every augmentation of masks takes as well.

    Of a share `composites` of the pictures, one to four cutouts are laid on a background instead of the example, and of a share
    `empties` a background is shown with nothing on it, and a truth of zeros, as far as the examples come with such. `with_subject`:
    beginnings of names of backgrounds that do show something like a subject: good to lay cutouts on, but no examples of nothing.
    A share `over_photos` of both takes a part of the example, with little of its subject or none, as background. `cutout_shares` and
    `background_shares`: how often those are drawn whose names begin in some way, {"emo_": 0.1}. `composer`: arguments of `Composer`.
    """

    composites: float = 0.0
    empties: float = 0.0
    over_photos: float = 0.0
    with_subject: tuple[str, ...] = ()
    cutout_shares: Mapping[str, float] = field(default_factory=dict)
    background_shares: Mapping[str, float] = field(default_factory=dict)
    composer: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("composites", "empties", "over_photos"):
            _check_share(name, getattr(self, name))
        if self.composites + self.empties > 1:
            raise BadInput(
                f"composites is {self.composites} and empties {self.empties}: together they can be at most 1."
            )
        if isinstance(self.with_subject, str):
            raise BadInput(
                f"with_subject is {self.with_subject!r}, but must be a list of beginnings of names."
            )
        known = [each.name for each in fields(Composer)]
        for name in ("cutout_shares", "background_shares", "composer"):
            shares = getattr(self, name)
            if not isinstance(shares, Mapping):
                raise BadInput(
                    f'{name} is {shares!r}, but must be named shares such as {{"emo_": 0.1}}.'
                )
            for key, share in shares.items():
                if name == "composer" and key not in known:
                    raise BadInput(f"composer has no argument {key!r}; it has: {', '.join(known)}.")
                _check_share(f"{name}'s {key}", share)


def _check_share(name: str, share: Any) -> None:
    if not isinstance(share, (int, float)) or isinstance(share, bool) or not 0 <= share <= 1:
        raise BadInput(f"{name} is {share!r}, but must be a number from 0 to 1.")


class Drawn:
    """Files to draw from: a share of the draws for each of some beginnings of names, the rest evenly from the other files."""

    def __init__(self, paths: Iterable[Path], shares: Mapping[str, float] | None = None) -> None:
        """Sort the files.

        Raises:
            BadInput: the shares are more than 1 together.
        """
        shares = dict(shares or {})
        if any(not 0 <= share <= 1 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
            raise BadInput(f"The shares {shares} must each be from 0 to 1, and at most 1 together.")
        self._names = list(shares)
        self._groups: list[list[Path]] = [[] for _ in range(len(shares) + 1)]
        self._sort(paths)
        weights = np.array([*shares.values(), max(0.0, 1 - sum(shares.values()))])
        weights *= [
            bool(group) for group in self._groups
        ]  # nothing is drawn from what is not there
        self._ends = np.cumsum(weights / max(weights.sum(), 1e-9))

    def _sort(self, paths: Iterable[Path]) -> None:
        for path in paths:
            fits = [n for n, name in enumerate(self._names) if path.name.startswith(name)]
            self._groups[fits[0] if fits else -1].append(path)

    def __bool__(self) -> bool:
        return bool(self._ends[-1] > 0)

    def __call__(self, rng: Generator) -> Path:
        """One of them."""
        place = int(np.searchsorted(self._ends, rng.random() * self._ends[-1], "right"))
        group = self._groups[place]
        return group[int(rng.integers(len(group)))]


def ground(image: Bytes, rng: Generator, size: Size) -> Bytes:
    """A random window of a background, squashed to (height, width)."""
    h, w = image.shape[:2]
    top, left, tall, wide = window(h, w, rng, 0.25)
    return fit(image[top : top + tall, left : left + wide], size[1], size[0])


def clear(image: Bytes, truth: Bytes, rng: Generator, size: Size) -> Pair:
    """The window of a photograph that shows least of its subject, of a few random ones, squashed to (height, width)."""
    h, w = truth.shape
    windows = [window(h, w, rng, 0.08) for _ in range(TRIES)]
    shown = [cv2.mean(truth[t : t + tall, x : x + wide])[0] for t, x, tall, wide in windows]
    top, left, tall, wide = windows[int(np.argmin(shown))]
    cut = slice(top, top + tall), slice(left, left + wide)
    return fit(image[cut], size[1], size[0]), fit(truth[cut], size[1], size[0])


@dataclass(frozen=True, slots=True)
class Composer:
    """Lays cutouts on a ground; each field is how often something is done, in 0…1.

    more: a second subject and, half as often each, a third and a fourth. same: several subjects are the same one. blurred: the
    ground is out of focus. soft: the subject is, a little. matched: the subject's light and contrast move towards those of the
    ground behind it, part of the way. hidden: they move all the way, as of an animal in its surroundings. relit: light falls off across
    the whole picture.
    """

    more: float = 0.2
    same: float = 0.3
    blurred: float = 0.3
    soft: float = 0.25
    matched: float = 0.6
    hidden: float = 0.06
    relit: float = 0.25

    def __call__(
        self,
        behind: Pair,
        draw: Callable[[Generator], Path],
        cutout: Callable[[Path], Pair],
        rng: Generator,
    ) -> tuple[list[str], Bytes, Bytes]:
        """One to four cutouts laid on a ground; the mask is the union of what is visible of them and of the ground's own subject.

        Args:
            behind: image (H, W, 3) and mask (H, W) of the ground.
            draw: gives the path of one cutout.
            cutout: gives (premultiplied colours, alpha) of one.
            rng: decides.

        Returns:
            names of the cutouts, image, mask.
        """
        image, mask = behind
        # A shallow depth of field; a ground that shows a subject of its own stays sharp.
        if rng.random() < self.blurred and not mask.any():
            sigma = rng.uniform(0.5, 3.0) * min(mask.shape) / 256
            image = cv2.GaussianBlur(image, (0, 0), sigma)
        count = 1
        while count < len(LARGEST) and rng.random() < self.more / (1 if count == 1 else 2):
            count += 1
        alike = rng.random() < self.same
        names: list[str] = []
        path = draw(rng)
        for place in range(count):
            if place and not alike:
                path = draw(rng)
            names.append(path.stem)
            subject = placed(cutout(path), rng, mask.shape, LARGEST[count - 1])
            if rng.random() < self.soft:
                subject = _blurred(subject, rng)
            image = lay(image, self._lit(subject, image, rng), subject[1], rng)
            mask = 255 - cv2.multiply(255 - mask, 255 - subject[1], scale=1 / 255)
        return names, _relit(image, rng) if rng.random() < self.relit else image, mask

    def _lit(self, subject: Pair, behind: Bytes, rng: Generator) -> Bytes:
        """The subject's colours with its light moved towards that of what is behind it."""
        kind = rng.random()
        if kind < self.hidden:
            return matched(subject, behind, rng.uniform(0.7, 1.0))
        if kind < self.hidden + self.matched:
            return matched(subject, behind, rng.uniform(0.0, 0.5))
        return subject[0]


def placed(subject: Pair, rng: Generator, size: Size, largest: float) -> Pair:
    """The cutout scaled, mirrored, turned a little and moved: colours and alpha on a canvas.

    The subject may be cut by the border of the picture, but its middle stays inside.
    """
    colours, alpha = subject
    h, w = alpha.shape
    side = min(size)
    length = side * largest * rng.uniform(0.3, 1.05)
    stretch = np.exp(rng.uniform(-0.2, 0.2))  # as photos are squashed to a square
    width = max(4, int(length * w / max(h, w) * stretch))
    height = max(4, int(length * h / max(h, w) / stretch))
    colours, alpha = fit(colours, width, height), fit(alpha, width, height)
    angle = rng.uniform(-20, 20) if rng.random() < 0.5 else 0.0
    matrix: Any = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    # People and animals stand more often in the middle than at the border: a triangular distribution.
    room = max(0.1, 1 - length / side / 2)
    x, y = 0.5 + (rng.random(2) - rng.random(2)) * 0.5 * room
    matrix[:, 2] += (x * size[1] - width / 2, y * size[0] - height / 2)
    if rng.random() < 0.5:
        colours, alpha = cv2.flip(colours, 1), cv2.flip(alpha, 1)
    canvas = size[1], size[0]
    return cv2.warpAffine(colours, matrix, canvas), cv2.warpAffine(alpha, matrix, canvas)


def _blurred(subject: Pair, rng: Generator) -> Pair:
    """A little out of focus: premultiplied colours and alpha alike, so that edges stay clean."""
    sigma = rng.uniform(0.3, 1.2) * min(subject[1].shape) / 256 + 0.1
    return cv2.GaussianBlur(subject[0], (0, 0), sigma), cv2.GaussianBlur(subject[1], (0, 0), sigma)


def matched(subject: Pair, behind: Bytes, part: float) -> Bytes:
    """Premultiplied colours whose mean and contrast are moved by `part` of the way, 0…1, to those of the ground near the subject.

    The statistics' transfer of Reinhard et al., "Color Transfer between Images" (2001), channel by channel, with limits.
    """
    colours, alpha = subject
    x, y, wide, tall = cv2.boundingRect(alpha)
    coverage = cv2.mean(alpha)[0] / 255
    if not wide or coverage < 1e-3:
        return colours
    inside = slice(y, y + tall), slice(x, x + wide)
    solid = (alpha[inside] > 127).astype(np.uint8)
    if not cv2.countNonZero(solid):
        return colours
    own, own_spread = _statistics(colours[inside], solid)
    other, other_spread = _statistics(behind[inside], None)
    contrast = np.clip(((other_spread + FIRM) / (own_spread + FIRM)) ** (part / 2), 0.7, 1.3)
    light = np.clip(((other + FIRM) / (own + FIRM)) ** part, 0.5, 1.8) * own
    # straight: (colour - own) · contrast + light; premultiplied the constant part is times alpha
    mix = np.concatenate((np.diag(contrast), (light - contrast * own)[:, None] / 255), axis=1)
    lit = cv2.transform(cv2.merge((*cv2.split(colours), alpha)), mix)
    # Premultiplied colours stay at or below alpha, or edges would glow.
    return cv2.min(lit, cv2.merge((alpha, alpha, alpha)))


def _statistics(
    image: Bytes, inside: Bytes | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each channel."""
    mean, spread = cv2.meanStdDev(image, mask=inside)
    return np.ravel(mean), np.ravel(spread)


def lay(behind: Bytes, colours: Bytes, alpha: Bytes, rng: Generator) -> Bytes:
    """Premultiplied colours over a ground, sometimes with a soft shadow beside it: uint8 (H, W, 3)."""
    if rng.random() < 0.35:
        behind = _shaded(behind, alpha, rng)
    rest = 255 - alpha
    return cv2.add(colours, cv2.multiply(behind, cv2.merge((rest, rest, rest)), scale=1 / 255))


def _shaded(behind: Bytes, alpha: Bytes, rng: Generator) -> Bytes:
    """The ground darkened by a blurred, displaced copy of alpha, computed at a quarter of the size."""
    h, w = alpha.shape
    small = cv2.resize(alpha, (max(1, w // 4), max(1, h // 4)), interpolation=cv2.INTER_AREA)
    dx, dy = rng.uniform(-0.08, 0.08) * w / 4, rng.uniform(-0.02, 0.1) * h / 4
    moved = cv2.warpAffine(small, np.array([[1, 0, dx], [0, 1, dy]]), small.shape[::-1])
    soft = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.01, 0.05) * w / 4 + 0.3)
    soft = cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR)
    light = 255 - cv2.convertScaleAbs(soft, alpha=rng.uniform(0.2, 0.6))
    return cv2.multiply(behind, cv2.merge((light, light, light)), scale=1 / 255)


def _relit(image: Bytes, rng: Generator) -> Bytes:
    """Light that falls off across the picture, from one side to another, over ground and subject alike."""
    h, w = image.shape[:2]
    corners = rng.uniform(0.6, 1.3, (2, 2)).astype(np.float32)
    field = cv2.resize(corners, (w, h), interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(image, cv2.merge((field, field, field)), dtype=cv2.CV_8U)
