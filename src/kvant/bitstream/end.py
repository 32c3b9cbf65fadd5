"""The END block: how much there was, and a hash of all codes (FORMAT.md, section 6)."""

import hashlib
import struct
from typing import NamedTuple, Protocol, Self

import numpy as np

from kvant.bitstream.container import BlockType, frame_block
from kvant.bitstream.depths import deepened
from kvant.bitstream.errors import Damaged
from kvant.bitstream.header import Header
from kvant.bitstream.header_values import DIGEST_BYTES, UNKNOWN_SAMPLES, Packing

_TOTALS = struct.Struct("<QQ")
LEVEL_DIGEST_BYTES = 4


class CodesHash(Protocol):
    """What tells whether codes are those that were written: independent of how they are cut into blocks."""

    def update(self, codes: np.ndarray, gain: bytes = b"") -> None:
        """Append the frames of `codes` [K', n], and before them the gain of a segment."""
        ...

    def digest(self) -> bytes: ...


class WholeHash:
    """Of raw streams: SHA-256 over codes as u32 little-endian, frame by frame, coarse first."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def update(self, codes: np.ndarray, gain: bytes = b"") -> None:
        self._sha256.update(gain + codes.T.astype("<u4").tobytes())

    def digest(self) -> bytes:
        """32 bytes."""
        return self._sha256.digest()


class LevelHashes:
    """Of streams that may be coded: the first 4 bytes of SHA-256 over each level, so that levels can be dropped unread.

    Codes are u32 little-endian, frame by frame, channel by channel; absent ones are 2^32 - 1.
    """

    def __init__(self, num_levels: int, streams: int) -> None:
        self._levels = [hashlib.sha256() for _ in range(num_levels)]
        self._streams = streams
        self._deepest = 0

    def update(self, codes: np.ndarray, gain: bytes = b"") -> None:
        self._deepest = max(self._deepest, len(codes) // self._streams)
        for level, rows in zip(
            self._levels, np.split(deepened(codes, self._streams * len(self._levels)), len(self._levels))
        ):
            level.update(gain + rows.T.astype("<u4").tobytes())

    def digest(self) -> bytes:
        """4 bytes for each level that a block held."""
        return b"".join(level.digest()[:LEVEL_DIGEST_BYTES] for level in self._levels[: self._deepest])


def codes_hash(header: Header) -> CodesHash:
    """The hash that END of this stream holds."""
    return WholeHash() if header.packing == Packing.RAW else LevelHashes(header.num_levels, header.streams)


class End(NamedTuple):
    """Totals of the stream. `num_samples`: per channel at the source's rate, None if even the writer did not know."""

    total_frames: int
    num_samples: int | None
    codes_digest: bytes

    def to_block(self) -> bytes:
        """The whole END block."""
        num_samples = UNKNOWN_SAMPLES if self.num_samples is None else self.num_samples
        payload = _TOTALS.pack(self.total_frames, num_samples) + self.codes_digest
        return frame_block(BlockType.END, self.total_frames, payload)

    @classmethod
    def from_payload(cls, header: Header, payload: bytes) -> Self:
        """The fields of an END block's payload; `Damaged` if this header's stream cannot have its length."""
        most = LEVEL_DIGEST_BYTES * header.num_levels
        lengths = [DIGEST_BYTES] if header.packing == Packing.RAW else range(0, most + 1, LEVEL_DIGEST_BYTES)
        if len(payload) - _TOTALS.size not in lengths:
            allowed = " or ".join(str(_TOTALS.size + length) for length in lengths)
            raise Damaged(f"END block has {len(payload)} bytes, must have {allowed}")
        total_frames, num_samples = _TOTALS.unpack(payload[: _TOTALS.size])
        digest = payload[_TOTALS.size :]
        return cls(total_frames, None if num_samples == UNKNOWN_SAMPLES else num_samples, digest)
