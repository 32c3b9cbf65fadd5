"""Codes to a stream, as they come: no seeking, no clock, the same bytes however the codes were cut into calls."""

from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np

from kvant.bitstream.audio_block import MAX_GAIN, max_block_frames
from kvant.bitstream.block_codes import pack_block
from kvant.bitstream.container import MAGIC, BlockType, Sink, frame_block
from kvant.bitstream.depths import ABSENT, is_prefix
from kvant.bitstream.end import End, codes_hash
from kvant.bitstream.entropy_models import EntropyModel
from kvant.bitstream.header import Header
from kvant.bitstream.header_values import NO_TABLES, UNKNOWN_SAMPLES, Packing
from kvant.errors import UsageError


class Writer:
    """Writes `header` at once, a block whenever it is full, and END on `close`. Memory: one block.

    `block_frames`: frames per block; 1 for a live stream, by default about a second, or two with a model, which knows
    nothing when a block begins. A block also ends where `header.reset_interval` restarts the codec and where the number
    of codebooks changes. With segments each is a block: see `write_segment`. `model`, of which the header has
    the digest, codes what it makes shorter. `payload_bits` counts gains, depths and layers written so far, in bits. As
    a context manager it closes itself, but after an exception writes nothing more: a stream without END is known to be
    incomplete.
    """

    def __init__(
        self, sink: Sink, header: Header, block_frames: int | None = None, model: EntropyModel | None = None
    ) -> None:
        _check_model(header, model)
        most = max_block_frames(header)
        if block_frames is None:
            block_frames = usual_block_frames(header, model)
        if not 1 <= block_frames <= most:
            raise UsageError(f"block_frames is {block_frames}, must be 1 to {most} with these codebooks")
        if header.segment_stride and header.reset_interval > most:
            raise UsageError(f"segments of {header.reset_interval} frames; a block holds {most} with these codebooks")
        self.header = header
        self._model = model
        self.payload_bits = 0
        self._sink = sink
        self._pending = np.empty((len(header.codebook_sizes), block_frames), np.int64)
        self._num_pending = 0
        self._depth = len(header.codebook_sizes)
        self._start = 0  # number of the first pending frame
        self._hash = codes_hash(header)
        self._closed = False
        sink.write(MAGIC + frame_block(BlockType.HEADER, 0, header.to_bytes()))

    def write(self, codes: np.ndarray) -> None:
        """Append the frames of `codes`, integers [K', T] with 1 <= K' <= K and T >= 0.

        A stream that is not raw takes frames of their own depth: ABSENT (-1) behind the codes that a frame has.
        Raises `UsageError`, and writes nothing of it, if a code is not in its codebook.
        """
        if self.header.segment_stride:
            raise UsageError("a codec of segments gives each a gain: write them one by one with write_segment")
        codes = self._accepted(codes)
        num_codebooks, num_frames = codes.shape
        if num_frames and num_codebooks != self._depth:
            self._flush()
            self._depth = num_codebooks
        while codes.shape[1]:
            room = self._room()
            part, codes = codes[:, :room], codes[:, room:]
            self._pending[: self._depth, self._num_pending : self._num_pending + part.shape[1]] = part
            self._num_pending += part.shape[1]
            if part.shape[1] == room:
                self._flush()

    def write_segment(self, codes: np.ndarray, gain: float) -> None:
        """Append a segment, a block: its frames [K', T], as for `write`, and what multiplies their decoded samples.

        gain: 0 to 65,536, kept as float32. `UsageError`, and nothing written: codes or gain out of range, or another
        number of frames than 1 to `header.reset_interval`, which all but the last two segments of a signal have.
        """
        if not self.header.segment_stride:
            raise UsageError("the header tells of no segments: write codes with write")
        codes = self._accepted(codes)
        if not 1 <= codes.shape[1] <= self.header.reset_interval or not 0 <= gain <= MAX_GAIN:
            raise UsageError(
                f"a segment of {codes.shape[1]} frames and gain {gain}; "
                f"must be 1 to {self.header.reset_interval} frames, and 0 to {MAX_GAIN:g}"
            )
        self._put(codes, abs(float(gain)))  # -0 is 0

    def close(self, num_samples: int | None = None) -> None:
        """Write what is pending, and END.

        `num_samples` per channel at the source's rate, if the header lacks it or the source ended before.
        """
        if self._closed:
            return
        known = self.header.num_samples
        if num_samples is None:
            num_samples = known
        elif known is not None and num_samples > known:
            raise UsageError(f"num_samples is {num_samples}, but the header says {known}, and may not be exceeded")
        elif not 0 <= num_samples < UNKNOWN_SAMPLES:
            raise UsageError(f"num_samples is {num_samples}, must be 0 to 2^64 - 2")
        self._flush()
        self._sink.write(End(self._start, num_samples, self._hash.digest()).to_block())
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self._closed = True

    def _accepted(self, codes: np.ndarray) -> np.ndarray:
        if self._closed:
            raise UsageError("the writer is closed; open a new one for a new stream")
        codes = _checked(codes, self.header)
        if self._start + self._num_pending + self.header.spanned(codes.shape[1]) > 2**32 - 1:
            raise UsageError("a stream holds at most 2^32 - 1 frames; close it and begin another")
        return codes

    def _room(self) -> int:
        """Frames that the pending block still takes."""
        room = self._pending.shape[1] - self._num_pending
        if interval := self.header.reset_interval:
            room = min(room, interval - (self._start + self._num_pending) % interval)
        return room

    def _flush(self) -> None:
        if not self._num_pending:
            return
        self._put(self._pending[: self._depth, : self._num_pending])
        self._num_pending = 0

    def _put(self, codes: np.ndarray, gain: float | None = None) -> None:
        """A block, from the first pending frame on."""
        interval = self.header.reset_interval
        reset = self._start == 0 or (interval > 0 and self._start % interval == 0)
        block = replace(pack_block(self.header, self._start, codes, reset, self._model), gain=gain)
        self._sink.write(block.to_bytes())
        self._hash.update(codes[: len(block.layers)], block.gain_bytes)
        self.payload_bits += 8 * block.num_bytes
        self._start += self.header.spanned(codes.shape[1])


