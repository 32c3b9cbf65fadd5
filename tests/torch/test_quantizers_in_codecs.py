"""A codec around each kind of quantizer: whole, streamed, cut short, exported, and through a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

import kvant
from kvant.bitstream import Reader
from kvant.bitstream.packing import code_width
from kvant.checkpoint import load_codec, save_codec
from kvant.codec import Codec
from kvant.codecs import CODECS
from kvant.export import export
from kvant.layers.conv import CausalConv1d
from kvant.protocols import State
from kvant.quantizers import FiniteScalarQuantizer, MultiScaleQuantizer
from kvant.streaming import Causal, Chain
from tests.laws.composites import COMPOSITES, DIM, NESTED, projected, vector
from tests.torch.test_export import Engine

RATE = 24000
BUILDERS = {kind.__name__: build for kind, build in COMPOSITES.items()} | NESTED
BUILDERS["two scales"] = lambda: MultiScaleQuantizer([vector(16), projected(FiniteScalarQuantizer([5, 5]), 2)], (2, 1))
WITH_CODES = [name for name, build in BUILDERS.items() if build().codebook_sizes]
EXPORTED = ("FiniteScalarQuantizer", "split in a group", "two scales")


class Hops(Causal):
    """wav [B, 1, DIM * T] as latents [B, DIM, T]."""

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x.reshape(x.shape[0], -1, DIM).transpose(1, 2), state


class Samples(Causal):
    """Latents [B, DIM, T] as wav [B, 1, DIM * T]."""

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x.transpose(1, 2).reshape(x.shape[0], 1, -1), state


@dataclass(frozen=True)
class Config:
    """A codec of the tests. quantizer: one of BUILDERS."""

    quantizer: str


def build(config: Config) -> Codec:
    """The smallest codec with memory, around a quantizer. A frame of a multi-scale one takes several of its hops."""
    torch.manual_seed(0)
    quantizer = BUILDERS[config.quantizer]()
    encoder = Chain(Hops(), CausalConv1d(DIM, DIM, 2))
    decoder = Chain(CausalConv1d(DIM, DIM, 2), Samples())
    span = quantizer.strides[0] if isinstance(quantizer, MultiScaleQuantizer) else 1
    return Codec(encoder, quantizer, decoder, RATE, DIM * span, pre_skip=0).eval()


def noise(samples: int, batch: int = 1) -> Tensor:
    drawn = torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(samples))
    return (0.5 * drawn).clamp(-1, 1)


@pytest.mark.parametrize("name", WITH_CODES)
class TestCodec:
    @pytest.mark.parametrize("samples", [0, 1, DIM, 4 * DIM + 1, 1003])
    def test_as_many_samples_come_out_as_went_in(self, name: str, samples: int) -> None:
        codec = build(Config(name))
        codes = codec.encode(noise(samples, batch=2))
        assert codes.shape == (2, codec.num_codebooks, codec.num_frames(samples))
        for k in {1, codec.num_codebooks}:
            assert codec.decode(codes[:, :k], samples).shape == (2, 1, samples)

    def test_frame_by_frame_is_the_whole(self, name: str) -> None:
        codec = build(Config(name))
        wav = codec.pad(noise(1003, batch=2))
        codes, state = [], codec.encoder.initial_state(2)
        for hop in wav.split(codec.hop_length, dim=-1):
            frame_codes, state = codec.encode_step(hop, state)
            codes.append(frame_codes)
        assert torch.equal(torch.cat(codes, dim=-1), codec.encode(noise(1003, batch=2)))
        heard, state = [], codec.decoder.initial_state(2)
        for frame_codes in codes:
            samples, state = codec.decode_step(frame_codes, state)
            heard.append(samples)
        whole = codec.decode(torch.cat(codes, dim=-1), 1003)
        torch.testing.assert_close(codec.trim(torch.cat(heard, dim=-1), 1003), whole, rtol=1e-5, atol=1e-6)

    def test_training_reaches_the_encoder(self, name: str) -> None:
        codec = build(Config(name)).train()
        depths = torch.tensor([codec.num_codebooks, 1])
        result = codec(noise(1003, batch=2), depths)
        (result.wav.square().mean() + sum(result.quantized.losses.values())).backward()
        assert all(parameter.grad.any() for parameter in codec.encoder.parameters())


class Exported(NamedTuple):
    """A codec as its model file gives it back, and the graphs beside the file."""

    codec: Codec
    folder: Path
    encoder: Engine
    decoder: Engine


@pytest.fixture(scope="module", params=EXPORTED)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder, config = tmp_path_factory.mktemp("quantizer"), Config(request.param)
    weights = folder / "model.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CODECS, "test", (Config, build))
        save_codec(weights, build(config), "test", config, {"name": "test"})
        encoder, decoder = export(weights)
        return Exported(load_codec(weights), folder, Engine(encoder), Engine(decoder))


class TestExported:
    @pytest.mark.parametrize(("batch", "frames"), [(1, 1), (2, 13)])
    def test_graphs_are_the_codec_at_every_depth(self, exported: Exported, batch: int, frames: int) -> None:
        codec = exported.codec
        wav = noise(frames * codec.hop_length, batch)
        with torch.no_grad():
            codes = codec.quantizer.encode(codec.encoder(wav))
        hops = wav.reshape(batch, frames, codec.hop_length).numpy()
        assert np.array_equal(exported.encoder.whole(hops), codes.numpy())
        for k in range(1, codec.num_codebooks + 1):
            with torch.no_grad():
                expected = codec.decoder(codec.quantizer.decode(codes[:, :k]))
            heard = exported.decoder.whole(codes[:, :k].numpy())
            assert np.abs(heard.reshape(batch, 1, -1) - expected.numpy()).max() < 1e-5

    def test_a_file_holds_its_codes_in_as_many_bits_as_their_sizes_take(
        self, exported: Exported, tmp_path: Path
    ) -> None:
        """Sizes need not be powers of two: 9 take 4 bits, 120,000 take 17."""
        codec, wav = exported.codec, noise(4000)
        data = kvant.compress(wav[0].numpy(), RATE, model=str(exported.folder))
        (tmp_path / "a.kvt").write_bytes(data)
        with (tmp_path / "a.kvt").open("rb") as source:
            reader = Reader(source)
            blocks = [block.codes for block in reader]
        codes = np.concatenate(blocks, axis=1)
        assert np.array_equal(codes, codec.encode(wav)[0].numpy())
        header = reader.header
        assert header.codebook_sizes == codec.quantizer.codebook_sizes
        assert header.bits_per_frame() == sum(map(code_width, codec.quantizer.codebook_sizes))
        assert header.strides == getattr(codec.quantizer, "slot_strides", (1,) * codec.num_codebooks)
        back, rate = kvant.decompress(data, model=str(exported.folder))
        assert rate == RATE
        assert np.abs(back - codec.decode(torch.from_numpy(codes)[None], 4000)[0].numpy()).max() < 1e-4
