"""Graphs of known codecs: what remembers, mirrors its edges or looks ahead is in onnxruntime what it is in torch."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import kvant
from kvant.audio import open_audio, write
from kvant.bitstream import ABSENT, info, read_codes, truncate
from kvant.checkpoint import load_codec, save_codec
from kvant.cli.app import app
from kvant.codec import Codec
from kvant.codecs import CODECS, dac, encodec, snac
from kvant.export import adds_up, export
from kvant.layers.seanet import SEANetConfig
from kvant.model_file import read_layout
from kvant.runtime import load
from kvant.runtime.files import encode_file, slots
from kvant.streaming import LookAhead
from tests.laws.small_codecs import level
from tests.near_ties import count_near_ties
from tests.speech import speech
from tests.wide_awake import wake_codec

SEANET = SEANetConfig(filters=4, strides=(3,), kernel_size=5, last_kernel_size=7)
SILENT = encodec.Config(latent_dim=6, num_codebooks=3, codebook_size=16, seanet=SEANET)
DAC = dac.Config(
    sample_rate=16000,
    strides=(3,),
    encoder_channels=4,
    decoder_channels=16,
    latent_dim=8,
    num_codebooks=3,
    codebook_size=16,
    codebook_dim=4,
)
CONFIGS: dict[str, tuple[str, Any]] = {
    "encodec, silent edges": ("encodec", SILENT),
    "encodec, mirrored edges": ("encodec", replace(SILENT, edges="mirror")),
    "dac": ("dac", DAC),
    "snac": ("snac", snac.Config(strides=(3,), encoder_channels=4, decoder_channels=12, codebook_size=16)),
}


class Known(NamedTuple):
    """A codec as its model file gives it back, and as the folder of its graphs does."""

    net: Codec
    codec: kvant.Codec
    folder: Path

    def wav(self, num_samples: int, channels: int = 2) -> Tensor:
        """[channels, 1, num_samples], each of its own."""
        return speech(0.6, batch=channels, seed=3)[..., 2000 : 2000 + num_samples]

    def same_codes(self, wav: Tensor, codes: np.ndarray, others: np.ndarray) -> None:
        """Equal but for near ties, one in a thousand frames."""
        assert codes.shape == others.shape
        if codes.size and (codes != others).any():
            with torch.no_grad():
                latents = self.net.encoder(self.net.pad(wav))
            pair = (torch.from_numpy(each) for each in (codes, others))
            assert count_near_ties(self.net.quantizer, latents, *pair) <= max(1, codes[:, 0].size // 1000)


@pytest.fixture(scope="module", params=list(CONFIGS))
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """Exported once: tracing takes longer than all tests together."""
    architecture, config = CONFIGS[request.param]
    folder = tmp_path_factory.mktemp(architecture)
    weights = folder / "model.safetensors"
    torch.manual_seed(0)
    codec = CODECS[architecture][1](config).eval()
    codec = wake_codec(level(codec), seconds=2) if architecture == "encodec" else codec
    save_codec(weights, codec, architecture, config, {"name": "known"}, half=False)
    export(weights)
    return Known(load_codec(weights), load(str(folder)), folder)


def close(wav: np.ndarray, other: np.ndarray) -> None:
    assert wav.shape == other.shape
    assert wav.size == 0 or np.abs(wav - other).max() <= 1e-5 * max(1, np.abs(other).max())


def pushed(take: Callable[[np.ndarray], np.ndarray], x: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """What a stream gives for x [..., n] in blocks of `sizes` in turn."""
    outputs, start, turn = [], 0, 0
    while start < x.shape[-1]:
        size = sizes[turn % len(sizes)]
        outputs.append(take(x[..., start : start + size]))
        start, turn = start + size, turn + 1
    return outputs


@pytest.mark.parametrize(
    ("hops", "samples"), [(0, 0), (0, 1), (1, -1), (1, 0), (1, 1), (10, 3), (300, 2)], ids=lambda number: str(number)
)
def test_the_whole_is_that_of_torch(known: Known, hops: int, samples: int) -> None:
    count = hops * known.net.hop_length + samples
    wav = known.wav(count)
    expected = known.net.encode(wav)
    coded = known.codec.encode(wav[:, 0].numpy(), known.codec.sample_rate)
    known.same_codes(wav, coded.codes, expected.numpy())
    for depth in (known.codec.num_codebooks, 1):
        heard = known.codec.decode(coded._replace(codes=coded.codes[:, :depth]))
        close(heard, known.net.decode(torch.from_numpy(coded.codes[:, :depth]), count)[:, 0].numpy())
    if hops > 100:
        assert heard.std() > 0.02


@pytest.mark.parametrize("sizes", [[1], ["hop"], [7, 0, 50, 13], [100_000]], ids=str)
def test_streams_are_the_whole_in_any_blocks(known: Known, sizes: list[Any]) -> None:
    sizes = [known.net.hop_length if size == "hop" else size for size in sizes]
    wav = known.wav(60 * known.net.hop_length + 2)
    x, rate = wav[:, 0].numpy(), known.codec.sample_rate
    whole = known.codec.encode(x, rate)
    encoder, decoder = known.codec.encoder_stream(channels=2), known.codec.decoder_stream(channels=2)
    for _ in range(2):  # a stream is as new after a flush
        parts = [*pushed(encoder.push, x, sizes), encoder.flush()]
        codes = np.concatenate(parts, axis=-1)
        known.same_codes(wav, codes, whole.codes)
        heard = np.concatenate([*map(decoder.push, parts), decoder.flush()], axis=1)
        close(heard[:, : x.shape[1]], known.codec.decode(whole._replace(codes=codes)))


def test_pieces_of_a_bounded_size_are_the_whole(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    wav = known.wav(150 * known.net.hop_length + 1)
    x, rate = wav[:, 0].numpy(), known.codec.sample_rate
    whole = known.codec.encode(x, rate)
    heard = known.codec.decode(whole)
    monkeypatch.setattr("kvant.runtime.reach.PIECE_SAMPLES", 11 * known.net.hop_length)
    monkeypatch.setattr("kvant.runtime.reach.STEP_SAMPLES", 11 * known.net.hop_length)
    coded = known.codec.encode(x, rate)
    known.same_codes(wav, coded.codes, whole.codes)
    close(known.codec.decode(whole), heard)


def test_samples_come_back_as_soon_as_declared(known: Known) -> None:
    """A stream's latency is that of its first frame; in torch it is exact, here in frames."""
    hop, latency = known.net.hop_length, known.codec.latency
    assert known.net.latency <= latency < known.net.latency + 2 * hop
    x = known.wav(100 * hop, channels=1)[:, 0].numpy()
    encoder, decoder = known.codec.encoder_stream(), known.codec.decoder_stream()
    looks_ahead = isinstance(known.net.encoder, LookAhead)
    out = 0
    for taken in range(1, 101):
        out += decoder.push(encoder.push(x[:, (taken - 1) * hop : taken * hop])).shape[1]
        if taken * hop < latency:
            assert out == 0
        else:  # what mirrors its edges waits for the first frames alone
            assert out == ((taken * hop - latency + hop) if looks_ahead else taken * hop)