def usual_block_frames(header: Header, model: EntropyModel | None) -> int:
    """Frames of a block if nobody says how many."""
    return min(max(1, round(header.frame_rate * (1 if model is None else 2))), max_block_frames(header))


def _checked(codes: np.ndarray, header: Header) -> np.ndarray:
    codes = np.asarray(codes)
    if codes.ndim != 2 or not np.issubdtype(codes.dtype, np.integer):
        raise UsageError(f"codes are {codes.dtype} {list(codes.shape)}, must be integers [codebooks, frames]")
    header.check_num_codebooks(codes.shape[0])
    sizes = np.array(header.codebook_sizes[: codes.shape[0]])
    present = codes != ABSENT if header.packing == Packing.CODED else np.ones_like(codes, bool)
    wrong = np.argwhere((codes < 0) & present | (codes >= sizes[:, None]))
    if len(wrong):
        slot, frame = wrong[0]
        raise UsageError(
            f"code {codes[slot, frame]} in slot {slot}, frame {frame} of this call; "
            f"its codebook has {sizes[slot]} entries"
        )
    if not is_prefix(codes, header.streams):
        raise UsageError("a frame has a code behind an absent one; only trailing levels can be absent")
    return codes


def _check_model(header: Header, model: EntropyModel | None) -> None:
    digest = NO_TABLES if model is None else model.digest
    if digest != header.table_digest or (model is not None and header.packing == Packing.RAW):
        raise UsageError("the header names another entropy model, or none; make it with the model's digest")
    if model is not None and model.codebook_sizes != header.level_sizes:
        raise UsageError(f"an entropy model of codebooks {model.codebook_sizes}; the stream's are {header.level_sizes}")
