"""The END block: how much there was, and a hash of all codes (FORMAT.md, section 6)."""

import hashlib
import struct
from typing import NamedTuple, Self

import numpy as np

from kvant.bitstream.container import BlockType, frame_block
from kvant.bitstream.errors import Damaged
from kvant.bitstream.header import DIGEST_BYTES, UNKNOWN_SAMPLES

_END = struct.Struct(f"<QQ{DIGEST_BYTES}s")


class CodesHash:
    """SHA-256 over codes as u32 little-endian, frame by frame, coarse first: independent of blocks and packing."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def update(self, codes: np.ndarray) -> None:
        """Append the frames of `codes` [K', n]."""
        self._sha256.update(codes.T.astype("<u4").tobytes())

    def digest(self) -> bytes:
        """32 bytes."""
        return self._sha256.digest()


class End(NamedTuple):
    """Totals of the stream. `num_samples`: per channel at the source's rate, None if even the writer did not know."""

    total_frames: int
    num_samples: int | None
    codes_digest: bytes

    def to_block(self) -> bytes:
        """The whole END block."""
        num_samples = UNKNOWN_SAMPLES if self.num_samples is None else self.num_samples
        payload = _END.pack(self.total_frames, num_samples, self.codes_digest)
        return frame_block(BlockType.END, self.total_frames, payload)

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """The fields of an END block's payload; `Damaged` if it has another length."""
        if len(payload) != _END.size:
            raise Damaged(f"END block has {len(payload)} bytes, must have {_END.size}")
        total_frames, num_samples, digest = _END.unpack(payload)
        return cls(total_frames, None if num_samples == UNKNOWN_SAMPLES else num_samples, digest)
