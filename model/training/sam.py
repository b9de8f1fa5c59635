"""SAM2 (Ravi et al., 2024) as a teacher: prompted with the box of what is meant, in the crop that the pupil sees.

It is a package of its own, `sam2`, and its weights are a file that whoever trains has; none of it is in Kensa.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.networks.vision import complete
from model.prompt import box_of
from model.training.teacher import Ask
from pipeline.errors import KensaError

NOTHING = -16.0  # logit of what is not there
MISSING = "expected the package sam2, found none; make it: make sam2, or install it: pip install 'kensa[model,sam2]'"


def sam2(checkpoint: Path | None, config: str, device: str, changes: Sequence[str] = ()) -> Ask:
    """SAM2, which is given a sample's crop and the box of its mask.

    Args:
        checkpoint: Its weights; None: by chance, for tests.
        config: Name of its configuration in the package, as `configs/sam2.1/sam2.1_hiera_t.yaml`.
        device: Where it runs.
        changes: What is different from that configuration, in Hydra's words.

    Raises:
        KensaError: If the package is not there, if it has no such configuration, or if the weights are not its own.
    """
    predictor = _predictor(checkpoint, config, device, changes)

    def ask(pixels: Tensor, masks: Tensor) -> Tensor:
        pictures = [np.ascontiguousarray(each) for each in pixels.permute(0, 2, 3, 1).cpu().numpy()]
        meant = masks[:, 0].cpu().numpy() > 0
        with torch.inference_mode():
            predictor.set_image_batch(pictures)
            told, _, _ = predictor.predict_batch(
                box_batch=[_corners(each) for each in meant], multimask_output=False, return_logits=True
            )
        found = torch.from_numpy(np.stack([each.reshape(-1, *meant.shape[1:])[:1] for each in told])).float()
        found[torch.from_numpy(~meant.any((1, 2)))] = NOTHING
        return found.to(pixels.device)

    return ask


def _corners(mask: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of a mask; of an empty one, all there is."""
    height, width = mask.shape
    x, y, wide, high = box_of(mask) if mask.any() else (0, 0, width, height)
    return np.array([x, y, x + wide, y + high], np.float32)


def _predictor(checkpoint: Path | None, config: str, device: str, changes: Sequence[str]) -> Any:
    complete()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torchvision's, of what torch is about to drop
        try:
            from hydra.errors import HydraException
            from sam2.build_sam import build_sam2
            from sam2.sam2_image_predictor import SAM2ImagePredictor
        except ImportError as error:
            raise KensaError(MISSING) from error
        weights = str(checkpoint) if checkpoint else None
        build = partial(build_sam2, config, weights, device=device, hydra_overrides_extra=[*changes])
        return SAM2ImagePredictor(_built(build, HydraException, checkpoint, config))


def _built(build: Callable[[], Any], unknown: type[Exception], checkpoint: Path | None, config: str) -> Any:
    try:
        return build()
    except unknown as error:
        raise KensaError(f"SAM2: expected one of its configurations, got '{config}': {error}") from error
    except Exception as error:  # what torch and sam2 raise for weights that are not its own has no class of its own
        raise KensaError(f"{checkpoint}: expected weights of SAM2's {config}, found something else: {error}") from error
