"""The networks themselves, as plain PyTorch modules. Needs the extra torch.

    >>> from kirie import nn
    >>> net = nn.load("u2netp.pth")     # any published or own checkpoint; what it is, is inferred
    >>> net.origin                      # what was inferred, what was assumed, from which file
    >>> net = nn.build("u2net", classes=4)   # random weights
    >>> net(x), net.maps(x)             # logits; every map that the paper speaks of
    >>> nn.save(net, "mine.safetensors", card=card)   # one file, which says all that load and `kirie cut` need

Input is (N, 3, h, w) float32, normalised; logits are (N, K, h', w').
"""

from __future__ import annotations

from ..errors import MissingExtra

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":  # PyTorch is there, but damaged: its own message says more
        raise
    raise MissingExtra("torch", "kirie.nn") from error

from .build import build
from .checkpoint import load
from .origin import Origin
from .save import save

__all__ = ["Origin", "build", "load", "save"]
