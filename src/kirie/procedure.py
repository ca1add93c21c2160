"""How many engine calls make one answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._pyramid import blend
from ._slide import slide
from .engines import Engine
from .errors import BadCheckpoint
from .prepare import Views
from .spec import Procedure

__all__ = ["run", "run_each"]


def run(
    engine: Engine, views: Views | NDArray[Any], procedure: Procedure
) -> dict[str, NDArray[np.float32]]:
    """Answer a batch: by one call (`single`), one for each window (`slide`), or two that are blended (`pyramid`).

    Args:
        engine: what runs the network.
        views: from `prepare.views`; or one batch (B, 3, h, w) as `prepare.prepare` makes it, which `pyramid` answers by one
            call, too.
        procedure: from the card; names the maps that are needed.

    Returns:
        The named maps, each (B, K, h', w') float32.
    """
    batch, small = views if isinstance(views, Views) else Views(views)
    if procedure.name == "slide" and procedure.window and procedure.stride:
        first = procedure.maps[0]

        def look(part: NDArray[Any]) -> NDArray[np.float32]:
            return _call(engine, part, procedure)[first]

        return {first: slide(look, batch, window=procedure.window, stride=procedure.stride)}
    if procedure.name == "pyramid" and small is not None:
        return _blended(engine, batch, small, procedure)
    return _call(engine, batch, procedure)


def run_each(
    engine: Engine, batches: list[Views], procedure: Procedure
) -> list[dict[str, NDArray[np.float32]]]:
    """Answer several batches: together where they are of one size, else one by one."""
    if len({(each.whole.shape[1:], each.small is None) for each in batches}) > 1:
        return [run(engine, each, procedure) for each in batches]
    small = [each.small for each in batches if each.small is not None]
    together = Views(
        np.concatenate([each.whole for each in batches]), np.concatenate(small) if small else None
    )
    maps = run(engine, together, procedure)
    stops = np.cumsum([len(each.whole) for each in batches])[:-1]
    parts = {name: np.split(values, stops) for name, values in maps.items()}
    return [{name: parts[name][index] for name in parts} for index in range(len(batches))]


def _blended(
    engine: Engine, batch: NDArray[Any], small: NDArray[Any], procedure: Procedure
) -> dict[str, NDArray[np.float32]]:
    """The small pictures' logits, sharpened with the Laplacians of the large ones; picture after picture."""
    first, *others = procedure.maps
    coarse = _call(engine, small, procedure)[first]  # (B, 1, h, w)
    maps = _call(engine, batch, procedure)
    answers = [
        blend(plane[0], [maps[name][index, 0] for name in others], sides=procedure.elements)
        for index, plane in enumerate(coarse)
    ]
    return {first: np.stack(answers)[:, None]}


def _call(
    engine: Engine, batch: NDArray[Any], procedure: Procedure
) -> dict[str, NDArray[np.float32]]:
    """One call of the engine, and whether it gave what the card names."""
    maps = engine(batch)
    if procedure.ordered:
        maps = dict(zip(procedure.maps, maps.values(), strict=False))
    missing = [name for name in procedure.maps if name not in maps]
    if missing:
        raise BadCheckpoint(
            f"The network file gives {', '.join(maps) or 'nothing'}, but this model needs "
            f"{', '.join(missing)}: export it again with kirie."
        )
    return {name: maps[name] for name in procedure.maps}