def test_lost_frames_are_silent_and_the_rest_keeps_its_time(known: Known) -> None:
    hop = known.net.hop_length
    x = known.wav(200 * hop, channels=1)[:, 0].numpy()
    codes = known.codec.encode(x, known.codec.sample_rate).codes
    stream = known.codec.decoder_stream()
    clean = np.concatenate([stream.push(codes), stream.flush()], axis=1)
    parts = [stream.push(codes[..., :90]), stream.skip(5), stream.push(codes[..., 95:]), stream.flush()]
    heard = np.concatenate(parts, axis=1)
    assert heard.shape == clean.shape
    assert not heard[:, 90 * hop : 95 * hop].any()
    close(heard[:, : 70 * hop], clean[:, : 70 * hop])
    forgotten = 95 + (60 if "lstm" in " ".join(name for name, _ in known.net.named_modules()) else 20)
    assert np.abs(heard[:, forgotten * hop :] - clean[:, forgotten * hop :]).max() < 1e-3
    assert np.abs(heard[:, 95 * hop : 96 * hop] - clean[:, 95 * hop : 96 * hop]).max() > 1e-3


def test_the_depth_may_change_within_a_stream(known: Known) -> None:
    """Blocks of fewer levels than others, some of them still waiting: as if the missing codes decoded to nothing."""
    hop = known.net.hop_length
    x = known.wav(60 * hop, channels=1)[:, 0].numpy()
    codes = known.codec.encode(x, known.codec.sample_rate).codes
    stream = known.codec.decoder_stream()
    heard = [stream.push(codes[..., :3]), stream.push(codes[:, :1, 3:30]), stream.push(codes[:, :2, 30:])]
    heard = np.concatenate([*heard, stream.flush()], axis=1)
    ragged = codes.copy()
    ragged[:, 1:, 3:30] = ragged[:, 2:, 30:] = ABSENT
    ragged[:, 2:, 30:] = ABSENT
    close(heard, known.net.decode(torch.from_numpy(ragged))[:, 0].numpy())


