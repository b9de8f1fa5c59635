"""What is wrong with an answer, sample by sample."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy


def hard(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross entropy plus Dice (Milletari et al., 2016) against a mask: (N,), each at least 0.

    Args:
        logits: (N, 1, H, W).
        masks: (N, 1, H, W), 0 or 1.
    """
    return cross_entropy(logits, masks, reduction="none").mean((1, 2, 3)) + dice(logits.sigmoid(), masks)


def dice(shares: Tensor, masks: Tensor) -> Tensor:
    """One less twice what both have over what each has: (N,), 0…1; two that are nearly empty agree.

    Args:
        shares: (N, 1, H, W), 0…1.
        masks: (N, 1, H, W), 0…1.
    """
    both, each = (shares * masks).sum((1, 2, 3)), (shares + masks).sum((1, 2, 3))
    return 1 - (2 * both + 1) / (each + 1)


def ious(logits: Tensor, masks: Tensor) -> Tensor:
    """Intersection over union of what is inside: (N,); of two empty masks it is 1.

    Args:
        logits: (N, 1, H, W); positive is inside.
        masks: (N, 1, H, W), 0 or 1.
    """
    found, meant = logits > 0, masks > 0.5
    both, either = (found & meant).sum((1, 2, 3)), (found | meant).sum((1, 2, 3))
    return (both / either.clamp(min=1)).where(either > 0, 1.0)
