"""The field's measures: how right masks, mattes and label maps are.

    >>> from kirie import metrics
    >>> measure = metrics.SMeasure()
    >>> measure.update(prediction, truth)["Sm"]     # (H, W) uint8, uint16, bool or floats in [0, 1]; arrays or tensors
    0.9278869895555893
    >>> measure.compute()                           # over all pictures so far
    {'Sm': 0.9278869895555893}

Each measure has `update`, `compute`, `reset` and `merge`; `metrics.suite("usual")` takes in several at once, and does what they share
once. docs/metrics.md says for each where its definition comes from and what it does with odd input. MAE, MSE, S, E, F, the
confusion family and the areas need NumPy alone, the others the extra eval.
"""

from __future__ import annotations

from ._inputs import Pair, Resize, pair
from ._measure import Measure, Record
from .auc import AUC
from .boundary_iou import BoundaryIoU
from .camouflage import CamouflageContextMeasure
from .confusion import Confusion
from .context import ContextMeasure
from .e_measure import EMeasure
from .f_measure import FMeasure
from .hce import HCE
from .iou import IoU
from .label_maps import LabelMaps
from .mae import MAE
from .matting import Matting
from .mba import MeanBoundaryAccuracy
from .mse import MSE
from .msiou import MSIoU
from .s_measure import SMeasure
from .size_invariant import SizeInvariant
from .size_invariant_mae import SizeInvariantMAE
from .suite import GROUPS, MEASURES, Suite, suite
from .thin_iou import ThinIoU
from .weighted_f import WeightedF

__all__ = [
    "AUC",
    "GROUPS",
    "HCE",
    "MAE",
    "MEASURES",
    "MSE",
    "BoundaryIoU",
    "CamouflageContextMeasure",
    "Confusion",
    "ContextMeasure",
    "EMeasure",
    "FMeasure",
    "IoU",
    "LabelMaps",
    "MSIoU",
    "Matting",
    "MeanBoundaryAccuracy",
    "Measure",
    "Pair",
    "Record",
    "Resize",
    "SMeasure",
    "SizeInvariant",
    "SizeInvariantMAE",
    "Suite",
    "ThinIoU",
    "WeightedF",
    "pair",
    "suite",
]
