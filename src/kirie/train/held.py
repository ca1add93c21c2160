"""The score on the held-out tenth: three plain measures, enough to see whether training helps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .data import Sample
from .minifeed import plain

__all__ = ["score"]


def score(net: nn.Module, samples: list[Sample], size: int) -> dict[str, float]:
    """Means over the pictures, at their own size, of the network's answer at size × size.

    mae: mean absolute error. iou: of both at 0.5. f: soft F-measure, 2·Σpt / Σ(p + t). All in 0..1.
    """
    was_training = net.training
    net.eval()
    totals = torch.zeros(3, dtype=torch.float64)
    with torch.inference_mode():
        for sample in samples:
            x, t = plain(sample, size)
            p = F.interpolate(net(x).float(), size=t.shape[2:], mode="bilinear").sigmoid()
            a, b = p >= 0.5, t >= 0.5
            either = (a | b).sum().clamp(min=1)
            f = 2 * (p * t).sum() / (p + t).sum().clamp(min=1e-6)
            totals += torch.stack(((p - t).abs().mean(), (a & b).sum() / either, f)).double()
    net.train(was_training)
    mae, iou, f = (totals / max(1, len(samples))).tolist()
    return {"mae": round(mae, 5), "iou": round(iou, 5), "f": round(f, 5)}
