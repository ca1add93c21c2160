"""All losses, from logits: of one map (`maps`), of several (`several`), of alpha (`matting`), and each family's own.

A family's `…_losses` gives the terms, its `…_loss` their published sum; `train.objectives` hands them to the loop by name.
"""

from .basnet import BASNetLosses, basnet_loss, basnet_losses
from .birefnet import TASKS, TERMS, BiRefNetLosses, birefnet_loss, birefnet_losses, late_weights
from .inspyrenet import InSPyReNetLosses, inspyrenet_loss, inspyrenet_losses
from .maps import (
    bce,
    box_ssim,
    contour,
    edge_weights,
    iou,
    mae,
    mse,
    patch_iou,
    pixel_iou,
    regional,
    similarity,
    ssim,
    structure,
    weighted_bce,
)
from .matting import alpha_gradient, alpha_laplacian, composition
from .mini import MiniLosses, mini_losses
from .segformer import segformer_loss
from .several import (
    IGNORED,
    auxiliary,
    consistency,
    cross_entropy,
    feature_distance,
    gradient_reference,
    supervise,
    true_reference,
)
from .u2net import isnet_feature_losses, isnet_loss, isnet_losses, u2net_loss, u2net_losses

__all__ = [
    "IGNORED",
    "TASKS",
    "TERMS",
    "BASNetLosses",
    "BiRefNetLosses",
    "InSPyReNetLosses",
    "MiniLosses",
    "alpha_gradient",
    "alpha_laplacian",
    "auxiliary",
    "basnet_loss",
    "basnet_losses",
    "bce",
    "birefnet_loss",
    "birefnet_losses",
    "box_ssim",
    "composition",
    "consistency",
    "contour",
    "cross_entropy",
    "edge_weights",
    "feature_distance",
    "gradient_reference",
    "inspyrenet_loss",
    "inspyrenet_losses",
    "iou",
    "isnet_feature_losses",
    "isnet_loss",
    "isnet_losses",
    "late_weights",
    "mae",
    "mini_losses",
    "mse",
    "patch_iou",
    "pixel_iou",
    "regional",
    "segformer_loss",
    "similarity",
    "ssim",
    "structure",
    "supervise",
    "true_reference",
    "u2net_loss",
    "u2net_losses",
    "weighted_bce",
]
