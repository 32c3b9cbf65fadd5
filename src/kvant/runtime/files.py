"""Audio to `.kvt` bytes and back: a wav file and its stream meet here. Memory is constant, whatever the length."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple, Protocol, cast

import numpy as np

from kvant.audio import AudioSource, output_length
from kvant.bitstream import Damage, Header, Layout, Packing, Reader, Writer
from kvant.bitstream.errors import InvalidHeader
from kvant.bitstream.header_values import NO_TABLES, RANGES
from kvant.errors import ModelError, UsageError
from kvant.runtime.codec import Codec
from kvant.runtime.former import former
from kvant.runtime.kept import kept
from kvant.runtime.models import candidates
from kvant.runtime.packing import Packed, packed
from kvant.runtime.playback import Playback
from kvant.runtime.search import AS_IT_COMES, Search
from kvant.runtime.segments import Decoding, Segment

BLOCK_SECONDS = 2
MAX_SLOTS = 64
"""Of a frame, by the format."""

Progress = Callable[[int], None]
"""Called with the samples done so far, per channel at the source's rate."""


class Sink(Protocol):
    """Where decoded audio goes, such as `kvant.audio.AudioSink`."""

    def write(self, block: np.ndarray) -> None: ...


class DecodeReport(NamedTuple):
    """damage: what was wrong and skipped. lost_frames: replaced by silence. complete: nothing is missing."""

    damage: list[Damage]
    lost_frames: int
    complete: bool


RAW = Packed(Packing.RAW, None)
DESCRIBED = "codec_rate", "hop_length", "pre_skip", "streams", "codebook_sizes", "strides", "segment_stride"
"""What a header says of its model."""


