"""The line from picture to scene: decode, prepare, engine, read out. `Segmenter` is a model that is ready for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from . import cutter, image, prepare, procedure, readout, zoo
from ._overlap import overlap
from ._watch import Watch
from .cutout import Source
from .cutter import Cutter
from .errors import BadInput
from .scene import Scene, numbers, palette
from .spec import DEFAULT_MAX_PIXELS
from .weights import Fetch

__all__ = ["Segmenter", "load_segmenter"]

Prepared = tuple[image.Picture, prepare.Views, prepare.Geometry, Watch]


class Segmenter:
    """A model that tells what is where in a picture; safe to share between threads.

    Args:
        opened: the same model, as it is opened for cutting; `close` closes it.
    """

    def __init__(self, opened: Cutter) -> None:
        self.cutter = opened
        self.card, self.engine, self.notes = opened.card, opened.engine, opened.notes

    def segment(self, source: Source, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Scene:
        """Name what is where in one picture.

        Args:
            source: path, bytes, binary file object, PIL image, or array, as for `Cutter.cut`.
            max_pixels: pictures with more pixels are refused before they are decoded.

        Raises:
            BadInput: the picture cannot be read, or is over `max_pixels`.
        """
        prepared = self._prepared(source, max_pixels)
        watch = prepared[3]
        maps = procedure.run(self.engine, prepared[1], self.card.procedure)
        watch("network")
        return self._scene(prepared, maps)

    def segment_many(
        self,
        sources: Iterable[Source],
        *,
        batch_size: int = 4,
        then: Callable[[int, Scene], Any] | None = None,
        errors: Literal["raise", "return"] = "raise",
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> Iterator[Any]:
        """Name what is where in many pictures, in order; the network runs while others are decoded and encoded.

        Args:
            sources: as for `segment`; read only a little ahead, so that memory does not grow with their number.
            batch_size: pictures per engine call, where they are of one size.
            then: called in a worker with (index, scene), to save it for example; its result is yielded instead.
            errors: `raise` ends at the first picture that fails; `return` yields its `KirieError` in its place.
            max_pixels: as for `segment`.

        Yields:
            A `Scene` (or what `then` made of it) for each source.
        """
        if batch_size < 1:
            raise BadInput(f"batch_size is {batch_size}, but must be at least 1.")

        def network(items: list[Prepared]) -> list[Any]:
            started = perf_counter()
            views = [views for _, views, _, _ in items]
            answers = procedure.run_each(self.engine, views, self.card.procedure)
            for item in items:
                item[3].add("network", (perf_counter() - started) / len(items))
            return list(zip(items, answers, strict=True))

        def after(index: int, item: tuple[Prepared, dict[str, NDArray[np.float32]]]) -> Any:
            item[0][3].restart()
            scene = self._scene(*item)
            return then(index, scene) if then else scene

        yield from overlap(
            sources,
            lambda source: self._prepared(source, max_pixels),
            network,
            after,
            batch_size=batch_size,
            errors=errors,
        )

    def _prepared(self, source: Source, max_pixels: int) -> Prepared:
        watch = Watch()
        picture = image.decode(source, max_pixels=max_pixels)
        watch("decode")
        views, geometry = prepare.views(picture.rgb, self.card.preparation, self.card.procedure)
        watch("prepare")
        return picture, views, geometry, watch

    def _scene(self, prepared: Prepared, maps: dict[str, NDArray[np.float32]]) -> Scene:
        picture, _, geometry, watch = prepared
        scores = readout.scores(maps[self.card.procedure.maps[0]][0], self.card.readout)
        classes = readout.classes(scores, geometry)
        watch("read out")
        return Scene(
            picture=picture,
            scores=scores,
            geometry=geometry,
            names=self._names(len(scores)),
            colours=palette(self.card.readout.colours, len(scores)),
            classes=classes,
            cutter=self.cutter,
            timings=watch.seconds,
        )

    def _names(self, count: int) -> tuple[str, ...]:
        if self.card.readout.classes:
            return self.card.readout.classes
        if count == 2:  # noqa: PLR2004  one map, and its opposite
            return ("background", "subject")
        return tuple(f"class {number}" for number in range(count))

    def check_names(self, *names: str) -> None:
        """Refuse names of classes that the model does not have, before any picture is read; `BadInput`."""
        if names and self.card.readout.classes:
            numbers(names, self.card.readout.classes, self.card.name)

    def close(self) -> None:
        """Give the network's memory back."""
        self.cutter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Segmenter {self.card.name} on {self.engine.name}/{self.engine.device}>"


def load_segmenter(
    model: str | Path | None,
    *,
    engine: str = "auto",
    device: str = "auto",
    like: str | None = None,
    fetch: Fetch | None = None,
) -> Segmenter:
    """Open a model that tells what is where, as `kirie.load` opens one that cuts: the arguments are the same.

    Raises:
        BadInput: no model was named; the message names one.
    """
    if model is None:
        first = next(card.name for card in zoo.MODELS if not card.readout.background)
        raise BadInput(
            f"No model that names things lies inside kirie: fetch one by `kirie models pull {first}`, then give "
            f"`--model {first}` (model={first!r} in Python); `kirie models list` shows all."
        )
    return Segmenter(cutter.load(model, engine=engine, device=device, like=like, fetch=fetch))
