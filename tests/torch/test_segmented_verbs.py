"""A codec of segments behind the verbs of every other: what streams and files carry is what the network makes."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import kvant
from kvant.audio import open_audio, read, resample, write
from kvant.bitstream import ABSENT, Layout, Packing, Reader, Writer, info, seek, truncate, verify
from kvant.bitstream.errors import InvalidHeader
from kvant.checkpoint import save_codec
from kvant.cli.app import app
from kvant.codecs import encodec_stereo
from kvant.codecs.segmented import SegmentedCodec
from kvant.errors import ModelError, UsageError
from kvant.layers.seanet import SEANetConfig
from kvant.model_file import read_model_file, write_model_file
from kvant.quantizers import ResidualQuantizer
from kvant.runtime.files import codec_for, decode_file, encode_file, header_for
from kvant.runtime.playback import taken
from kvant.torch_codec import SegmentedTorchCodec
from tests.speech import speech
from tests.wide_awake import scatter, wake

RATE, HOP, FRAMES, STRIDE, LENGTH = 48000, 10, 20, 185, 200
"""As in the published codec a stride ends within a hop, so the last segment but one may lack a frame."""
CONFIG = encodec_stereo.Config(
    latent_dim=6,
    num_codebooks=4,
    codebook_size=32,
    lstm_layers=1,
    seanet=SEANetConfig(filters=4, strides=(2, 5), channels=2),
    segment_length=LENGTH,
    segment_stride=STRIDE,
)
LENGTHS = [0, 1, 9, 10, 185, 186, 190, 191, 195, 196, 200, 201, 370, 371, 376, 381, 390, 2000]


class Known(NamedTuple):
    net: SegmentedCodec
    codec: SegmentedTorchCodec
    folder: Path


def stereo(length: int) -> np.ndarray:
    """[2, length], two voices, each louder on its side."""
    one, other = (speech(0.2, 1, seed)[0, 0, 400 : 400 + length].numpy() for seed in (5, 6))
    return np.stack([one + 0.3 * other, 0.4 * other - 0.1 * one])


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    torch.manual_seed(0)
    net = encodec_stereo.build(CONFIG)
    wake(net)
    assert isinstance(net.quantizer, ResidualQuantizer)
    remedies, net.quantizer.remedies = net.quantizer.remedies, (scatter,)
    net.train()(torch.from_numpy(np.stack([stereo(LENGTH + 100 * i)[:, -LENGTH:] for i in range(8)])))
    net.quantizer.remedies = remedies
    folder = tmp_path_factory.mktemp("segmented")
    save_codec(folder / "model.safetensors", net.eval(), "encodec-stereo", CONFIG, {"name": "known"}, half=False)
    codec = kvant.load(str(folder))
    assert isinstance(codec, SegmentedTorchCodec)
    return Known(net, codec, folder)


def expected(
    known: Known, wav: np.ndarray, levels: int | None = None
) -> tuple[list[np.ndarray], list[float], np.ndarray]:
    """Codes [K, T] and scale of each segment, and the wav, as the network has them of the whole."""
    x: Tensor = torch.from_numpy(wav)[None]
    segments = known.net.encode(x, levels)
    heard = known.net.decode(segments, wav.shape[1])[0].numpy() if segments else wav
    return [segment.codes[0].numpy() for segment in segments], [segment.scale.item() for segment in segments], heard


def file_of(known: Known, wav: np.ndarray, tmp_path: Path, rate: int = RATE, live: bool = False) -> bytes:
    write(tmp_path / "in.wav", wav, rate, subtype="FLOAT", overwrite=True)
    sink = io.BytesIO()
    with open_audio(tmp_path / "in.wav") as source:
        encode_file(source, sink, known.codec, live=live)
    return sink.getvalue()


def heard_of(known: Known, stream: bytes) -> np.ndarray:
    blocks: list[np.ndarray] = []
    sink = type("Sink", (), {"write": lambda self, block: blocks.append(block)})()
    decode_file(Reader(io.BytesIO(stream)), lambda rate, channels: nullcontext(sink), known.codec)
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("length", LENGTHS)
def test_codes_gains_and_wav_are_the_networks(known: Known, tmp_path: Path, length: int) -> None:
    """In memory, in a file by blocks, and live; at lengths at which segments are cut short in every way."""
    wav = stereo(length)
    codes, scales, heard = expected(known, wav)
    coded = known.codec.encode(wav, RATE)
    assert coded.gains == tuple((part.shape[1], scale) for part, scale in zip(codes, scales, strict=True))
    np.testing.assert_array_equal(coded.codes[0], np.concatenate([np.zeros((4, 0), int), *codes], axis=1))
    np.testing.assert_allclose(known.codec.decode(coded), heard, rtol=0, atol=1e-5)
    stream = kvant.compress(wav, RATE, model=str(known.folder))
    if length:
        assert file_of(known, wav, tmp_path) == file_of(known, wav, tmp_path, live=True) == stream
    blocks = list(Reader(io.BytesIO(stream), strict=True))
    assert [block.gain for block in blocks] == scales
    assert all(np.array_equal(block.codes, part) for block, part in zip(blocks, codes, strict=True))
    assert [block.start for block in blocks] == [FRAMES * index for index in range(len(codes))]
    np.testing.assert_allclose(kvant.decompress(stream, str(known.folder))[0], heard, rtol=0, atol=1e-5)
    assert verify(io.BytesIO(stream)).ok
    assert info(io.BytesIO(stream)).duration_seconds == length / RATE


def test_the_last_segment_but_one_may_lack_a_frame(known: Known) -> None:
    assert [frames for frames, _ in known.codec.encode(stereo(376), RATE).gains] == [20, 20, 1]
    assert [frames for frames, _ in known.codec.encode(stereo(371), RATE).gains] == [20, 19, 1]


@pytest.mark.parametrize("packing", Packing)
def test_fewer_codebooks_are_what_would_have_been_encoded_so(known: Known, packing: Packing) -> None:
    wav, model = stereo(1000), str(known.folder)
    lower = io.BytesIO()
    truncate(io.BytesIO(kvant.compress(wav, RATE, model=model, packing=packing)), lower, 2)
    assert verify(io.BytesIO(lower.getvalue())).ok
    if packing == Packing.RAW:
        assert lower.getvalue() == kvant.compress(wav, RATE, num_codebooks=2, model=model)
    heard = kvant.decompress(lower.getvalue(), model)[0]
    np.testing.assert_allclose(heard, expected(known, wav, 2)[2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("sizes", [[1], [7, 0, 50, 13], [100_000]], ids=str)
def test_streams_are_the_whole_in_any_blocks_and_give_a_stride_a_segment(known: Known, sizes: list[int]) -> None:
    wav = stereo(1000)
    encoder, decoder = known.codec.encoder_stream(channels=2), known.codec.decoder_stream(channels=2)
    codes, scales, heard = expected(known, wav)
    for _ in range(2):  # a stream is as new after a flush
        segments, start, turn = [], 0, 0
        while start < wav.shape[1]:
            segments += encoder.push(wav[:, start : start + sizes[turn % len(sizes)]])
            start, turn = start + sizes[turn % len(sizes)], turn + 1
        segments += encoder.flush()
        assert [segment.gain for segment in segments] == scales
        assert all(np.array_equal(segment.codes[0], part) for segment, part in zip(segments, codes, strict=True))
        parts = [decoder.push(segment) for segment in segments]
        assert {part.shape[1] for part in parts[:-1]} == {STRIDE}
        np.testing.assert_allclose(
            np.concatenate([*parts, decoder.flush()], axis=1)[:, :1000], heard, rtol=0, atol=1e-5
        )


def test_other_rates_go_through_the_networks(known: Known, tmp_path: Path) -> None:
    wav = stereo(3000)
    stream = file_of(known, wav, tmp_path, 44100)
    codes = expected(known, resample(wav, 44100, RATE))[0]
    blocks = list(Reader(io.BytesIO(stream)))
    assert all(np.array_equal(block.codes, part) for block, part in zip(blocks, codes, strict=True))
    assert heard_of(known, stream).shape == wav.shape


def test_mono_is_both_channels_alike_and_comes_back_as_their_mean(known: Known, tmp_path: Path) -> None:
    wav = stereo(1000)[:1]
    _, scales, heard = expected(known, np.repeat(wav, 2, axis=0))
    stream = file_of(known, wav, tmp_path)
    header = Reader(io.BytesIO(stream)).header
    assert (header.channels, header.layout, len(header.codebook_sizes)) == (1, Layout.NATIVE, 4)
    assert [block.gain for block in Reader(io.BytesIO(stream))] == scales
    np.testing.assert_allclose(heard_of(known, stream), heard.mean(0, keepdims=True), rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        known.codec.decode(known.codec.encode(wav, RATE)), heard.mean(0, keepdims=True), rtol=0, atol=1e-5
    )


def test_a_lost_segment_is_silent_where_no_other_is_and_the_rest_keeps_its_time(known: Known) -> None:
    stream = bytearray(kvant.compress(stereo(1000), RATE, model=str(known.folder)))
    clean = heard_of(known, bytes(stream))
    third = [place.start() for place in re.finditer(rb"\xd6K\x02", stream)][2]
    stream[third + 20] ^= 1
    reader = Reader(io.BytesIO(bytes(stream)))
    assert [block.start // FRAMES for block in reader] == [0, 1, 3, 4, 5]
    assert reader.lost_frames == FRAMES
    lost = 2 * STRIDE
    wav = heard_of(known, bytes(stream))
    assert wav.shape == clean.shape
    assert not wav[:, lost + LENGTH - STRIDE : lost + STRIDE].any()
    np.testing.assert_allclose(wav[:, :lost], clean[:, :lost], rtol=0, atol=1e-6)
    np.testing.assert_allclose(wav[:, lost + LENGTH :], clean[:, lost + LENGTH :], rtol=0, atol=1e-6)
    assert np.abs(clean[:, lost:]).max() > 0.01


def test_from_the_middle_it_is_the_same_but_for_what_fades_in(known: Known) -> None:
    stream = kvant.compress(stereo(2000), RATE, model=str(known.folder))
    whole = heard_of(known, stream)
    reader = seek(io.BytesIO(stream), 5 * FRAMES + 3)
    decoder = known.codec.decoder_stream(channels=2)
    parts = [decoder.push(taken(block, 1)) for block in reader]  # type: ignore[arg-type]
    wav = np.concatenate([*parts, decoder.flush()], axis=1)[:, : 2000 - 5 * STRIDE]
    overlap = LENGTH - STRIDE
    np.testing.assert_allclose(wav[:, overlap:], whole[:, 5 * STRIDE + overlap :], rtol=0, atol=1e-6)


def test_what_it_does_not_code_it_says(known: Known) -> None:
    with pytest.raises(UsageError, match="codes 2 together, or mono"):
        header_for(known.codec, RATE, 3, None)
    for options in ({"beam": 2}, {"limit": 0.1}):
        with pytest.raises(UsageError, match="without a beam"):
            known.codec.encode(stereo(300), RATE, **options)  # type: ignore[arg-type]
    coded = known.codec.encode(stereo(300), RATE)
    with pytest.raises(UsageError, match="without gains"):
        known.codec.decode(coded._replace(codes=coded.codes[..., 1:]))


@pytest.mark.parametrize("changes", [{"segment_stride": 190}, {"reset_interval": 19}, {"segment_stride": 0}])
def test_a_header_of_other_segments_is_forged(known: Known, changes: dict[str, int]) -> None:
    header = replace(header_for(known.codec, RATE, 2, None), **changes)  # type: ignore[arg-type]
    with pytest.raises(InvalidHeader, match="forged"):
        codec_for(header, str(known.folder))


def test_frames_of_their_own_depth_are_refused_by_name(known: Known) -> None:
    header = replace(header_for(known.codec, RATE, 2, None), packing=Packing.CODED)
    sink = io.BytesIO()
    with Writer(sink, header) as writer:
        writer.write_segment(np.array([[1, 2], [3, ABSENT]]), 0.5)
    with pytest.raises(ModelError, match="no frames of fewer codes"):
        heard_of(known, sink.getvalue())


def test_rates_count_the_overlap(known: Known) -> None:
    assert known.codec.frame_rate == FRAMES * RATE / STRIDE
    assert known.codec.bitrate(2) == 2 * 5 * FRAMES * RATE / STRIDE
    assert known.codec.latency == LENGTH
    stream = kvant.compress(stereo(8 * STRIDE), RATE, model=str(known.folder))
    assert Reader(io.BytesIO(stream)).header.bitrate() == known.codec.bitrate()


def test_a_model_file_of_before_is_taken(known: Known, tmp_path: Path) -> None:
    """Its signal told of no pre_skip."""
    model = read_model_file(known.folder / "model.safetensors")
    signal = {key: value for key, value in model.metadata["signal"].items() if key != "pre_skip"}
    write_model_file(
        tmp_path / "model.safetensors", model.tensors, model.metadata | {"signal": signal}, overwrite=False
    )
    assert kvant.load(str(tmp_path)).encode(stereo(300), RATE).gains == known.codec.encode(stereo(300), RATE).gains


@pytest.fixture
def run(known: Known) -> Callable[..., str]:
    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, list(map(str, arguments)), prog_name="kvant")
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_every_verb_takes_the_folder(known: Known, run: Callable[..., str], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        write(tmp_path / "in" / name / "x.wav", stereo(1500), RATE, subtype="FLOAT")
    run("encode", tmp_path / "in", tmp_path / "kvt", "-m", known.folder)
    first = tmp_path / "kvt" / "a" / "x.kvt"
    assert first.read_bytes() == (tmp_path / "kvt" / "b" / "x.kvt").read_bytes()
    said = json.loads(run("info", first, "--json"))
    assert (said["frames"], said["header"]["segment_stride"], said["header"]["layout"]) == (162, STRIDE, "native")
    assert "segments of 20 frames, one every 185 samples" in run("info", first)
    assert "ok, 162 frames in 9 blocks" in run("verify", first)
    run("decode", tmp_path / "kvt", tmp_path / "out", "-m", known.folder)
    run("truncate", first, tmp_path / "low.kvt", "-n", 2)
    run("decode", tmp_path / "low.kvt", tmp_path / "low.wav", "-m", known.folder)
    run("decode", first, tmp_path / "shallow.wav", "-n", 2, "-m", known.folder)
    heard = read(tmp_path / "out" / "b" / "x.wav")[0]
    np.testing.assert_allclose(heard, expected(known, stereo(1500))[2], rtol=0, atol=1e-4)  # 16 bits
    low = read(tmp_path / "low.wav")[0]
    np.testing.assert_allclose(low, expected(known, stereo(1500), 2)[2], rtol=0, atol=1e-4)
    np.testing.assert_array_equal(low, read(tmp_path / "shallow.wav")[0])
    assert "4 codebooks" in run("roundtrip", tmp_path / "in" / "a" / "x.wav", "-m", known.folder)


def test_through_pipes(known: Known, tmp_path: Path) -> None:
    write(tmp_path / "x.wav", stereo(1500), RATE, subtype="FLOAT")

    def kvant_of(data: bytes, *arguments: object) -> bytes:
        command = [sys.executable, "-c", "from kvant.cli import main; main()", *map(str, arguments)]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    stream = kvant_of((tmp_path / "x.wav").read_bytes(), "encode", "-", "-", "-m", known.folder)
    wav = kvant_of(stream, "decode", "-", "-", "-m", known.folder)
    (tmp_path / "out.wav").write_bytes(wav)
    np.testing.assert_allclose(read(tmp_path / "out.wav")[0], expected(known, stereo(1500))[2], rtol=0, atol=1e-4)
