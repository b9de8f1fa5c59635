"""Answers that are kept: each sample is asked once, by all that a teacher is shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is in .venv-model: make model-test")

from torch import Tensor

from model.training.teacher import STEPS, Kept, KeptError


class Counting:
    """A teacher that says how bright a pixel is, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, pixels: Tensor, masks: Tensor) -> Tensor:
        """A logit of −16.2 to 16.2, and one more within the mask."""
        self.asked += len(pixels)
        return pixels[:, :1].float() / 255 * 32.4 - 16.2 + masks.float()


def _samples(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=chance)
    return pixels, torch.randint(0, 2, (count, 1, 8, 8), dtype=torch.uint8, generator=chance)


def test_a_sample_is_asked_once(tmp_path: Path) -> None:
    """In any batch, by any run; another mask is another sample."""
    teacher = Counting()
    pixels, masks = _samples(6)
    first = Kept(teacher, tmp_path / "kept", "a")(pixels, masks)
    again = Kept(teacher, tmp_path / "kept", "a")(pixels.flip(0), masks.flip(0))
    assert teacher.asked == 6
    assert (first == again.flip(0)).all()
    Kept(teacher, tmp_path / "kept", "a")(pixels[:2], 1 - masks[:2])
    assert teacher.asked == 8


def test_what_is_kept_is_nearly_what_was_said(tmp_path: Path) -> None:
    """Within half a step, up to 16 either way."""
    pixels, masks = _samples(4)
    told = Kept(Counting(), tmp_path / "kept", "a")(pixels, masks)
    exact = Counting()(pixels, masks)
    assert (told - exact.clamp(-127 / STEPS, 127 / STEPS)).abs().max() <= 0.5 / STEPS + 1e-6
    assert told.shape == exact.shape
    assert told.dtype == torch.float32


def test_another_file_is_refused(tmp_path: Path) -> None:
    """One that is no database, and one of another teacher."""
    (tmp_path / "torn").write_bytes(b"no database at all, but long enough to be taken for one" * 20)
    with pytest.raises(KeptError, match="torn: expected a file of a teacher's answers; file is not a database"):
        Kept(Counting(), tmp_path / "torn", "a")
    Kept(Counting(), tmp_path / "kept", "a")
    with pytest.raises(KeptError, match="expected answers of the teacher b, found those of a; name another file"):
        Kept(Counting(), tmp_path / "kept", "b")
