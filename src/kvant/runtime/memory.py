"""A wav in memory to `.kvt` bytes and back, in one call each."""

import io
from collections.abc import Iterator

import numpy as np

from kvant.audio import validate
from kvant.bitstream import Packing, Reader, Writer
from kvant.errors import UsageError
from kvant.runtime.files import BLOCK_SECONDS, codec_for, decode_file, header_for, put
from kvant.runtime.kept import kept
from kvant.runtime.models import DEFAULT
from kvant.runtime.packing import packed
from kvant.runtime.rate_search import Recording, find_limit


def compress(
    wav: np.ndarray,
    sample_rate: int,
    bitrate: float | None = None,
    num_codebooks: int | None = None,
    model: str = DEFAULT,
    beam: int = 1,
    variable: bool = False,
    packing: Packing | None = None,
    refine: int = 0,
) -> bytes:
    """`.kvt` bytes of wav [C, N] or [N], at `bitrate` bit/s per channel or with `num_codebooks` levels (all).

    beam, refine: as for `Codec.encode`. variable: each frame gets the levels it needs, so that `bitrate` is the average
    over `wav`, which is heard twice: see `find_limit`. packing: as for `kvant.runtime.packing.packed`.
    """
    if bitrate is not None and num_codebooks is not None:
        raise UsageError("give bitrate or num_codebooks, not both")
    if variable and bitrate is None:
        raise UsageError("a variable bitrate needs the average: give bitrate")
    codec = kept(str(model))
    levels = num_codebooks if bitrate is None or variable else codec.levels(bitrate)
    wav = validate(wav, sample_rate)
    how = packed(codec, variable, packing)
    limit = None
    if variable and bitrate is not None:
        limit = find_limit(Recording(_blocks(wav, sample_rate), sample_rate, len(wav)), codec, bitrate, beam, how).limit
    sink = io.BytesIO()
    header = header_for(codec, sample_rate, len(wav), wav.shape[1], how, codec.check_levels(levels, limit))
    writer = Writer(sink, header, None, how.model)
    stream = codec.encoder_stream(sample_rate, len(wav), levels, beam, limit, refine)
    put(writer, stream.push(wav))
    put(writer, stream.flush())
    writer.close(num_samples=wav.shape[1])
    return sink.getvalue()


def _blocks(wav: np.ndarray, sample_rate: int) -> Iterator[np.ndarray]:
    size = BLOCK_SECONDS * sample_rate
    return (wav[:, start : start + size] for start in range(0, wav.shape[1], size))


class _Memory:
    """A sink that keeps the blocks."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def write(self, block: np.ndarray) -> None:
        self.blocks.append(block)

    def __enter__(self) -> "_Memory":
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def decompress(data: bytes, model: str | None = None) -> tuple[np.ndarray, int]:
    """wav float32 [C, N] and its sample rate, of `.kvt` bytes. BitstreamError: damage; ModelError: another model."""
    reader = Reader(io.BytesIO(data), strict=True)
    memory = _Memory()
    decode_file(reader, lambda rate, channels: memory, codec_for(reader.header, model))
    return np.concatenate(memory.blocks, axis=1), reader.header.source_rate
