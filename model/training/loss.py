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


def soft(logits: Tensor, taught: Tensor) -> Tensor:
    """Squared difference of the shares plus Dice, against what a teacher says: (N,), each at least 0.

    Args:
        logits: (N, 1, H, W).
        taught: (N, 1, H, W), logits of the teacher.
    """
    mine, theirs = logits.sigmoid(), taught.sigmoid()
    return (mine - theirs).square().mean((1, 2, 3)) + dice(mine, theirs)


def distilled(logits: Tensor, masks: Tensor, taught: Tensor, weight: float) -> Tensor:
    """`soft` where the teacher is right, `hard` where it is not, sample by sample: (N,).

    PicoSAM2 weighs both by how sure its teacher is, and PicoSAM3 by the mean of that over a batch; here it is how much
    of each mask the teacher has right, which is known.

    Args:
        logits: (N, 1, H, W).
        masks: (N, 1, H, W), 0 or 1.
        taught: (N, 1, H, W), logits of the teacher.
        weight: Of a teacher that is right, 0…1.
    """
    trust = weight * ious(taught, masks)
    return trust * soft(logits, taught) + (1 - trust) * hard(logits, masks)


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