def test_files_hold_the_codes_and_decode_to_the_wav(known: Known, tmp_path: Path) -> None:
    """In memory, by blocks of a file, and live; cut short, it is what would have been encoded so."""
    wav = known.wav(5000)
    x, rate, model = wav[:, 0].numpy(), known.codec.sample_rate, str(known.folder)
    coded = known.codec.encode(x, rate)
    data = kvant.compress(x, rate, model=model)
    write(tmp_path / "in.wav", x, rate, subtype="FLOAT")
    streams = [data]
    for live in (False, True):
        sink = io.BytesIO()
        with open_audio(tmp_path / "in.wav") as source:
            encode_file(source, sink, known.codec, live=live)
        streams.append(sink.getvalue())
    assert streams[1] == data
    assert len(streams[2]) > len(data)
    heard = known.codec.decode(coded)
    for stream in streams:
        header, frame_slots = read_codes(io.BytesIO(stream))
        known.same_codes(wav, coded.codes, frame_slots.reshape(-1, 2, frame_slots.shape[-1]).transpose(1, 0, 2))
        assert header.strides[::2] == getattr(known.net.quantizer, "slot_strides", (1,) * known.codec.num_codebooks)
        close(kvant.decompress(stream, model)[0], heard)
    lower = io.BytesIO()
    truncate(io.BytesIO(data), lower, 2 * 2)
    np.testing.assert_array_equal(read_codes(io.BytesIO(lower.getvalue()))[1], slots(coded.codes[:, :2]))
    close(kvant.decompress(lower.getvalue(), model)[0], known.codec.decode(coded._replace(codes=coded.codes[:, :2])))


def test_a_beam_is_that_of_torch_where_codebooks_add_up(known: Known) -> None:
    if not adds_up(known.net.quantizer):
        pytest.skip("its levels are projected")
    wav = known.wav(100 * known.net.hop_length)
    coded = known.codec.encode(wav[:, 0].numpy(), known.codec.sample_rate, beam=3)
    assert np.array_equal(coded.codes, known.net.encode(wav, beam=3).numpy())


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx"])
def test_graphs_hold_no_weights(known: Known, name: str) -> None:
    model = onnx.load(str(known.folder / name), load_external_data=False)
    onnx.checker.check_model(str(known.folder / name))
    layout = read_layout(known.folder / "model.safetensors")
    part = name.removesuffix(".onnx")
    outside = {i.name for i in model.graph.initializer if i.data_location == onnx.TensorProto.EXTERNAL}
    assert {key for key in layout if key.startswith(f"{part}.")} <= outside
    assert sum(len(i.raw_data) for i in model.graph.initializer) < 4000


def test_every_verb_takes_the_folder(known: Known, tmp_path: Path) -> None:
    write(tmp_path / "in.wav", known.wav(5000, channels=1)[0].numpy(), 24000)

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, list(map(str, arguments)), prog_name="kvant")
        assert result.exit_code == 0, result.output
        return result.stdout

    run("encode", tmp_path / "in.wav", "-m", known.folder)
    assert "model    known" in run("info", tmp_path / "in.kvt")
    run("decode", tmp_path / "in.kvt", tmp_path / "out.wav", "-m", known.folder)
    assert info((tmp_path / "in.kvt").open("rb")).num_samples == 5000
    assert "SI-SDR" in run("roundtrip", tmp_path / "in.wav", "-m", known.folder)
