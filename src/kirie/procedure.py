"""How many engine calls make one answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .engines import Engine
from .errors import BadCheckpoint
from .spec import Procedure

__all__ = ["run"]


def run(
    engine: Engine, batch: NDArray[np.float32], procedure: Procedure
) -> dict[str, NDArray[np.float32]]:
    """Answer a batch: one call, whole pictures (`single`).

    Args:
        engine: what runs the network.
        batch: (B, 3, h, w) float32, normalised.
        procedure: from the card; names the maps that are needed.

    Returns:
        The named maps, each (B, K, h', w') float32.
    """
    maps = engine(batch)
    missing = [name for name in procedure.maps if name not in maps]
    if missing:
        raise BadCheckpoint(
            f"The network file gives {', '.join(maps) or 'nothing'}, but this model needs "
            f"{', '.join(missing)}: export it again with kirie."
        )
    return {name: maps[name] for name in procedure.maps}
