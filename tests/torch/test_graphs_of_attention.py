"""Graphs of known codecs with transformers, windows of attention, and parts that hear everything: they are the codec.

Those of plain convolutions and recurrences are in `test_known_codecs.py`, with all that can be asked of graphs.
"""

from dataclasses import replace
from math import isinf
from typing import Any

import numpy as np
import pytest
import torch

from kvant.checkpoint import load_codec, save_codec
from kvant.codecs import CODECS, mimi, snac, speechtokenizer, wavtokenizer
from kvant.decoders.vocos import BackboneConfig
from kvant.export import export
from kvant.layers.bidirectional_lstm import BidirectionalLSTM
from kvant.layers.place_net import PlaceNet
from kvant.layers.seanet import SEANetConfig
from kvant.layers.transformer import TransformerConfig
from kvant.runtime import load
from tests.laws.small_codecs import level
from tests.torch.test_known_codecs import Known, close, pushed
from tests.wide_awake import wake_codec

SEANET = SEANetConfig(filters=4, strides=(3,))
CONFIGS: dict[str, Any] = {
    "mimi": mimi.Config(
        latent_dim=8,
        num_codebooks=3,
        codebook_size=16,
        codebook_dim=4,
        seanet=replace(SEANET, last_kernel_size=3),
        transformer=TransformerConfig(layers=1, heads=2, hidden=12, window=11, layer_scale=0.3),
    ),
    "snac": replace(
        snac.KHZ_32,
        strides=(3,),
        encoder_channels=4,
        decoder_channels=16,
        codebook_size=16,
        attention_window=16,
        head_dim=4,
    ),
    "speechtokenizer": speechtokenizer.Config(latent_dim=6, num_codebooks=3, codebook_size=16, seanet=SEANET),
    "wavtokenizer": wavtokenizer.Config(
        latent_dim=6,
        codebook_size=16,
        seanet=SEANET,
        backbone=BackboneConfig(8, 12, blocks=1),
        norm_groups=2,
        window_length=12,
    ),
}
HEARING_EVERYTHING = (BidirectionalLSTM, PlaceNet)


@pytest.fixture(scope="module", params=list(CONFIGS))
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """Exported once."""
    architecture, config = request.param, CONFIGS[request.param]
    folder = tmp_path_factory.mktemp(architecture)
    weights = folder / "model.safetensors"
    torch.manual_seed(0)
    codec = CODECS[architecture][1](config).eval()
    codec = codec if architecture == "snac" else wake_codec(level(codec), seconds=2)
    save_codec(weights, codec, architecture, config, {"name": "known"}, half=False)
    export(weights)
    return Known(load_codec(weights), load(str(folder)), folder)


@pytest.mark.parametrize(("hops", "samples"), [(0, 1), (1, 0), (1, 1), (37, 2)], ids=lambda number: str(number))
@pytest.mark.parametrize("channels", [1, 3])
def test_the_whole_is_that_of_torch(known: Known, channels: int, hops: int, samples: int) -> None:
    """Of any length and batch, though one of each was traced."""
    count = hops * known.net.hop_length + samples
    wav = known.wav(count, channels)
    coded = known.codec.encode(wav[:, 0].numpy(), known.codec.sample_rate)
    known.same_codes(wav, coded.codes, known.net.encode(wav).numpy())
    heard = known.codec.decode(coded)
    close(heard, known.net.decode(torch.from_numpy(coded.codes), count)[:, 0].numpy())
    assert hops < 10 or heard.std() > 1e-3


@pytest.mark.parametrize("sizes", [[7, 0, 50, 13], [100_000]], ids=str)
def test_streams_are_the_whole_in_any_blocks(known: Known, sizes: list[int]) -> None:
    """Those of what hears everything come at the end."""
    wav = known.wav(40 * known.net.hop_length + 2)
    x = wav[:, 0].numpy()
    whole = known.codec.encode(x, known.codec.sample_rate)
    encoder, decoder = known.codec.encoder_stream(channels=2), known.codec.decoder_stream(channels=2)
    parts = pushed(encoder.push, x, sizes)
    codes = np.concatenate([*parts, encoder.flush()], axis=-1)
    known.same_codes(wav, codes, whole.codes)
    heard = [decoder.push(codes)]
    close(np.concatenate([*heard, decoder.flush()], axis=1)[:, : x.shape[1]], known.codec.decode(whole))
    waits = isinf(known.codec.latency)
    assert waits == any(isinstance(module, HEARING_EVERYTHING) for module in known.net.modules())
    assert waits == (heard[0].shape[1] == 0 or not any(part.size for part in parts))
