"""The last step of the sensor's own image processor: pixels become the whole numbers that its network reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GAIN, OFFSET = 12, 13  # bits of a register


class Normaliser(Struct, frozen=True):
    """q = (((p × gain) >> 6) + offset) >> 4, in whole numbers, per channel.

    Attributes:
        gain: Registers K00, K11, K22, 12 bits in two's complement; 0x400 is 1.
        offset: Registers K03, K13, K23, 13 bits in two's complement; 0x1800 is −128, 0 is none.
        signed: Whether q is an int8, else an uint8.
        bgr: Whether blue comes first.
    """

    gain: tuple[int, int, int] = (0x400, 0x400, 0x400)
    offset: tuple[int, int, int] = (0x1800, 0x1800, 0x1800)
    signed: bool = True
    bgr: bool = False

    @property
    def gains(self) -> list[int]:
        """The numbers in the registers of gain."""
        return [signed(each, GAIN) for each in self.gain]

    @property
    def offsets(self) -> list[int]:
        """The numbers in the registers of offset."""
        return [signed(each, OFFSET) for each in self.offset]

    def quantised(self, pixels: NDArray[np.uint8]) -> NDArray[np.int8 | np.uint8]:
        """What the network reads of an (H, W, 3) RGB picture: (3, H, W), the nearest number that it has for each."""
        import numpy as np

        planes = pixels[..., ::-1] if self.bgr else pixels
        gain, offset = np.array(self.gains, np.int32), np.array(self.offsets, np.int32)
        steps = (((planes.astype(np.int32) * gain) >> 6) + offset) >> 4
        kind = np.iinfo(np.int8 if self.signed else np.uint8)
        return np.ascontiguousarray(steps.clip(kind.min, kind.max).astype(kind.dtype).transpose(2, 0, 1))

    def restored(self, steps: NDArray[np.int8 | np.uint8]) -> NDArray[np.float32]:
        """The pixels behind what the network read, 0…255: (3, H, W) in the network's order of colours."""
        import numpy as np

        gain, offset = (np.array(each, np.float32)[:, None, None] for each in (self.gains, self.offsets))
        return (steps.astype(np.float32) * 16 - offset) * 64 / gain


def signed(register: int, bits: int) -> int:
    """The number in a register of so many bits, in two's complement."""
    return register - (1 << bits) if register >> (bits - 1) & 1 else register
