"""What lets torchvision be loaded beside a torch without CUDA."""

from __future__ import annotations

import torch

_KEPT: list[torch.library.Library] = []  # what a library defines lives as long as it does


def complete() -> None:
    """Name the operators that the registry's torchvision asks for and that only come with CUDA; nobody calls them."""
    if _KEPT or torch.cuda.is_available():
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)