def header_for(
    codec: Codec,
    sample_rate: int,
    channels: int,
    num_samples: int | None,
    how: Packed = RAW,
    num_codebooks: int | None = None,
) -> Header:
    """The header of a stream: a stereo file is two streams of a mono model, and says so.

    num_codebooks: levels that frames will have at most, all if None. Of many channels the header has as many as fit;
    UsageError: those do not. Also for a rate that streams cannot name.
    """
    lowest, highest = RANGES["source_rate"]
    if not lowest <= sample_rate <= highest:
        raise UsageError(f"{sample_rate} Hz: streams are of recordings of {lowest} to {highest} Hz; resample it first")
    streams = codec.streams(channels)
    levels = min(codec.num_codebooks, MAX_SLOTS // streams)
    if levels < (num_codebooks or codec.num_codebooks):
        most = MAX_SLOTS // codec.num_codebooks
        raise UsageError(
            f"{channels} channels; a stream of {codec.name} holds at most {most}, or {channels} with {levels} "
            "codebooks each: ask for so few, or split the file"
        )
    return Header(
        model_id=codec.name,
        decoder_digest=codec.decoder_digest,
        encoder_digest=codec.model_digest,
        codec_rate=codec.sample_rate,
        source_rate=sample_rate,
        channels=channels,
        layout=Layout.NATIVE if streams == 1 else Layout.STREAMS,
        num_samples=num_samples,
        hop_length=codec.hop_length,
        pre_skip=codec.pre_skip,
        codebook_sizes=tuple(np.repeat(codec.codebook_sizes[:levels], streams).tolist()),
        strides=tuple(np.repeat(codec.slot_strides[:levels], streams).tolist()),
        reset_interval=codec.segment_frames,
        packing=how.packing,
        table_digest=NO_TABLES if how.model is None else how.model.digest,
        segment_stride=codec.segment_stride,
    )


def codec_for(header: Header, name_or_path: str | None = None) -> Codec:
    """The model that decodes a stream: by name or path, else the imported one of the name that the stream gives, or the
    shipped one, with the digest it gives.

    A model that got more levels since is taken as it was. ModelError shows both digests when the given model is
    another; InvalidHeader when the stream contradicts its model.
    """
    names = candidates(header.model_id) if name_or_path is None else [name_or_path]
    levels, tried = header.num_levels, []
    for name in names:
        codec = kept(name)
        tried.append(codec)
        changed = codec.decoder_digest != header.decoder_digest
        if changed and codec.num_codebooks > levels and type(codec) is Codec:  # those on torch get no levels later
            codec = former(name, levels)
        if codec.decoder_digest == header.decoder_digest:
            expected = header_for(codec, header.source_rate, header.channels, None, num_codebooks=1)
            differs = any(getattr(header, name) != getattr(expected, name) for name in DESCRIBED)
            if differs or header.spanned(1) != expected.spanned(1):
                raise InvalidHeader(f"the header names {codec.name} but describes another model; the stream is forged")
            return codec
    found = "; ".join(f"{codec.name} has {codec.decoder_digest.hex()[:16]}" for codec in tried) or "no model here"
    raise ModelError(
        f"the stream was made with {header.model_id!r}, decoder {header.decoder_digest.hex()[:16]}; {found}. "
        "Give the folder of that model with -m"
    )


def encode_file(
    source: AudioSource,
    sink: BinaryIO,
    codec: Codec,
    search: Search = AS_IT_COMES,
    how: Packed | None = None,
    live: bool = False,
    progress: Progress | None = None,
) -> int:
    """Encode `source` into `sink` as it is read; the bits of all codes. `live`: every frame is sent at once, in a block
    of its own.

    how: the stream is packed; None: as `packed` has it.
    """
    how = packed(codec, search.limit is not None, live=live) if how is None else how
    levels = codec.check_levels(search.num_codebooks, search.limit)
    header = header_for(codec, source.sample_rate, source.channels, source.num_samples, how, levels)
    stream = codec.encoder_stream(source.sample_rate, source.channels, *search)
    done = 0
    hop = output_length(codec.hop_length, codec.sample_rate, source.sample_rate)
    writer = Writer(sink, header, 1 if live else None, how.model)
    for block in source.blocks(hop if live else BLOCK_SECONDS * source.sample_rate):
        put(writer, stream.push(block))
        done += block.shape[1]
        if progress:
            progress(done)
    put(writer, stream.flush())
    writer.close(num_samples=done)
    return writer.payload_bits


def decode_file(
    reader: Reader,
    make_sink: Callable[[int, int], AbstractContextManager[Sink]],
    codec: Codec,
    progress: Progress | None = None,
) -> DecodeReport:
    """Decode a stream into `make_sink(sample_rate, channels)`: everything that is whole, silence for lost frames."""
    header = reader.header
    if header.table_digest != NO_TABLES:
        reader.use(codec.entropy_model)
    stream = cast(Decoding, codec.decoder_stream(header.source_rate, header.channels))
    waiting = np.zeros((header.channels, 0), np.float32)
    done = 0
    with make_sink(header.source_rate, header.channels) as sink:

        def emit(ready: int) -> None:
            nonlocal done, waiting
            sink.write(waiting[:, :ready])
            done, waiting = done + ready, waiting[:, ready:]
            if progress:
                progress(done)

        for wav, certain in Playback(reader, stream):
            waiting = np.concatenate([waiting, wav], axis=1)
            emit(min(waiting.shape[1], max(0, certain - done)))
        rest = waiting.shape[1]
        emit(rest if reader.num_samples is None else min(rest, max(0, reader.num_samples - done)))
    return DecodeReport(reader.damage, reader.lost_frames, reader.complete)


def put(writer: Writer, coded: np.ndarray | list[Segment]) -> None:
    """Append to a stream what an encoder stream gives: codes [C, K, T], or segments."""
    if isinstance(coded, np.ndarray):
        writer.write(slots(coded))
        return
    for segment in coded:
        writer.write_segment(slots(segment.codes), segment.gain)


def slots(codes: np.ndarray) -> np.ndarray:
    """Codes [C, K, T] as the slots of a frame [K * C, T]: level by level, in each level channel by channel.

    `kvant.runtime.playback.channels` is the inverse.
    """
    num_channels, levels, frames = codes.shape
    return codes.transpose(1, 0, 2).reshape(levels * num_channels, frames)
