"""SAM2 as a teacher: the package itself, in a tiny shape and with weights of chance, prompted as in training."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in .venv-model: make model-test")

from model.networks.vision import complete

complete()
if importlib.util.find_spec("sam2") is None:
    pytest.skip("SAM2 is added to .venv-model by make sam2", allow_module_level=True)

from model.training.sam import NOTHING, sam2
from pipeline.errors import KensaError

CONFIG = "configs/sam2.1/sam2.1_hiera_t.yaml"
TINY = (
    "model.image_encoder.trunk.embed_dim=8",
    "model.image_encoder.trunk.stages=[1,1,2,1]",
    "model.image_encoder.trunk.global_att_blocks=[3]",
    "model.image_encoder.neck.backbone_channel_list=[64,32,16,8]",
)


def test_it_is_prompted_with_the_box_of_what_is_meant() -> None:
    """One picture, two masks: two answers; the same mask gives the same one; no mask gives nothing."""
    torch.manual_seed(0)
    ask = sam2(None, CONFIG, "cpu", TINY)
    pixels = torch.randint(0, 256, (1, 3, 96, 96), dtype=torch.uint8).expand(3, -1, -1, -1)
    masks = torch.zeros(3, 1, 96, 96, dtype=torch.uint8)
    masks[0, 0, 20:60, 30:50] = 1
    masks[1, 0, 70:90, 5:95] = 1
    told = ask(pixels, masks)
    assert told.shape == (3, 1, 96, 96)
    assert told.dtype == torch.float32
    assert torch.isfinite(told).all()
    assert not torch.allclose(told[0], told[1])
    assert (told[2] == NOTHING).all()
    assert torch.allclose(ask(pixels[:1], masks[:1]), told[:1], atol=1e-3)


def test_weights_and_configurations_that_are_none_are_refused(tmp_path: Path) -> None:
    """With what was expected."""
    with pytest.raises(KensaError, match=r"expected one of its configurations, got 'configs/none\.yaml'"):
        sam2(None, "configs/none.yaml", "cpu")
    (tmp_path / "torn.pt").write_bytes(b"torn")
    with pytest.raises(KensaError, match=r"torn\.pt: expected weights of SAM2's configs/sam2\.1"):
        sam2(tmp_path / "torn.pt", CONFIG, "cpu", TINY)
