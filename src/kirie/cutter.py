"""The whole line in seven calls: decode → prepare → engine → read out → refine → compose → encode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from . import backgrounds, foreign, image, prepare, procedure, readout, refine, weights, zoo
from ._machine import free_memory
from ._overlap import Room, each, overlap
from ._threads import alone
from ._watch import Watch
from .cutout import Cutout, Source
from .engines import Engine, check_names, open_engine, suffixes
from .errors import BadInput
from .spec import CutOptions, ModelCard

__all__ = ["Cutter", "load"]

BYTES = 16  # that a picture takes while it is cut, for each of its numbers
SHARE = 0.7  # of the free memory that pictures may take


@dataclass(slots=True)
class _Begun:
    """A picture on its way; the network's answer is put in."""

    picture: image.Picture
    views: prepare.Views
    geometry: prepare.Geometry
    watch: Watch
    logits: Any = None


class _Spared(NamedTuple):
    """What is known of a picture that needs not be cut."""

    answer: Any


class Cutter:
    """A model that is ready to cut; safe to share between threads.

    Args:
        card: what makes the model's answers right.
        engine: the open network; `close` closes it.
        notes: what a user should know of the model's file; one sentence each.
    """

    def __init__(self, card: ModelCard, engine: Engine, *, notes: tuple[str, ...] = ()) -> None:
        self.card = card
        self.engine = engine
        self.notes = notes

    def cut(
        self,
        source: Source,
        options: CutOptions | None = None,
        **changes: Any,
    ) -> Cutout:
        """Cut the subject out of one picture.

        Args:
            source: path, bytes, binary file object, PIL image, or array: (H, W), (H, W, 3) or (H, W, 4), uint8,
                uint16 or float in [0, 1], RGB.
            options: all options.
            changes: some of them by name (`edges="matte", shift=-1`), instead of or over those in `options`.

        Raises:
            BadInput: the picture cannot be read, is over `options.max_pixels`, or an option makes no sense.
        """
        _check_subject(self.card)
        options = _options(options, changes)
        watch = Watch()
        picture = image.decode(source, max_pixels=options.max_pixels)
        watch("decode")
        views, geometry = self._views(picture, options)
        watch("prepare")
        raw = procedure.run(self.engine, views, self.card.procedure)
        watch("network")
        logits = raw[self.card.procedure.maps[0]][0]
        return self._finish(_Begun(picture, views, geometry, watch, logits), options)

    def cut_many(
        self,
        sources: Iterable[Source],
        options: CutOptions | None = None,
        *,
        batch_size: int = 8,
        then: Callable[[int, Cutout], Any] | None = None,
        errors: Literal["raise", "return"] = "raise",
        unless: Callable[[Source], Any] | None = None,
    ) -> Iterator[Any]:
        """Cut many pictures, in order: the network runs while others are decoded and encoded.

        In whole batches, or, where the model was opened for several `calls`, one picture by itself in each of so many threads.

        Args:
            sources: as for `cut`; read only a little ahead, so that memory does not grow with their number.
            options: all options.
            batch_size: pictures per engine call.
            then: called in a worker with (index, cutout), to save it for example; its result is yielded
                instead of the cutout.
            errors: `raise` ends at the first picture that fails; `return` yields its `KirieError` in its place.
            unless: called in a worker with each source first; an answer other than None is yielded in its place, and
                the picture is not cut.

        Yields:
            A `Cutout` (or what `then` made of it) for each source.
        """
        _check_subject(self.card)
        options = _options(options, {})
        if batch_size < 1:
            raise BadInput(f"batch_size is {batch_size}, but must be at least 1.")

        def before(source: Source) -> _Begun | _Spared:
            answer = unless(source) if unless else None
            return _Spared(answer) if answer is not None else self._begin(source, options)

        def network(items: list[_Begun | _Spared]) -> list[_Begun | _Spared]:
            self._answer([item for item in items if isinstance(item, _Begun)])
            return items

        def after(index: int, item: _Begun | _Spared) -> Any:
            if isinstance(item, _Spared):
                return item.answer
            cutout = self._finish(item, options)
            return then(index, cutout) if then else cutout

        def whole(index: int, source: Source) -> Any:
            finish = (lambda cutout: then(index, cutout)) if then else None
            with alone():  # its parts need no threads: the other pictures have them
                return self.through(source, options, unless=unless, then=finish, hold=room.of)

        calls = getattr(self.engine, "calls", 1)
        if calls > 1:
            room = Room(free_memory() * SHARE)
            yield from each(sources, whole, workers=calls, errors=errors)
            return
        yield from overlap(sources, before, network, after, batch_size=batch_size, errors=errors)

    def through(
        self,
        source: Source,
        options: CutOptions,
        *,
        unless: Callable[[Source], Any] | None = None,
        then: Callable[[Cutout], Any] | None = None,
        hold: Callable[[int], AbstractContextManager[None]] | None = None,
    ) -> Any:
        """One picture as `cut_many` takes it; several threads, or processes, can do so at once.

        Args:
            source: as for `cut`.
            options: resolved.
            unless: as for `cut_many`.
            then: as for `cut_many`, but called with the cutout alone.
            hold: told how many bytes the picture will take, once it is decoded; what it returns is entered meanwhile.
        """
        answer = unless(source) if unless else None
        if answer is not None:
            return answer
        item = self._begin(source, options)
        with hold(item.picture.pixels.size * BYTES) if hold else nullcontext():
            self._answer([item])
            cutout = self._finish(item, options)
            return then(cutout) if then else cutout

    def _begin(self, source: Source, options: CutOptions) -> _Begun:
        """Decode and prepare."""
        watch = Watch()
        picture = image.decode(source, max_pixels=options.max_pixels)
        watch("decode")
        views, geometry = self._views(picture, options)
        watch("prepare")
        return _Begun(picture, views, geometry, watch)

    def _views(
        self, picture: image.Picture, options: CutOptions
    ) -> tuple[prepare.Views, prepare.Geometry]:
        """What the network is shown: the picture, or what `box` leaves of it."""
        shown = picture.rgb[refine.window(picture.size, options)]
        return prepare.views(shown, self.card.preparation, self.card.procedure)

    def _answer(self, items: list[_Begun]) -> None:
        """Run the network on a batch; the answers go into its items."""
        if not items:
            return
        started = perf_counter()
        raw = procedure.run_each(self.engine, [item.views for item in items], self.card.procedure)
        first = self.card.procedure.maps[0]
        for item, maps in zip(items, raw, strict=True):
            item.logits = maps[first][0]
            item.watch.add("network", (perf_counter() - started) / len(items))

    def _finish(self, item: _Begun, options: CutOptions) -> Cutout:
        """From the network's answer on: read out, refine, and hand over what composing and encoding need."""
        item.watch.restart()
        alpha = readout.alpha(item.logits, self.card.readout, item.geometry)
        item.watch("read out")
        found = alpha.any()
        alpha = refine.placed(alpha, item.picture.size, options)
        cutout = self.assemble(item.picture, alpha, options, item.watch)
        if not found:
            cutout.confidence = readout.absence(item.logits, self.card.readout)
        cutout.seen = item.geometry.seen
        return cutout

    def assemble(
        self,
        picture: image.Picture,
        alpha: NDArray[np.float32],
        options: CutOptions,
        watch: Watch,
    ) -> Cutout:
        """From an alpha (H, W) of the picture on: refine its edge, and hand over what composing and encoding need."""
        options = options.resolved()
        refined = refine.refine(picture, alpha, options)
        watch("edges")
        return Cutout(
            picture=picture,
            alpha=refined.alpha,
            subject=refined.subject,
            colours=refined.colours,
            confidence=readout.calibrated(refined.confidence, self.card.readout),
            options=options,
            card=self.card,
            model_notes=self.notes,
            engine=self.engine.name,
            device=self.engine.device,
            precision=self.engine.precision,
            timings=watch.seconds,
        )

    def facts(self) -> dict[str, Any]:
        """What made the results: model, licence, engine, device, precision."""
        return {
            "model": self.card.name,
            "licence": self.card.licence,
            "engine": self.engine.name,
            "device": self.engine.device,
            "precision": self.engine.precision,
        }

    def close(self) -> None:
        """Give the network's memory back."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Cutter {self.card.name} on {self.engine.name}/{self.engine.device}>"


def load(
    model: str | Path = zoo.DEFAULT,
    *,
    engine: str = "auto",
    device: str = "auto",
    like: str | None = None,
    fetch: weights.Fetch | None = None,
    calls: int = 1,
) -> Cutter:
    """Open a model; one that has to be fetched is fetched at its first use, and checked.

    Args:
        model: a card's name; the path of an `.onnx`, `.safetensors` or `.pth` file, or of a folder in Hugging Face layout;
            or `hf://owner/name`, a model on the Hugging Face hub (extra hub).
        engine: `auto`, `onnx`, `pytorch` or `fake`.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; one that is named is used or refused, never replaced.
        like: for a file that carries no card: the name of the model that it was made from, whose preparation and reading
            it takes.
        fetch: how its weights may be fetched: offline, accepted licences, trust at first use, progress.
        calls: how many pictures will be cut at once: a small network on a CPU then divides the cores among them.

    Raises:
        UnknownModel: there is neither a card nor a file of that name.
        LicenceRefused: its licence does not allow commercial use, and was not accepted.
        Offline, FetchFailed: its weights are not here, and may not be, or could not be fetched.
        BadCheckpoint: the file cannot be used, or carries no card and `like` was not given.
        DeviceUnavailable: the device cannot be used here.
    """
    check_names(engine, device)
    if foreign.is_meant(model):
        card, opened = foreign.open_file(
            model, engine=engine, device=device, like=like, fetch=fetch, calls=calls
        )
        return Cutter(card, opened.engine, notes=opened.notes)
    card = zoo.get(str(model))
    if like:
        foreign.refuse_like(model, like)
    if engine == "fake":  # needs no weights
        opened = open_engine((), card, engine=engine, device=device, calls=calls)
        return Cutter(card, opened.engine)
    found = weights.locate(card, suffixes(engine, card), fetch)
    opened = open_engine((found.path,), found.card, engine=engine, device=device, calls=calls)
    return Cutter(found.card, opened.engine, notes=opened.notes)


def _options(options: CutOptions | None, changes: dict[str, Any]) -> CutOptions:
    """All options, a preset written out; whatever can be refused before any work is."""
    found = (options or CutOptions()).changed(**changes).resolved()
    backgrounds.check(found)
    return found


def _check_subject(card: ModelCard) -> None:
    """Refuse a model that knows kinds of things, but no subject."""
    if not card.readout.background:
        some = ", ".join(card.readout.classes[:4])
        raise BadInput(
            f"{card.name} tells what is where ({some}, …), but not what the subject is: name it, as in `kirie segment "
            f"--classes {card.readout.classes[0]} --as cutout`, or take another model."
        )
