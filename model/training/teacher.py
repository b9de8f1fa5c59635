"""Whom a network learns from: another of ours, or SAM2; asked once of each sample, if its answers are kept."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from model.networks.zoo import normalised
from pipeline.errors import KensaError

STEPS = 8  # of a logit: what is kept is in int8, −16…+16, beyond which a share is 0 or 1

Ask = Callable[[Tensor, Tensor], Tensor]
"""(N, 3, H, W) pixels and (N, 1, H, W) masks, uint8, to (N, 1, H, W) logits, float32, on the same device."""


class KeptError(KensaError):
    """A file of answers that cannot be used."""


def ours(network: nn.Module) -> Ask:
    """A network of ours, which sees what its pupil sees; of the mask it is told nothing."""
    network.train(False)

    def ask(pixels: Tensor, masks: Tensor) -> Tensor:  # noqa: ARG001 - others are prompted with its box
        with torch.no_grad():
            seen = normalised(pixels).contiguous(memory_format=torch.channels_last)
            found: Tensor = network(seen).float()
            return found

    return ask


class Kept:
    """Answers of a teacher, kept in a file; it is asked of what is not there.

    What is kept has steps of an eighth, and so has what is given: the first time as every other, so that a run is the
    same whether or not its teacher was asked before.

    Args:
        ask: The teacher.
        path: An SQLite file; it is made where there is none.
        digest: Of the teacher: the answers of another one are not taken for its own.

    Raises:
        KeptError: If the file is another one's, or cannot be written.
    """

    def __init__(self, ask: Ask, path: Path, digest: str) -> None:
        self._ask = ask
        try:
            self._file = sqlite3.connect(path)
            self._file.execute("CREATE TABLE IF NOT EXISTS teacher (digest TEXT)")
            self._file.execute("CREATE TABLE IF NOT EXISTS answers (sample BLOB PRIMARY KEY, steps BLOB) WITHOUT ROWID")
            known = [each for (each,) in self._file.execute("SELECT digest FROM teacher")]
            if not known:
                self._file.execute("INSERT INTO teacher VALUES (?)", (digest,))
            self._file.commit()
        except sqlite3.Error as error:
            raise KeptError(f"{path}: expected a file of a teacher's answers; {error}") from error
        if known and known != [digest]:
            raise KeptError(
                f"{path}: expected answers of the teacher {digest}, found those of {known[0]}; name another file"
            )

    def __call__(self, pixels: Tensor, masks: Tensor) -> Tensor:
        """As the teacher's own answer, in steps of an eighth."""
        keys = [_key(*pair) for pair in zip(pixels.cpu().numpy(), masks.cpu().numpy(), strict=True)]
        found = [self._read(key) for key in keys]
        asked = [place for place, steps in enumerate(found) if steps is None]
        if asked:
            told = self._ask(pixels[asked], masks[asked])[:, 0]
            held = (told * STEPS).round().clamp(-127, 127).to(torch.int8).cpu().numpy()
            self._write([keys[place] for place in asked], held)
            for place, steps in zip(asked, held, strict=True):
                found[place] = steps.tobytes()
        side = tuple(pixels.shape[2:])
        steps = np.stack([np.frombuffer(each or b"", np.int8).reshape(side) for each in found])
        return torch.from_numpy(steps).to(pixels.device).float()[:, None] / STEPS

    def _read(self, key: bytes) -> bytes | None:
        row = self._file.execute("SELECT steps FROM answers WHERE sample = ?", (key,)).fetchone()
        return zlib.decompress(row[0]) if row else None

    def _write(self, keys: Sequence[bytes], steps: Sequence[np.ndarray]) -> None:
        rows = [(key, zlib.compress(each.tobytes(), 1)) for key, each in zip(keys, steps, strict=True)]
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)


def _key(pixels: np.ndarray, mask: np.ndarray) -> bytes:
    """Names a sample by all that a teacher is shown of it."""
    return hashlib.blake2s(pixels.tobytes() + mask.tobytes(), digest_size=16).digest()
