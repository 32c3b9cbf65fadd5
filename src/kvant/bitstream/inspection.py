"""What a stream is and whether it is whole: no model needed."""

from collections.abc import Callable
from typing import Any, NamedTuple

from kvant.bitstream.block import Block, Damage
from kvant.bitstream.container import Source
from kvant.bitstream.depths import depths_of
from kvant.bitstream.entropy_models import EntropyModel
from kvant.bitstream.header import Header
from kvant.bitstream.reader import Reader

ModelFor = Callable[[Header], EntropyModel | None]
"""The entropy model that a stream asks for; None: it is not here."""


def no_model(header: Header) -> None:
    """None is here."""


class Report(NamedTuple):
    """Outcome of `verify`. `blocks` and `frames`: those that came out whole; `hash_ok`: None if there was no END, or no
    entropy model to tell the codes."""

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

    @property
    def unread(self) -> bool:
        """Whether all is whole, as far as can be told without the entropy model that the codes need."""
        return self.complete and self.hash_ok is None and not self.damage


def verify(source: Source, model_for: ModelFor = no_model) -> Report:
    """Check every checksum, frame number and code of a stream, and that nothing follows its END.

    Raises only if the stream cannot be read at all: no magic, a damaged HEADER, a newer version, another entropy model.
    """
    reader = _reader(source, model_for)
    lengths = [block.audio.num_frames for block in reader]
    if reader.end:
        reader.check_nothing_follows()
    return Report(len(lengths), sum(lengths), reader.lost_frames, reader.damage, reader.hash_ok, reader.complete)


class Info(NamedTuple):
    """Outcome of `info`. Rates in bit/s: of depths and layers of codes alone, and of the file with all its framing.

    mean_depth: levels a frame of a channel has on average, None if only an entropy model could tell that is not here.
    coded_share: of the payload, what is in blocks with something range coded.
    """

    header: Header
    frames: int
    duration_seconds: float
    num_samples: int | None
    num_codebooks: int
    mean_depth: float | None
    coded_share: float
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
            "packing": self.header.packing.name.lower(),
            "table_digest": self.header.table_digest.hex(),
            "codebook_sizes": list(self.header.codebook_sizes),
            "strides": list(self.header.strides),
            "frame_rate": self.header.frame_rate,
        }
        return {**self._asdict(), "header": header}


def info(source: Source, model_for: ModelFor = no_model) -> Info:
    """Describe a stream from its whole blocks, up to END. `num_codebooks` is the most that any block holds.

    `duration_seconds` is what the frames can decode to: a header's claim shortens it and never lengthens it.
    """
    reader = _reader(source, model_for)
    header = reader.header
    frames = num_codebooks = payload_bytes = coded_bytes = 0
    depths: float | None = 0.0
    for block in reader:
        audio, depth = block.audio, _sum_of_depths(header, block)
        frames += audio.num_frames
        num_codebooks = max(num_codebooks, len(audio.layers))
        payload_bytes += audio.num_bytes
        coded_bytes += audio.num_bytes * audio.coded
        depths = None if depths is None or depth is None else depths + depth
    duration = _seconds(header, frames)
    if reader.num_samples is not None:
        duration = min(duration, reader.num_samples / header.source_rate)
    return Info(
        header=header,
        frames=frames,
        duration_seconds=duration,
        num_samples=reader.num_samples,
        num_codebooks=num_codebooks,
        mean_depth=None if depths is None or not frames else depths / frames,
        coded_share=coded_bytes / payload_bytes if payload_bytes else 0.0,
        payload_bits=8 * payload_bytes,
        payload_bitrate=8 * payload_bytes / duration if duration else 0.0,
        file_bytes=reader.bytes_read,
        file_bitrate=reader.bytes_read * 8 / duration if duration else 0.0,
        complete=reader.complete,
    )


def _reader(source: Source, model_for: ModelFor) -> Reader:
    reader = Reader(source)
    model = model_for(reader.header)
    if model is not None:
        reader.use(model)
    return reader


def _seconds(header: Header, frames: int) -> float:
    """How long so many frames are, from the first on; with segments, if all but the last are whole."""
    if not header.segment_stride:
        return frames / header.frame_rate
    whole = max(0, frames - 1) // header.reset_interval
    rest = frames - whole * header.reset_interval
    return (whole * header.segment_stride + rest * header.hop_length) / header.codec_rate


def _sum_of_depths(header: Header, block: Block) -> float | None:
    """Over frames, on average over channels."""
    if block.known is not None:
        return float(depths_of(block.known, header.streams).sum()) / header.streams
    if isinstance(block.audio.depths, bytes):
        return None
    return block.audio.num_frames * len(block.audio.layers) / header.streams
