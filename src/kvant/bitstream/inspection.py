"""What a stream is and whether it is whole: no model needed."""

from typing import Any, NamedTuple

from kvant.bitstream.audio_block import layers_bits
from kvant.bitstream.container import Source
from kvant.bitstream.header import Header
from kvant.bitstream.reader import Damage, Reader


class Report(NamedTuple):
    """Outcome of `verify`. `blocks` and `frames`: those that came out whole; `hash_ok`: None if there was no END."""

    blocks: int
    frames: int
    lost_frames: int
    damage: list[Damage]
    hash_ok: bool | None
    complete: bool

    @property
    def ok(self) -> bool:
        """Whether the stream is exactly what was written."""
        return self.complete and bool(self.hash_ok) and not self.damage


def verify(source: Source) -> Report:
    """Check every checksum, frame number and code of a stream, and that nothing follows its END.

    Raises only if the stream cannot be read at all: no magic, a damaged HEADER, a newer version.
    """
    reader = Reader(source)
    lengths = [block.codes.shape[1] for block in reader]
    if reader.end:
        reader.check_nothing_follows()
    return Report(len(lengths), sum(lengths), reader.lost_frames, reader.damage, reader.hash_ok, reader.complete)


class Info(NamedTuple):
    """Outcome of `info`. Rates in bit/s: of the layers of codes alone, and of the file with all its framing."""

    header: Header
    frames: int
    duration_seconds: float
    num_samples: int | None
    num_codebooks: int
    payload_bits: int
    payload_bitrate: float
    file_bytes: int
    file_bitrate: float
    complete: bool

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: digests in hex, the layout by its name."""
        header = {
            **vars(self.header),
            "decoder_digest": self.header.decoder_digest.hex(),
            "encoder_digest": self.header.encoder_digest.hex(),
            "layout": self.header.layout.name.lower(),
            "codebook_sizes": list(self.header.codebook_sizes),
            "strides": list(self.header.strides),
            "frame_rate": self.header.frame_rate,
        }
        return {**self._asdict(), "header": header}


def info(source: Source) -> Info:
    """Describe a stream from its whole blocks, up to END. `num_codebooks` is the most that any block holds.

    `duration_seconds` is what the frames can decode to: a header's claim shortens it and never lengthens it.
    """
    reader = Reader(source)
    header = reader.header
    frames = num_codebooks = payload_bits = 0
    for block in reader:
        frames += block.codes.shape[1]
        num_codebooks = max(num_codebooks, block.codes.shape[0])
        payload_bits += layers_bits(header, block.codes)
    duration = frames / header.frame_rate
    if reader.num_samples is not None:
        duration = min(duration, reader.num_samples / header.source_rate)
    return Info(
        header=header,
        frames=frames,
        duration_seconds=duration,
        num_samples=reader.num_samples,
        num_codebooks=num_codebooks,
        payload_bits=payload_bits,
        payload_bitrate=payload_bits / duration if duration else 0.0,
        file_bytes=reader.bytes_read,
        file_bitrate=reader.bytes_read * 8 / duration if duration else 0.0,
        complete=reader.complete,
    )
